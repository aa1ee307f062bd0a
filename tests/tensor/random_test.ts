// Tests of the random stream: published vectors, closed-form distributions, exact resuming.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ValueError } from "../../errors.ts";
import { inverseNormalCumulative, normalCumulative } from "../../tensor/normal_distribution.ts";
import { philox4x32, RandomStream } from "../../tensor/random.ts";

Deno.test("Philox4x32-10 gives the known answers published with Random123", () => {
  const vectors = [
    [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ];
  for (const [counter, key, expected] of vectors) {
    assertEquals([...philox4x32(counter, key)], expected);
  }
});

Deno.test("a stream's words are the Philox blocks of its counter, stream and seed", () => {
  const seed = 0x0123456789abcdefn, stream = 0xfedcba9876543210n;
  const random = new RandomStream(seed, stream);
  const drawn = Array.from({ length: 10 }, () => random.nextUint32());
  const expected = [0, 1, 2].flatMap((block) => [
    ...philox4x32([block, 0, 0x76543210, 0xfedcba98], [0x89abcdef, 0x01234567]),
  ]);
  assertEquals(drawn, expected.slice(0, 10));
});

Deno.test("a counter past 2^32 blocks carries into the second word", () => {
  const random = RandomStream.fromState({ seed: "3", stream: "0", counter: 2 ** 34 + 4 });
  assertEquals(random.nextUint32(), philox4x32([1, 1, 0, 0], [3, 0])[0]);
});

Deno.test("a state that went through JSON continues with the same numbers", () => {
  const random = new RandomStream(-5, 9).fork("weights");
  random.normal();
  random.integer(7);
  const saved = JSON.parse(JSON.stringify(random.state));
  const expected = [random.uniform(), random.normal(), ...random.permutation(20)];
  const resumed = RandomStream.fromState(saved);
  assertEquals([resumed.uniform(), resumed.normal(), ...resumed.permutation(20)], expected);
});

Deno.test("a fork depends on its label alone, and no two labels share a stream", () => {
  const parent = new RandomStream(1);
  const before = parent.fork("a").nextUint32();
  for (let i = 0; i < 3; i++) parent.uniform();
  assertEquals(parent.fork("a").nextUint32(), before);
  const labels = ["", "a", "b", "ab", "ba", "1", 1, 10, "\u0000", "aa", "aaa"];
  const firsts = labels.map((label) => parent.fork(label).nextUint32());
  firsts.push(parent.fork("a").fork("b").nextUint32(), new RandomStream(2).fork("a").nextUint32());
  assertEquals(new Set(firsts).size, firsts.length);
});

Deno.test("a bulk fill begins on the next block and equals that block's words", () => {
  const random = new RandomStream(4);
  random.nextUint32();
  const words = new Uint32Array(6);
  random.fillUint32(words);
  const expected = [...philox4x32([1, 0, 0, 0], [4, 0]), ...philox4x32([2, 0, 0, 0], [4, 0])];
  assertEquals([...words], expected.slice(0, 6));
  assertEquals(random.state.counter, 12);
  const uniforms = new Float32Array(8);
  random.state = { seed: "4", stream: "0", counter: 4 };
  random.fillUniform(uniforms);
  assertEquals([...uniforms], expected.map((word) => (word >>> 8) / 2 ** 24));
});

/** Mean and variance of a sample. */
function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  let mean = 0, variance = 0;
  for (let i = 0; i < values.length; i++) mean += values[i] / values.length;
  for (let i = 0; i < values.length; i++) variance += (values[i] - mean) ** 2 / values.length;
  return { mean, variance };
}

/** Largest distance between a sample's distribution function and `cumulative` (Kolmogorov and Smirnov). */
function kolmogorovSmirnov(values: Float32Array, cumulative: (x: number) => number): number {
  const sorted = values.slice().sort();
  let distance = 0;
  sorted.forEach((value, i) => {
    const expected = cumulative(value);
    distance = Math.max(
      distance,
      Math.abs(expected - i / sorted.length),
      Math.abs(expected - (i + 1) / sorted.length),
    );
  });
  return distance;
}

Deno.test("uniforms, normals, truncated normals and Bernoulli draws follow their distributions", () => {
  const n = 20_000;
  const limit = 1.95 / Math.sqrt(n); // Kolmogorov-Smirnov at p = 0.001
  const random = new RandomStream(11);
  const values = new Float32Array(n);

  random.fillUniform(values, -1, 3);
  assert(values.every((value) => value >= -1 && value < 3));
  assert(kolmogorovSmirnov(values, (x) => (x + 1) / 4) < limit);

  random.fillNormal(values, 2, 0.5);
  assert(kolmogorovSmirnov(values, (x) => normalCumulative((x - 2) / 0.5)) < limit);

  random.fillTruncatedNormal(values, 0, 1, -1, 2);
  assert(values.every((value) => value >= -1 && value <= 2));
  const below = normalCumulative(-1), width = normalCumulative(2) - below;
  assert(kolmogorovSmirnov(values, (x) => (normalCumulative(x) - below) / width) < limit);

  random.fillBernoulli(values, 0.3);
  assert(values.every((value) => value === 0 || value === 1));
  assertAlmostEquals(moments(values).mean, 0.3, 3.3 * Math.sqrt(0.21 / n));

  for (let i = 0; i < n; i++) values[i] = random.normal();
  assert(kolmogorovSmirnov(values, normalCumulative) < limit);
});

Deno.test("integers are uniform (chi-square) and permutations hold every index once", () => {
  const random = new RandomStream(5);
  const counts = new Array(10).fill(0);
  for (let i = 0; i < 10_000; i++) counts[random.integer(10)]++;
  const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  assert(chiSquare < 27.9); // 9 degrees of freedom, p = 0.001
  assertEquals([...random.permutation(50)].sort((a, b) => a - b), [...Array(50).keys()]);
  assertEquals([...random.permutation(0)], []);
});

Deno.test("a weighted choice keeps to its weights and never takes a weight of zero", () => {
  const random = new RandomStream(6);
  const counts = { a: 0, b: 0, c: 0 };
  for (let i = 0; i < 4000; i++) counts[random.choice(["a", "b", "c"] as const, [3, 0, 1])]++;
  assertEquals(counts.b, 0);
  assertAlmostEquals(counts.a / 4000, 0.75, 3.3 * Math.sqrt(0.1875 / 4000));
});

Deno.test("values outside the domain are refused", () => {
  const random = new RandomStream(0);
  assertThrows(() => new RandomStream(0.5), ValueError, "whole number");
  assertThrows(() => random.integer(0), ValueError, "found 0");
  assertThrows(() => random.choice([]), ValueError, "none");
  assertThrows(() => random.choice([1], [0]), ValueError, "positive sum");
  assertThrows(() => random.fillTruncatedNormal(new Float32Array(1), 0, 1, 20, 30), ValueError);
  assertThrows(
    () => RandomStream.fromState({ seed: "x", stream: "0", counter: 0 }),
    ValueError,
    "seed",
  );
  assertThrows(
    () => RandomStream.fromState({ seed: "0", stream: "0", counter: -1 }),
    ValueError,
    "counter",
  );
});

Deno.test("the normal distribution function and its inverse match tabulated values", () => {
  assertAlmostEquals(normalCumulative(0), 0.5, 1e-16);
  assertAlmostEquals(normalCumulative(1.959963984540054), 0.975, 1e-15);
  assertAlmostEquals(normalCumulative(-3), 0.0013498980316300933, 1e-15);
  assertAlmostEquals(inverseNormalCumulative(0.975), 1.959963984540054, 1e-14);
  assertAlmostEquals(inverseNormalCumulative(1e-3), -3.090232306167813, 1e-14);
  assertAlmostEquals(inverseNormalCumulative(1e-20), -9.262340089798408, 1e-13);
  assertEquals(inverseNormalCumulative(0), -Infinity);
});
