// Metrics of a detector's ranking and decisions: AUC, ROC, average precision, EER, accuracies, thresholds.

import { ValueError } from "../errors.ts";
import {
  countAtLeast,
  sweepAccuracy,
  sweepAuc,
  sweepAveragePrecision,
  sweepEqualErrorRate,
  sweepOf,
  totalForged,
  totalReal,
} from "./ranking.ts";

/** Numbers in any array: typed or plain. */
export type Numbers = ArrayLike<number>;

/** Points of an ROC curve, from nothing flagged to everything flagged. */
export interface RocCurve {
  /** Share of real samples flagged, rising from 0 to 1. */
  readonly falsePositiveRates: readonly number[];
  /** Share of forged samples flagged, rising from 0 to 1. */
  readonly truePositiveRates: readonly number[];
  /** The score at or above which a sample is flagged; `Infinity` at the first point. */
  readonly thresholds: readonly number[];
}

/** A decision threshold and what it gives on the samples it was chosen on. */
export interface ThresholdChoice {
  /** Call a sample forged when its score is at least this. */
  readonly threshold: number;
  /** (true positive rate + true negative rate) / 2. */
  readonly balancedAccuracy: number;
  /** Share of forged samples flagged. */
  readonly truePositiveRate: number;
  /** Share of real samples flagged. */
  readonly falsePositiveRate: number;
}

/**
 * Area under the ROC curve: the chance that a forged sample outranks a real one, ties counting half.
 *
 * `scores` `[samples]`, higher meaning more likely forged; `labels` `[samples]`, 0 real, 1 forged;
 * `weights` `[samples]`, at least 0. Without weights the pairs are counted exactly.
 * Source: Mann and Whitney, 1947; equals scikit-learn's `roc_auc_score`.
 *
 * @throws {ShapeError} when lengths differ.
 * @throws {ValueError} when a score is not finite, a label not 0 or 1, a weight negative.
 * @throws {DataError} when there is no sample or only one class.
 *
 * @example
 * ```ts
 * import { rocAuc } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * assertEquals(rocAuc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75);
 * ```
 */
export function rocAuc(scores: Numbers, labels: Numbers, weights?: Numbers): number {
  return sweepAuc(sweepOf("rocAuc", scores, labels, weights));
}

/**
 * The ROC curve, one point for each distinct score.
 *
 * `simplify` leaves out points inside straight runs, which changes no line drawn through them.
 *
 * @throws {ShapeError | ValueError | DataError} as `rocAuc`.
 *
 * @example
 * ```ts
 * import { rocCurve } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const curve = rocCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]);
 * assertEquals(curve.falsePositiveRates, [0, 0, 0.5, 0.5, 1]);
 * assertEquals(curve.truePositiveRates, [0, 0.5, 0.5, 1, 1]);
 * ```
 */
export function rocCurve(
  scores: Numbers,
  labels: Numbers,
  options: { readonly weights?: Numbers; readonly simplify?: boolean } = {},
): RocCurve {
  const sweep = sweepOf("rocCurve", scores, labels, options.weights);
  const { truePositives, falsePositives, values } = sweep;
  const forged = totalForged(sweep), real = totalReal(sweep);
  const curve = {
    falsePositiveRates: [0],
    truePositiveRates: [0],
    thresholds: [Infinity],
  };
  let lastHits = 0, lastFalseAlarms = 0;
  for (let k = 0; k < values.length; k++) {
    if (options.simplify && k + 1 < values.length) {
      const turn = (truePositives[k] - lastHits) * (falsePositives[k + 1] - falsePositives[k]) -
        (truePositives[k + 1] - truePositives[k]) * (falsePositives[k] - lastFalseAlarms);
      if (turn === 0) continue;
    }
    lastHits = truePositives[k];
    lastFalseAlarms = falsePositives[k];
    curve.falsePositiveRates.push(falsePositives[k] / real);
    curve.truePositiveRates.push(truePositives[k] / forged);
    curve.thresholds.push(values[k]);
  }
  return curve;
}

/**
 * Average precision: the sum over distinct scores of (recall gained) x (precision there), without interpolation.
 *
 * It depends on the share of forged samples; weigh the classes equally to compare sets.
 * Source: scikit-learn's `average_precision_score`.
 *
 * @throws {ShapeError | ValueError | DataError} as `rocAuc`.
 *
 * @example
 * ```ts
 * import { averagePrecision } from "@corit/corit/evaluation";
 * import { assertAlmostEquals } from "@std/assert";
 * assertAlmostEquals(averagePrecision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 5 / 6);
 * ```
 */
export function averagePrecision(scores: Numbers, labels: Numbers, weights?: Numbers): number {
  return sweepAveragePrecision(sweepOf("averagePrecision", scores, labels, weights));
}

/**
 * Equal error rate: where the ROC curve, drawn with straight lines, has as many false alarms as misses.
 *
 * @throws {ShapeError | ValueError | DataError} as `rocAuc`.
 *
 * @example
 * ```ts
 * import { equalErrorRate } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * assertEquals(equalErrorRate([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.5);
 * ```
 */
export function equalErrorRate(scores: Numbers, labels: Numbers, weights?: Numbers): number {
  return sweepEqualErrorRate(sweepOf("equalErrorRate", scores, labels, weights));
}

/**
 * Share of right answers when samples scoring at least `threshold` are called forged.
 *
 * @throws {ShapeError | ValueError | DataError} as `rocAuc`; also {ValueError} when the threshold is NaN.
 *
 * @example
 * ```ts
 * import { accuracy } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * assertEquals(accuracy([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.5), 0.75);
 * ```
 */
export function accuracy(
  scores: Numbers,
  labels: Numbers,
  threshold: number,
  weights?: Numbers,
): number {
  checkThreshold("accuracy", threshold);
  const sweep = sweepOf("accuracy", scores, labels, weights);
  return sweepAccuracy(sweep, countAtLeast(sweep.values, threshold));
}

/**
 * The mean of both classes' accuracies when samples scoring at least `threshold` are called forged.
 *
 * @throws {ShapeError | ValueError | DataError} as `accuracy`.
 *
 * @example
 * ```ts
 * import { balancedAccuracy } from "@corit/corit/evaluation";
 * import { assertAlmostEquals } from "@std/assert";
 * assertAlmostEquals(balancedAccuracy([0.1, 0.4, 0.6, 0.8], [0, 0, 0, 1], 0.5), (2 / 3 + 1) / 2);
 * ```
 */
export function balancedAccuracy(
  scores: Numbers,
  labels: Numbers,
  threshold: number,
  weights?: Numbers,
): number {
  checkThreshold("balancedAccuracy", threshold);
  const sweep = sweepOf("balancedAccuracy", scores, labels, weights);
  const flagged = countAtLeast(sweep.values, threshold);
  if (flagged === 0) return 0.5;
  return balanced(
    sweep.truePositives[flagged - 1] / totalForged(sweep),
    sweep.falsePositives[flagged - 1] / totalReal(sweep),
  );
}

/**
 * The threshold with the highest balanced accuracy (Youden's index, 1950): choose it on validation, never on test.
 *
 * It lies half-way between two neighbouring scores, so that small shifts of the scores change no decision; of
 * equally good thresholds the highest is taken (fewest false alarms). It always flags something, so it is finite.
 *
 * @throws {ShapeError | ValueError | DataError} as `rocAuc`.
 *
 * @example
 * ```ts
 * import { bestThreshold } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const { threshold, balancedAccuracy } = bestThreshold([0.125, 0.25, 0.75, 0.875], [0, 0, 1, 1]);
 * assertEquals([threshold, balancedAccuracy], [0.5, 1]);
 * ```
 */
export function bestThreshold(
  scores: Numbers,
  labels: Numbers,
  weights?: Numbers,
): ThresholdChoice {
  const sweep = sweepOf("bestThreshold", scores, labels, weights);
  const forged = totalForged(sweep), real = totalReal(sweep);
  let best = 0;
  let bestBalance = -1;
  for (let k = 0; k < sweep.values.length; k++) {
    const balance = balanced(sweep.truePositives[k] / forged, sweep.falsePositives[k] / real);
    if (balance > bestBalance) {
      best = k;
      bestBalance = balance;
    }
  }
  const lowestFlagged = sweep.values[best];
  const highestPassed = best + 1 < sweep.values.length ? sweep.values[best + 1] : lowestFlagged;
  const middle = highestPassed + (lowestFlagged - highestPassed) / 2;
  return {
    // Between neighbouring floating-point numbers there is no middle: it would round to one of the two.
    threshold: middle > highestPassed ? middle : lowestFlagged,
    balancedAccuracy: bestBalance,
    truePositiveRate: sweep.truePositives[best] / forged,
    falsePositiveRate: sweep.falsePositives[best] / real,
  };
}

/**
 * The largest true positive rate that a threshold reaches without flagging more than `maximum` of the real samples.
 *
 * Only thresholds that exist count: nothing is interpolated.
 *
 * @throws {ShapeError | ValueError | DataError} as `rocAuc`; also {ValueError} unless `0 <= maximum <= 1`.
 *
 * @example
 * ```ts
 * import { truePositiveRateAt } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * assertEquals(truePositiveRateAt([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0), 0.5);
 * ```
 */
export function truePositiveRateAt(
  scores: Numbers,
  labels: Numbers,
  maximum: number,
  weights?: Numbers,
): number {
  if (!(maximum >= 0 && maximum <= 1)) {
    throw new ValueError(
      `truePositiveRateAt: the false positive rate must be from 0 to 1, but found ${maximum}`,
    );
  }
  const sweep = sweepOf("truePositiveRateAt", scores, labels, weights);
  const real = totalReal(sweep);
  let reached = 0;
  for (let k = 0; k < sweep.values.length && sweep.falsePositives[k] / real <= maximum; k++) {
    reached = sweep.truePositives[k];
  }
  return reached / totalForged(sweep);
}

/** (true positive rate + true negative rate) / 2. */
function balanced(truePositiveRate: number, falsePositiveRate: number): number {
  return (truePositiveRate + (1 - falsePositiveRate)) / 2;
}

/** Throws for a threshold that decides nothing. */
function checkThreshold(caller: string, threshold: number): void {
  if (Number.isNaN(threshold)) {
    throw new ValueError(`${caller}: the threshold must be a number, but found NaN`);
  }
}
