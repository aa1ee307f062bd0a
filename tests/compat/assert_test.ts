// Each assertion passes where its original passes and fails where its original fails.

import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

/** Throws unless the assertion fails with an AssertionError; does not lean on the code under test. */
function mustFail(name: string, assertion: () => void): void {
  try {
    assertion();
  } catch (error) {
    if (error instanceof AssertionError && error.name === "AssertionError") return;
    throw new Error(`${name} threw something else: ${error}`);
  }
  throw new Error(`${name} passed, and should have failed`);
}

/** The same for assertions that return a promise. */
async function mustReject(name: string, assertion: () => Promise<unknown>): Promise<void> {
  const error = await assertion().then(() => undefined, (reason) => reason);
  if (!(error instanceof AssertionError)) throw new Error(`${name} gave ${error}`);
}

const passing: Record<string, () => void> = {
  "assert a truthy value": () => assert("text"),
  "assertFalse a falsy value": () => assertFalse(0),
  "assertEquals on NaN": () => assertEquals(NaN, NaN),
  "assertEquals on nested data": () => assertEquals({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }),
  "assertEquals on typed arrays": () => assertEquals(Float32Array.of(1, 2), Float32Array.of(1, 2)),
  "assertNotEquals on other data": () => assertNotEquals({ a: 1 }, { a: 2 }),
  "assertStrictEquals on one object": () => assertStrictEquals(passing, passing),
  "assertNotStrictEquals on twins": () => assertNotStrictEquals({}, {}),
  "assertAlmostEquals within its default": () => assertAlmostEquals(0.1 + 0.2, 0.3),
  "assertAlmostEquals on the tolerance": () => assertAlmostEquals(1, 1.5, 0.5),
  "assertAlmostEquals on infinities": () => assertAlmostEquals(Infinity, Infinity),
  "assertExists on zero": () => assertExists(0),
  "assertGreater": () => assertGreater(2, 1),
  "assertGreaterOrEqual": () => assertGreaterOrEqual(2, 2),
  "assertLess": () => assertLess(1, 2),
  "assertLessOrEqual": () => assertLessOrEqual(2, 2),
  "assertStringIncludes": () => assertStringIncludes("a region mask", "mask"),
  "assertMatch": () => assertMatch("block.11", /\.\d+$/),
  "assertNotMatch": () => assertNotMatch("block", /\d/),
  "assertArrayIncludes": () => assertArrayIncludes([{ a: 1 }, { b: 2 }], [{ b: 2 }]),
  "assertInstanceOf": () => assertInstanceOf(new TypeError(), Error),
  "assertIsError": () => assertIsError(new TypeError("no"), TypeError, /^no$/),
  "assertThrows on any error": () => assertThrows(() => fail("expected")),
};

const failing: Record<string, () => void> = {
  "assert": () => assert(0, "zero"),
  "assertFalse": () => assertFalse(1),
  "assertEquals on other numbers": () => assertEquals(1, 2),
  "assertEquals on other lengths": () => assertEquals([1], [1, 2]),
  "assertEquals on the sign of zero": () => assertEquals(0, -0),
  "assertNotEquals": () => assertNotEquals([NaN], [NaN]),
  "assertStrictEquals": () => assertStrictEquals({}, {}),
  "assertNotStrictEquals": () => assertNotStrictEquals(failing, failing),
  "assertAlmostEquals": () => assertAlmostEquals(1, 1.001),
  "assertAlmostEquals on NaN": () => assertAlmostEquals(NaN, 1, 10),
  "assertAlmostEquals on an infinity": () => assertAlmostEquals(1, Infinity),
  "assertExists on undefined": () => assertExists(undefined),
  "assertExists on null": () => assertExists(null),
  "assertGreater": () => assertGreater(1, 1),
  "assertGreaterOrEqual": () => assertGreaterOrEqual(1, 2),
  "assertLess": () => assertLess(1, 1),
  "assertLessOrEqual on NaN": () => assertLessOrEqual(NaN, 1),
  "assertStringIncludes": () => assertStringIncludes("mask", "masks"),
  "assertMatch": () => assertMatch("block", /\d/),
  "assertNotMatch": () => assertNotMatch("block.1", /\d/),
  "assertArrayIncludes": () => assertArrayIncludes([1, 2], [2, 3]),
  "assertInstanceOf": () => assertInstanceOf(new Error(), TypeError),
  "assertIsError on a text": () => assertIsError("no"),
  "assertIsError on another class": () => assertIsError(new Error("no"), TypeError),
  "assertIsError on another message": () => assertIsError(new Error("no"), Error, "yes"),
  "assertThrows on silence": () => assertThrows(() => 1),
  "assertThrows on another class": () => assertThrows(() => fail(), TypeError),
  "assertThrows on another message": () => assertThrows(() => fail("a"), AssertionError, "b"),
  "fail": () => fail("always"),
  "unreachable": () => unreachable(),
};

for (const [name, assertion] of Object.entries(passing)) {
  Deno.test(`${name} passes`, assertion);
}

for (const [name, assertion] of Object.entries(failing)) {
  Deno.test(`${name} fails`, () => mustFail(name, assertion));
}

Deno.test("assertThrows hands back the error, of the class asked for", () => {
  const error: RangeError = assertThrows(
    () => {
      throw new RangeError("out of range");
    },
    RangeError,
    "of range",
  );
  assertStrictEquals(error.message, "out of range");
});

Deno.test("assertRejects hands back the reason and fails on anything but a rejection", async () => {
  const reason = new RangeError("out of range");
  assertStrictEquals(await assertRejects(() => Promise.reject(reason), RangeError), reason);
  assertStrictEquals(await assertRejects(() => Promise.reject(undefined)), undefined);
  await mustReject("resolved", () => assertRejects(() => Promise.resolve(1)));
  await mustReject("other class", () => assertRejects(() => Promise.reject(reason), TypeError));
  await mustReject("thrown at once", () =>
    assertRejects(() => {
      throw reason;
    }));
});

Deno.test("the caller's own words stand in the message", () => {
  const error = assertThrows(() => assertEquals(1, 2, "after 3 steps"), AssertionError);
  assertStringIncludes(error.message, "after 3 steps");
});
