// Statistics of a few runs: correlation, rank correlation, and the mean of seeds with its t-interval.

import jstat from "jstat";
import {
  mean,
  sampleCorrelation,
  sampleRankCorrelation,
  sampleStandardDeviation,
} from "simple-statistics";
import { DataError, ShapeError, ValueError } from "../errors.ts";
import type { Numbers } from "./metrics.ts";

/** The part of jstat that is used: it ships without types. */
const studentT: { inv(probability: number, degreesOfFreedom: number): number } = jstat.studentt;

/** A mean over seeds with the interval that Student's t gives it. */
export interface MeanInterval {
  /** The arithmetic mean. */
  readonly mean: number;
  /** Lower end of the interval. */
  readonly low: number;
  /** Upper end of the interval. */
  readonly high: number;
  /** The share of such intervals that hold the true mean, if values are normal: 0.95 by default. */
  readonly level: number;
  /** Standard deviation of the values (n - 1 in the denominator). */
  readonly standardDeviation: number;
  /** How many values there were. */
  readonly count: number;
}

/**
 * Pearson's correlation of two series, from -1 to 1.
 *
 * @throws {ShapeError} when lengths differ.
 * @throws {ValueError} when a value is not finite.
 * @throws {DataError} when there are fewer than two values, or a series is constant.
 *
 * @example
 * ```ts
 * import { pearsonCorrelation } from "@corit/corit/evaluation";
 * import { assertAlmostEquals } from "@std/assert";
 * assertAlmostEquals(pearsonCorrelation([1, 2, 3], [2, 4, 6]), 1);
 * ```
 */
export function pearsonCorrelation(x: Numbers, y: Numbers): number {
  const [first, second] = checkPair("pearsonCorrelation", x, y);
  return sampleCorrelation(first, second);
}

/**
 * Spearman's rank correlation of two series, from -1 to 1; equal values share their mean rank.
 *
 * @throws {ShapeError | ValueError | DataError} as `pearsonCorrelation`.
 *
 * @example
 * ```ts
 * import { spearmanCorrelation } from "@corit/corit/evaluation";
 * import { assertAlmostEquals } from "@std/assert";
 * assertAlmostEquals(spearmanCorrelation([1, 2, 3, 4], [1, 10, 100, 1000]), 1);
 * ```
 */
export function spearmanCorrelation(x: Numbers, y: Numbers): number {
  const [first, second] = checkPair("spearmanCorrelation", x, y);
  return sampleRankCorrelation(first, second);
}

/**
 * The mean of values from independent seeds and its interval by Student's t with n - 1 degrees of freedom.
 *
 * It speaks about the spread between trainings; a bootstrap over photographs speaks about the test set. Neither holds the other.
 *
 * @throws {ValueError} when a value is not finite, or `level` is not between 0 and 1.
 * @throws {DataError} when there are fewer than two values: one seed has no spread.
 *
 * @example
 * ```ts
 * import { meanInterval } from "@corit/corit/evaluation";
 * import { assertAlmostEquals } from "@std/assert";
 * const { mean, low } = meanInterval([0.8, 0.82, 0.84]);
 * assertAlmostEquals(mean, 0.82);
 * assertAlmostEquals(low, 0.82 - 4.302652730 * 0.02 / Math.sqrt(3), 1e-9);
 * ```
 */
export function meanInterval(values: Numbers, level = 0.95): MeanInterval {
  const list = checkFinite("meanInterval", values);
  if (!(level > 0 && level < 1)) {
    throw new ValueError(`meanInterval: level must lie between 0 and 1, but found ${level}`);
  }
  const centre = mean(list);
  const standardDeviation = sampleStandardDeviation(list);
  const halfWidth = studentT.inv((1 + level) / 2, list.length - 1) * standardDeviation /
    Math.sqrt(list.length);
  return {
    mean: centre,
    low: centre - halfWidth,
    high: centre + halfWidth,
    level,
    standardDeviation,
    count: list.length,
  };
}

/** Both series as plain arrays, after the checks that a correlation needs. */
function checkPair(caller: string, x: Numbers, y: Numbers): [number[], number[]] {
  if (x.length !== y.length) {
    throw new ShapeError(`${caller}: series have ${x.length} and ${y.length} values`);
  }
  const first = checkFinite(caller, x), second = checkFinite(caller, y);
  if (isConstant(first) || isConstant(second)) {
    throw new DataError(`${caller}: a constant series correlates with nothing`);
  }
  return [first, second];
}

/** The values as a plain array, at least two and all finite. */
function checkFinite(caller: string, values: Numbers): number[] {
  const list = Array.from(values);
  const bad = list.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new ValueError(`${caller}: values must be finite, but value ${bad} is ${list[bad]}`);
  }
  if (list.length < 2) {
    throw new DataError(`${caller}: needs at least 2 values, but found ${list.length}`);
  }
  return list;
}

/** Whether all values are the same. */
function isConstant(values: readonly number[]): boolean {
  return values.every((value) => value === values[0]);
}
