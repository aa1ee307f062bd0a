// Detectors on data sets as text tables: every metric in rows of data sets, frames and videos.

import type { Assessment } from "./assessment.ts";
import type { DetectorMetrics } from "./detector_metrics.ts";
import { textTable } from "./table.ts";

/** The cells of a row of metrics, as `metricHeads` names them. */
export function metricCells(metrics: DetectorMetrics): string[] {
  const { accuracy, accuracyAtThreshold, realCount, forgedCount } = metrics;
  return [
    metrics.auc,
    metrics.averagePrecision,
    metrics.equalErrorRate,
    accuracy.both,
    accuracy.real,
    accuracy.forged,
    accuracyAtThreshold.both,
    metrics.truePositiveRateAt1,
    metrics.truePositiveRateAt5,
    metrics.calibration.expectedCalibrationError,
    metrics.calibrationAtTemperature.expectedCalibrationError,
  ].map((value) => value.toFixed(3)).concat(`${realCount}`, `${forgedCount}`);
}

/** What the cells are. */
export const metricHeads: readonly string[] = [
  "AUC",
  "AP",
  "EER",
  "acc.",
  "real",
  "fake",
  "at threshold",
  "TPR@1%",
  "TPR@5%",
  "ECE",
  "scaled",
  "real",
  "fake",
];

/** The rows of a data set: its frames, and its videos where it has some. */
export function metricRows({ data, frames, videos }: Assessment): [string, DetectorMetrics][] {
  return videos === null
    ? [[data, frames]]
    : [[`${data}, frames`, frames], [`${data}, videos`, videos]];
}

/**
 * The cross-data-set table: one row for each data set, two where it has videos.
 *
 * Columns: AUC; average precision; equal error rate; accuracy at 0.5 (both classes, real, fake) and at the threshold of
 * validation; true positive rate at 1 % and 5 % false positives; expected calibration error as stated and at the
 * temperature of validation; counts.
 *
 * @example
 * ```ts
 * import { assess, assessmentTable } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const assessment = assess({
 *   scores: [0.1, 0.9, 0.2, 0.8],
 *   labels: [0, 1, 0, 1],
 *   families: ["swap", "swap", "swap", "swap"],
 *   sources: ["a", "a", "b", "b"],
 * }, { data: "own", trainedFamilies: ["swap"], threshold: 0.5, redraws: 10 });
 * assertMatch(assessmentTable([assessment]), /^data +AUC/);
 * ```
 */
export function assessmentTable(assessments: readonly Assessment[]): string {
  return textTable(
    ["data", ...metricHeads],
    assessments.flatMap(metricRows).map(([name, metrics]) => [name, ...metricCells(metrics)]),
  );
}
