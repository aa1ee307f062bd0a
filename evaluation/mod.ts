/**
 * Metrics, intervals, protocols, plots and reports: what a detector's scores are worth, and how to show it.
 *
 * @module
 */

export * from "./assessment.ts";
export * from "./assessment_report.ts";
export { assessmentTable } from "./assessment_table.ts";
export * from "./bootstrap.ts";
export { brierScore, expectedCalibrationError, logLoss } from "./calibration.ts";
export * from "./class_accuracy.ts";
export { type ColourMapName, colourOf, colourStops } from "./colour_map.ts";
export * from "./detection_report.ts";
export * from "./detector_metrics.ts";
export * from "./distortions.ts";
export * from "./family_plot.ts";
export * from "./generators.ts";
export * from "./heatmap.ts";
export * from "./heatmap_plot.ts";
export * from "./line_plot.ts";
export * from "./metrics.ts";
export { type PlotOptions, svgToPng } from "./plot_theme.ts";
export * from "./plots.ts";
export {
  evaluateForeignScores,
  evaluateScores,
  type Evaluation,
  type EvaluationOptions,
  familyRocCurves,
  type FamilyScores,
  type ForeignEvaluation,
  type GroupScores,
  type PooledScores,
  type ScoredSamples,
  SHARED_REAL,
  STARTER_FAMILY_WEIGHTS,
} from "./protocol.ts";
export * from "./reliability.ts";
export * from "./report.ts";
export * from "./report_data.ts";
export {
  plotRobustness,
  type Robustness,
  type RobustnessCell,
  type RobustnessPool,
  robustnessTable,
} from "./robustness.ts";
export * from "./statistics.ts";
export * from "./table.ts";
export * from "./temperature.ts";
export * from "./videos.ts";
export { profileTable } from "./profile_table.ts";
