// Whether two series go together: correlations with a permutation test or an interval.

import { pearsonCorrelation, spearmanCorrelation } from "../evaluation/statistics.ts";
import { RandomStream } from "../tensor/random.ts";

/** A rank correlation and how often chance does as well. */
export interface RankTest {
  /** Spearman's correlation. */
  readonly correlation: number;
  /** The share of permutations with a correlation at least as far from 0 (two-sided; Phipson and Smyth, 2010). */
  readonly pValue: number;
  /** Settings. */
  readonly count: number;
}

/**
 * Spearman's rank correlation with a permutation p-value, (1 + hits) / (1 + permutations). Infinite values rank last;
 * equal values share their rank.
 *
 * @throws {DataError} There are fewer than two values, or a series is constant.
 *
 * @example
 * ```ts
 * import { rankTest } from "@corit/corit/studies";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const { correlation, pValue } = rankTest([1, 2, 3, 4, 5], [0.1, 0.2, 0.4, 0.8, Infinity]);
 * assertAlmostEquals(correlation, 1, 1e-9);
 * assert(pValue < 0.05); // 2 of 120 orders are as extreme
 * ```
 */
export function rankTest(
  x: readonly number[],
  y: readonly number[],
  { permutations = 10_000, seed = 0 }: {
    readonly permutations?: number;
    readonly seed?: number;
  } = {},
): RankTest {
  // Correlations take finite numbers; only the order of these counts.
  const first = finite(x), second = finite(y);
  const correlation = spearmanCorrelation(first, second);
  const random = new RandomStream(seed).fork("permutations");
  let hits = 0;
  for (let at = 0; at < permutations; at++) {
    const order = random.permutation(second.length);
    const shuffled = second.map((_, place) => second[order[place]]);
    // A correlation that equals the observed one counts, whatever rounding did to its last bit.
    if (Math.abs(spearmanCorrelation(first, shuffled)) >= Math.abs(correlation) - 1e-12) hits++;
  }
  return { correlation, pValue: (1 + hits) / (1 + permutations), count: x.length };
}

function finite(values: readonly number[]): number[] {
  const largest = Math.max(0, ...values.filter(Number.isFinite));
  return values.map((value) => value === Infinity ? 2 * largest + 1 : value);
}

/** A correlation with a 95 % interval. */
export interface CorrelationInterval {
  /** Pearson's correlation. */
  readonly correlation: number;
  /** By Fisher's transformation: tanh(atanh r -+ 1.96 / sqrt(n - 3)). */
  readonly interval: readonly [low: number, high: number];
  /** Settings. */
  readonly count: number;
}

/**
 * Pearson's correlation with the interval of Fisher's transformation (1915).
 *
 * @throws {DataError} There are fewer than two values, or a series is constant.
 *
 * @example
 * ```ts
 * import { pearsonInterval } from "@corit/corit/studies";
 * import { assert } from "@std/assert";
 *
 * const { correlation, interval } = pearsonInterval([1, 2, 3, 4, 5], [1, 2, 2, 4, 6]);
 * assert(interval[0] < correlation && correlation < interval[1]);
 * ```
 */
export function pearsonInterval(x: readonly number[], y: readonly number[]): CorrelationInterval {
  const correlation = pearsonCorrelation(x, y);
  const reach = 1.96 / Math.sqrt(x.length - 3);
  const at = (shift: number): number => Math.tanh(Math.atanh(correlation) + shift);
  return { correlation, interval: [at(-reach), at(reach)], count: x.length };
}
