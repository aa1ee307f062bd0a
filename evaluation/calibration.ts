// Metrics of scores read as probabilities: log loss, Brier score, expected calibration error.

import { DataError, ValueError } from "../errors.ts";
import { checkLabels, checkWeights } from "./ranking.ts";
import type { Numbers } from "./metrics.ts";

/**
 * Mean negative log-likelihood of the labels, in nats; ln 2 for a detector that always says 0.5.
 *
 * `probabilities` `[samples]` of being forged, in [0, 1]; `labels` `[samples]`, 0 real, 1 forged. Probabilities are
 * kept 2.2e-16 away from 0 and 1, so that one certain mistake costs 36 nats and not infinity.
 * Source: scikit-learn's `log_loss`.
 *
 * @throws {ShapeError} when lengths differ.
 * @throws {ValueError} when a probability is outside [0, 1], a label not 0 or 1, a weight negative.
 * @throws {DataError} when there is no sample, only one class or no weight.
 *
 * @example
 * ```ts
 * import { logLoss } from "@corit/corit/evaluation";
 * import { assertAlmostEquals } from "@std/assert";
 * assertAlmostEquals(logLoss([0.5, 0.5], [0, 1]), Math.LN2);
 * ```
 */
export function logLoss(probabilities: Numbers, labels: Numbers, weights?: Numbers): number {
  const smallest = Number.EPSILON;
  return weightedMean("logLoss", probabilities, labels, weights, (probability, label) => {
    const kept = Math.min(Math.max(probability, smallest), 1 - smallest);
    return -Math.log(label === 1 ? kept : 1 - kept);
  });
}

/**
 * Mean squared difference of probability and label; 0.25 for a detector that always says 0.5.
 *
 * Source: Brier, 1950; scikit-learn's `brier_score_loss`.
 *
 * @throws {ShapeError | ValueError | DataError} as `logLoss`.
 *
 * @example
 * ```ts
 * import { brierScore } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * assertEquals(brierScore([0.5, 0.5], [0, 1]), 0.25);
 * ```
 */
export function brierScore(probabilities: Numbers, labels: Numbers, weights?: Numbers): number {
  return weightedMean(
    "brierScore",
    probabilities,
    labels,
    weights,
    (probability, label) => (probability - label) ** 2,
  );
}

/**
 * Expected calibration error: how far, on average, stated probability and observed share of forged samples lie apart.
 *
 * Samples go into `bins` equal intervals of probability (upper edge included); each bin's gap between mean
 * probability and mean label counts by the number of samples in it.
 * Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for the forged class.
 *
 * @throws {ShapeError | ValueError | DataError} as `logLoss`; also {ValueError} unless `bins` is a whole number of at least 1.
 *
 * @example
 * ```ts
 * import { expectedCalibrationError } from "@corit/corit/evaluation";
 * import { assertAlmostEquals } from "@std/assert";
 * assertAlmostEquals(expectedCalibrationError([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0]), 0);
 * ```
 */
export function expectedCalibrationError(
  probabilities: Numbers,
  labels: Numbers,
  bins = 15,
): number {
  checkProbabilities("expectedCalibrationError", probabilities, labels);
  if (!Number.isInteger(bins) || bins < 1) {
    throw new ValueError(
      `expectedCalibrationError: bins must be a whole number of at least 1, but found ${bins}`,
    );
  }
  const gaps = new Float64Array(bins);
  for (let i = 0; i < probabilities.length; i++) {
    const bin = Math.max(0, Math.ceil(probabilities[i] * bins) - 1);
    gaps[bin] += probabilities[i] - labels[i];
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / probabilities.length;
}

/** The weighted mean of `cost` over the samples, after the checks that every metric here needs. */
function weightedMean(
  caller: string,
  probabilities: Numbers,
  labels: Numbers,
  weights: Numbers | undefined,
  cost: (probability: number, label: number) => number,
): number {
  checkProbabilities(caller, probabilities, labels);
  if (weights !== undefined) checkWeights(caller, weights, probabilities.length);
  let sum = 0, total = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const weight = weights === undefined ? 1 : weights[i];
    sum += weight * cost(probabilities[i], labels[i]);
    total += weight;
  }
  if (total === 0) throw new DataError(`${caller}: the weights are all 0`);
  return sum / total;
}

/** Throws unless probabilities lie in [0, 1] and labels fit them. */
export function checkProbabilities(caller: string, probabilities: Numbers, labels: Numbers): void {
  checkLabels(caller, labels, probabilities.length);
  for (let i = 0; i < probabilities.length; i++) {
    if (!(probabilities[i] >= 0 && probabilities[i] <= 1)) {
      throw new ValueError(
        `${caller}: probabilities must lie in [0, 1], but probabilities[${i}] is ${
          probabilities[i]
        }`,
      );
    }
  }
}
