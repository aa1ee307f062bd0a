// Every metric that the field reports of a set of scores, in one table.

import { brierScore, expectedCalibrationError, logLoss } from "./calibration.ts";
import { type ClassAccuracy, classAccuracy } from "./class_accuracy.ts";
import {
  averagePrecision,
  equalErrorRate,
  type Numbers,
  rocAuc,
  truePositiveRateAt,
} from "./metrics.ts";
import { atTemperature } from "./temperature.ts";

/** What validation chose: nothing here is fitted on what is measured. */
export interface Decision {
  /** Call a sample forged when its score is at least this. */
  readonly threshold: number;
  /** Temperature of the probabilities whose calibration is measured; 1 where absent. */
  readonly temperature?: number;
}

/** How well probabilities mean what they say. */
export interface Calibration {
  /** Expected calibration error over 15 bins. */
  readonly expectedCalibrationError: number;
  /** Mean squared difference of probability and label. */
  readonly brierScore: number;
  /** Mean negative log-likelihood, nats. */
  readonly logLoss: number;
}

/** The metrics of a set of scores, every sample counting the same. */
export interface DetectorMetrics {
  /** Area under the ROC curve. */
  readonly auc: number;
  /** Average precision, at the share of forged samples that the set has. */
  readonly averagePrecision: number;
  /** Equal error rate. */
  readonly equalErrorRate: number;
  /** Shares of right answers at the threshold 0.5. */
  readonly accuracy: ClassAccuracy;
  /** Shares of right answers at the threshold chosen on validation. */
  readonly accuracyAtThreshold: ClassAccuracy;
  /** True positive rate where at most 1 % of the real samples are flagged. */
  readonly truePositiveRateAt1: number;
  /** True positive rate where at most 5 % of the real samples are flagged. */
  readonly truePositiveRateAt5: number;
  /** Calibration of the probabilities as they are. */
  readonly calibration: Calibration;
  /** Calibration at the temperature fitted on validation. */
  readonly calibrationAtTemperature: Calibration;
  /** Real samples. */
  readonly realCount: number;
  /** Forged samples. */
  readonly forgedCount: number;
}

function calibrationOf(probabilities: Numbers, labels: Numbers): Calibration {
  return {
    expectedCalibrationError: expectedCalibrationError(probabilities, labels),
    brierScore: brierScore(probabilities, labels),
    logLoss: logLoss(probabilities, labels),
  };
}

/**
 * All metrics of a set of probabilities; threshold and temperature come from validation.
 *
 * `scores` `[samples]` in [0, 1], `labels` `[samples]`, 0 real, 1 forged: frames, or videos by `videoScores`.
 *
 * @throws {ShapeError} when lengths differ.
 * @throws {ValueError} when a score lies outside [0, 1], or a label is not 0 or 1.
 * @throws {DataError} when there is no sample or only one class.
 *
 * @example
 * ```ts
 * import { detectorMetrics } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const { auc, accuracy } = detectorMetrics([0.1, 0.6, 0.7, 0.8], [0, 0, 1, 1], { threshold: 0.65 });
 * assertEquals([auc, accuracy.real, accuracy.forged], [1, 0.5, 1]);
 * ```
 */
export function detectorMetrics(
  scores: Numbers,
  labels: Numbers,
  { threshold, temperature = 1 }: Decision,
): DetectorMetrics {
  let forgedCount = 0;
  for (let i = 0; i < labels.length; i++) forgedCount += labels[i];
  return {
    calibration: calibrationOf(scores, labels),
    calibrationAtTemperature: calibrationOf(atTemperature(scores, temperature), labels),
    auc: rocAuc(scores, labels),
    averagePrecision: averagePrecision(scores, labels),
    equalErrorRate: equalErrorRate(scores, labels),
    accuracy: classAccuracy(scores, labels, 0.5),
    accuracyAtThreshold: classAccuracy(scores, labels, threshold),
    truePositiveRateAt1: truePositiveRateAt(scores, labels, 0.01),
    truePositiveRateAt5: truePositiveRateAt(scores, labels, 0.05),
    realCount: labels.length - forgedCount,
    forgedCount,
  };
}
