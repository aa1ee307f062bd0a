/**
 * Metrics, intervals, protocols, plots and reports: what a detector's scores are worth, and how to show it.
 *
 * @module
 */

export * from "./bootstrap.ts";
export * from "./calibration.ts";
export { type ColourMapName, colourOf, colourStops } from "./colour_map.ts";
export * from "./family_plot.ts";
export * from "./heatmap.ts";
export * from "./heatmap_plot.ts";
export * from "./line_plot.ts";
export * from "./metrics.ts";
export { type PlotOptions, svgToPng } from "./plot_theme.ts";
export * from "./plots.ts";
export * from "./protocol.ts";
export * from "./report.ts";
export * from "./report_data.ts";
export * from "./statistics.ts";
export * from "./table.ts";
export { profileTable } from "./profile_table.ts";
