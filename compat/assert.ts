/**
 * The names and signatures of `@std/assert` that this project's tests use, over `node:assert`.
 *
 * It stands in for the original where JSR cannot be reached; deno.json shows the line that switches.
 * Only what is used is here, and what is here behaves as the original does.
 *
 * @module
 */

import * as node from "node:assert";
import { inspect, isDeepStrictEqual } from "node:util";

/** The error thrown by every assertion here. */
export class AssertionError extends Error {
  /** The class's own name, as printed in front of the message. */
  override readonly name: string = "AssertionError";
}

/** A class whose instances are `Type`, abstract or not. */
// deno-lint-ignore no-explicit-any -- a constructor's parameters are contravariant: no other type accepts every class
export type AnyClass<Type> = abstract new (...args: any[]) => Type;

/** Throws with what was found, what was expected and the caller's own words. */
function raise(found: string, message?: string): never {
  throw new AssertionError(message === undefined ? found : `${found}: ${message}`);
}

/** Runs one of node's assertions and turns its error into ours, keeping the readable difference. */
function delegate(check: () => void, message?: string): void {
  try {
    check();
  } catch (error) {
    if (error instanceof node.AssertionError) raise(error.message, message);
    throw error;
  }
}

/** Requires a truthy value. */
export function assert(value: unknown, message = ""): asserts value {
  if (!value) throw new AssertionError(message || "Expected a truthy value");
}

/** Requires a falsy value. */
export function assertFalse(value: unknown, message?: string): void {
  if (value) raise(`Expected a falsy value, but found ${inspect(value)}`, message);
}

/** Requires deep, strict equality (`NaN` equals itself, `0` and `-0` differ). */
export function assertEquals<Type>(actual: Type, expected: Type, message?: string): void {
  delegate(() => node.deepStrictEqual(actual, expected), message);
}

/** Requires that two values are not deeply equal. */
export function assertNotEquals<Type>(actual: Type, expected: Type, message?: string): void {
  if (isDeepStrictEqual(actual, expected)) {
    raise(`Expected other than ${inspect(expected)}`, message);
  }
}

/** Requires the same value by `Object.is`. */
export function assertStrictEquals<Type>(
  actual: unknown,
  expected: Type,
  message?: string,
): asserts actual is Type {
  delegate(() => node.strictEqual(actual, expected), message);
}

/** Requires another value by `Object.is`. */
export function assertNotStrictEquals(actual: unknown, expected: unknown, message?: string): void {
  delegate(() => node.notStrictEqual(actual, expected), message);
}

/**
 * Requires `|actual - expected| <= tolerance`; without a tolerance, a ten-millionth of the
 * expected number. Equal infinities and NaNs pass.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (isFinite(expected) && expected ? Math.abs(expected * 1e-7) : 1e-7);
  const difference = Math.abs(actual - expected);
  if (difference <= allowed) return;
  raise(
    `Expected ${actual} to be within ${allowed} of ${expected}, but they differ by ${difference}`,
    message,
  );
}

/** Requires a value that is neither `undefined` nor `null`. */
export function assertExists<Type>(
  actual: Type,
  message?: string,
): asserts actual is NonNullable<Type> {
  if (actual === undefined || actual === null) raise(`Expected a value, found ${actual}`, message);
}

/** Requires `actual > expected`. */
export function assertGreater<Type>(actual: Type, expected: Type, message?: string): void {
  if (actual > expected) return;
  raise(`Expected ${inspect(actual)} > ${inspect(expected)}`, message);
}

/** Requires `actual >= expected`. */
export function assertGreaterOrEqual<Type>(actual: Type, expected: Type, message?: string): void {
  if (actual >= expected) return;
  raise(`Expected ${inspect(actual)} >= ${inspect(expected)}`, message);
}

/** Requires `actual < expected`. */
export function assertLess<Type>(actual: Type, expected: Type, message?: string): void {
  if (actual < expected) return;
  raise(`Expected ${inspect(actual)} < ${inspect(expected)}`, message);
}

/** Requires `actual <= expected`. */
export function assertLessOrEqual<Type>(actual: Type, expected: Type, message?: string): void {
  if (actual <= expected) return;
  raise(`Expected ${inspect(actual)} <= ${inspect(expected)}`, message);
}

/** Requires that a text contains another. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (!actual.includes(expected)) {
    raise(`Expected ${inspect(actual)} to contain ${inspect(expected)}`, message);
  }
}

/** Requires that a text matches a pattern. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (!expected.test(actual)) raise(`Expected ${inspect(actual)} to match ${expected}`, message);
}

/** Requires that a text does not match a pattern. */
export function assertNotMatch(actual: string, expected: RegExp, message?: string): void {
  if (expected.test(actual)) raise(`Expected ${inspect(actual)} not to match ${expected}`, message);
}

/** Requires that every value of `expected` is, by deep equality, among those of `actual`. */
export function assertArrayIncludes<Type>(
  actual: ArrayLike<Type>,
  expected: ArrayLike<Type>,
  message?: string,
): void {
  const present = Array.from(actual);
  const missing = Array.from(expected).filter((value) =>
    !present.some((other) => isDeepStrictEqual(other, value))
  );
  if (missing.length > 0) {
    raise(`Expected ${inspect(actual)} to include ${inspect(missing)}`, message);
  }
}

/** Requires an instance of a class. */
export function assertInstanceOf<Type>(
  actual: unknown,
  expectedType: AnyClass<Type>,
  message = "",
): asserts actual is Type {
  if (actual instanceof expectedType) return;
  const found = actual instanceof Object ? `a ${actual.constructor?.name}` : inspect(actual);
  raise(`Expected an instance of ${expectedType.name}, but found ${found}`, message || undefined);
}

/** Requires an error, of a class and with a message that contains or matches, where given. */
export function assertIsError<Type extends Error = Error>(
  error: unknown,
  ErrorClass?: AnyClass<Type>,
  messageMatches?: string | RegExp,
  message?: string,
): asserts error is Type {
  if (!(error instanceof Error)) raise(`Expected an Error, but found ${inspect(error)}`, message);
  if (ErrorClass && !(error instanceof ErrorClass)) {
    raise(
      `Expected ${ErrorClass.name}, but found ${error.constructor.name} (${error.message})`,
      message,
    );
  }
  if (messageMatches === undefined) return;
  const matches = typeof messageMatches === "string"
    ? error.message.includes(messageMatches)
    : messageMatches.test(error.message);
  if (matches) return;
  const wanted = typeof messageMatches === "string"
    ? `include ${inspect(messageMatches)}`
    : `match ${messageMatches}`;
  raise(`Expected the error's message to ${wanted}, but found ${inspect(error.message)}`, message);
}

/** Requires that a function throws; returns what it threw. */
export function assertThrows(fn: () => unknown, message?: string): unknown;
/** Requires that a function throws an error of a class, whose message contains a text; returns it. */
export function assertThrows<Type extends Error = Error>(
  fn: () => unknown,
  ErrorClass: AnyClass<Type>,
  messageIncludes?: string,
  message?: string,
): Type;
/** Requires that a function throws; returns what it threw. */
export function assertThrows<Type extends Error = Error>(
  fn: () => unknown,
  errorClassOrMessage?: AnyClass<Type> | string,
  messageIncludes?: string,
  message?: string,
): unknown {
  const caught = catchFrom(fn);
  if (!caught) raise("Expected the function to throw", wordsOf(errorClassOrMessage, message));
  return checkThrown(caught.error, errorClassOrMessage, messageIncludes, message);
}

/** Requires that a promise is rejected; resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
/** Requires that a promise is rejected with an error of a class, whose message contains a text. */
export function assertRejects<Type extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: AnyClass<Type>,
  messageIncludes?: string,
  message?: string,
): Promise<Type>;
/** Requires that a promise is rejected; resolves to the reason. */
export async function assertRejects<Type extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMessage?: AnyClass<Type> | string,
  messageIncludes?: string,
  message?: string,
): Promise<unknown> {
  const words = wordsOf(errorClassOrMessage, message);
  let promise: PromiseLike<unknown> | undefined;
  const thrown = catchFrom(() => promise = fn());
  if (thrown) raise(`Expected a rejection, but the function threw ${inspect(thrown.error)}`, words);
  const rejected = await Promise.resolve(promise).then(() => undefined, (error) => ({ error }));
  if (!rejected) raise("Expected the promise to be rejected", words);
  return checkThrown(rejected.error, errorClassOrMessage, messageIncludes, message);
}

/** Fails always. */
export function fail(message?: string): never {
  throw new AssertionError(message ? `Failed assertion: ${message}` : "Failed assertion.");
}

/** Fails when a line is reached that should not be. */
export function unreachable(reason?: string): never {
  throw new AssertionError(reason ?? "Unreachable code was reached");
}

/** What a function throws, boxed so that a thrown `undefined` counts as well. */
function catchFrom(fn: () => unknown): { error: unknown } | undefined {
  try {
    fn();
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** The caller's own words, which stand second where no class is given. */
function wordsOf<Type>(errorClassOrMessage?: AnyClass<Type> | string, message?: string) {
  return typeof errorClassOrMessage === "string" ? errorClassOrMessage : message;
}

/** Checks what was thrown against the wanted class and text, and hands it back. */
function checkThrown<Type extends Error>(
  error: unknown,
  errorClassOrMessage?: AnyClass<Type> | string,
  messageIncludes?: string,
  message?: string,
): unknown {
  if (typeof errorClassOrMessage === "function") {
    assertIsError(error, errorClassOrMessage, messageIncludes, message);
  }
  return error;
}
