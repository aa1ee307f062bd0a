/**
 * Metrics, intervals, protocols, plots and reports: what a detector's scores are worth, and how to show it.
 *
 * @module
 */

export * from "./bootstrap.ts";
export * from "./calibration.ts";
export * from "./metrics.ts";
export * from "./protocol.ts";
export * from "./statistics.ts";
