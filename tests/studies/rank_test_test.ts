// Correlations with their tests, against small cases that can be counted.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { pearsonInterval, rankTest } from "../../studies/rank_test.ts";

Deno.test("the permutation p-value of a perfect order of five is 2 in 120", () => {
  const { correlation, pValue, count } = rankTest([1, 2, 3, 4, 5], [1, 4, 9, 16, 25]);
  assertAlmostEquals(correlation, 1, 1e-12);
  assertEquals(count, 5);
  assertAlmostEquals(pValue, 2 / 120, 0.004);
});

Deno.test("an infinite radius ranks last", () => {
  assertAlmostEquals(rankTest([1, 2, 3, 4], [0.1, 0.2, 0.4, Infinity]).correlation, 1, 1e-12);
  assertAlmostEquals(rankTest([1, 2, 3, 4], [Infinity, 0.4, 0.2, 0.1]).correlation, -1, 1e-12);
});

Deno.test("series without a relation have a large p-value", () => {
  assert(rankTest([1, 2, 3, 4, 5, 6], [2, 6, 1, 5, 3, 4]).pValue > 0.3);
});

Deno.test("Fisher's interval is the textbook's", () => {
  // r = 0.8 over 28 points: tanh(atanh 0.8 -+ 1.96 / 5) = 0.6085 and 0.9034.
  const x = Array.from({ length: 28 }, (_, at) => at - 13.5);
  const other = Array.from({ length: 28 }, (_, at) => at % 2 === 0 ? 1 : -1);
  // Make `other` orthogonal to x and to the constant, then mix so that the correlation is 0.8.
  const inner = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * b[at], 0);
  const share = inner(other, x) / inner(x, x);
  const orthogonal = other.map((value, at) => value - share * x[at]);
  const scale = Math.sqrt(inner(x, x) / inner(orthogonal, orthogonal));
  const y = x.map((value, at) => 0.8 * value + 0.6 * scale * orthogonal[at]);
  const { correlation, interval: [low, high] } = pearsonInterval(x, y);
  assertAlmostEquals(correlation, 0.8, 1e-9);
  assertAlmostEquals(low, 0.6085, 1e-4);
  assertAlmostEquals(high, 0.9034, 1e-4);
});
