// The curves of a training run and its evaluation, each an SVG string.

import { DataError } from "../errors.ts";
import { plotHeatmap } from "./heatmap_plot.ts";
import { type LineSeries, plotLines } from "./line_plot.ts";
import type { RocCurve } from "./metrics.ts";
import { palette, type PlotOptions } from "./plot_theme.ts";

/**
 * The training loss over steps: every step faintly, and the exponential average in full strength.
 *
 * @throws {DataError} when there is no row.
 *
 * @example
 * ```ts
 * import { plotLoss } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * assertMatch(plotLoss([{ step: 1, loss: 0.7 }, { step: 2, loss: 0.5 }]), /^<svg /);
 * ```
 */
export function plotLoss(
  rows: readonly { readonly step: number; readonly loss: number }[],
  options: PlotOptions = {},
): string {
  const raw = rows.map((row) => [row.step, row.loss] as const);
  // The average spans about a fortieth of the run, enough to see the trend through batch noise.
  const keep = Math.exp(-40 / Math.max(rows.length, 40));
  let average = 0, weight = 0;
  const smooth = raw.map(([step, loss]) => {
    average = keep * average + (1 - keep) * loss;
    weight = keep * weight + (1 - keep);
    return [step, average / weight] as const;
  });
  return plotLines({
    description: "Training loss over steps",
    xAxis: { name: "step" },
    yAxis: { name: "loss" },
    series: [
      { name: "each step", points: raw, faint: true, colour: palette.series[0] },
      { name: "average", points: smooth, colour: palette.series[0] },
    ],
    legend: "none",
  }, options);
}

/**
 * Validation AUC over steps, with chance (0.5) as a dashed line; rows without an AUC are passed over.
 *
 * @throws {DataError} when no row has an AUC.
 *
 * @example
 * ```ts
 * import { plotAuc } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * assertMatch(plotAuc([{ step: 50, auc: 0.6 }, { step: 51 }, { step: 100, auc: 0.7 }]), /^<svg /);
 * ```
 */
export function plotAuc(
  rows: readonly { readonly step: number; readonly auc?: number }[],
  options: PlotOptions = {},
): string {
  const points = rows.flatMap((row) => row.auc === undefined ? [] : [[row.step, row.auc] as const]);
  const lowest = Math.min(0.5, ...points.map((point) => point[1]));
  return plotLines({
    description: "Validation AUC over steps; 0.5 is chance",
    xAxis: { name: "step" },
    yAxis: { name: "validation AUC", min: Math.floor(lowest * 10 - 0.5) / 10, max: 1 },
    series: [{ name: "validation AUC", points, markers: points.length <= 60 }],
    reference: { y: 0.5, name: "chance" },
    legend: "none",
  }, options);
}

/**
 * ROC curves, one line for each name, with chance as the dashed diagonal.
 *
 * @throws {DataError} when there is no curve.
 *
 * @example
 * ```ts
 * import { plotRoc, rocCurve } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * assertMatch(plotRoc({ swap: rocCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) }), /swap/);
 * ```
 */
export function plotRoc(
  curves: Readonly<Record<string, RocCurve>>,
  options: PlotOptions = {},
): string {
  const series: LineSeries[] = Object.entries(curves).map(([name, curve]) => ({
    name,
    points: curve.falsePositiveRates.map((rate, k) => [rate, curve.truePositiveRates[k]] as const),
  }));
  return plotLines({
    description: `ROC curves of ${Object.keys(curves).join(", ")}`,
    xAxis: { name: "false positive rate", min: 0, max: 1 },
    yAxis: { name: "true positive rate", min: 0, max: 1 },
    series,
    reference: { diagonal: true },
    legend: "inside",
  }, { width: 440, height: 440, ...options });
}

/**
 * Gradient signal-to-noise ratio per block over steps: as lines coloured by depth, or as a heat map.
 *
 * Blocks are drawn in the order in which their names first appear, which should be from the input to the head; rows
 * without `gsnr` are passed over.
 *
 * @throws {DataError} when no row has a ratio.
 *
 * @example
 * ```ts
 * import { plotGsnr } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const rows = [{ step: 20, gsnr: { embedding: 0.02, head: 0.09 } }, { step: 40, gsnr: { embedding: 0.03, head: 0.08 } }];
 * assertMatch(plotGsnr(rows), /embedding/);
 * ```
 */
export function plotGsnr(
  rows: readonly { readonly step: number; readonly gsnr?: Readonly<Record<string, number>> }[],
  options: PlotOptions & { readonly form?: "lines" | "heatmap" } = {},
): string {
  const probed = rows.flatMap(({ step, gsnr }) => gsnr === undefined ? [] : [{ step, gsnr }]);
  const blocks = [...new Set(probed.flatMap((row) => Object.keys(row.gsnr)))];
  if (blocks.length === 0) throw new DataError("plotGsnr: no row has a GSNR");
  if (options.form === "heatmap") {
    return plotHeatmap({
      values: blocks.map((block) => probed.map((row) => row.gsnr[block] ?? null)),
      rowNames: blocks,
      columnNames: probed.map((row) => `${row.step}`),
      valueName: "GSNR",
      columnAxis: "step",
    }, options);
  }
  return plotLines({
    description: `Gradient signal-to-noise ratio per block over steps: ${blocks.join(", ")}`,
    xAxis: { name: "step" },
    yAxis: { name: "GSNR", min: 0 },
    series: blocks.map((block) => ({
      name: block,
      markers: probed.length <= 60,
      points: probed.flatMap(({ step, gsnr }) =>
        block in gsnr ? [[step, gsnr[block]] as const] : []
      ),
    })),
    legend: "above",
  }, options);
}
