// Line plots: named series, intervals as bands, linear or logarithmic axes, a reference line.

import type { EChartsOption, LegendComponentOption, SeriesOption } from "echarts";
import { DataError } from "../errors.ts";
import {
  axis,
  dashes,
  heading,
  palette,
  plotFont,
  type PlotOptions,
  renderSvg,
} from "./plot_theme.ts";

/** One line. */
export interface LineSeries {
  /** The name in the legend. */
  readonly name: string;
  /** Points (x, y), x rising. */
  readonly points: readonly (readonly [number, number])[];
  /** An interval around the line: (x, low, high), x rising. */
  readonly band?: readonly (readonly [number, number, number])[];
  /** A dot at every point. */
  readonly markers?: boolean;
  /** Thin and pale, for raw values behind an average. */
  readonly faint?: boolean;
  /** The line's colour; the theme's next one by default. */
  readonly colour?: string;
}

/** One axis of a line plot. */
export interface LineAxis {
  /** What it measures, with its unit. */
  readonly name: string;
  /** `linear` by default. */
  readonly scale?: "linear" | "log";
  /** Where it begins; from the data by default. */
  readonly min?: number;
  /** Where it ends; from the data by default. */
  readonly max?: number;
}

/** What a line plot shows. */
export interface LinePlot {
  /** The lines. */
  readonly series: readonly LineSeries[];
  /** The horizontal axis. */
  readonly xAxis: LineAxis;
  /** The vertical axis. */
  readonly yAxis: LineAxis;
  /** A dashed reference: a height with its name, or the diagonal. */
  readonly reference?: { readonly y: number; readonly name: string } | { readonly diagonal: true };
  /** Where the lines are named: above the plot, in its lower right corner, or nowhere; `above` by default, if there are several. */
  readonly legend?: "above" | "inside" | "none";
  /** One sentence for readers who cannot see the picture; from the names by default. */
  readonly description?: string;
}

/** Above this many points a line keeps the ones that carry its shape: more cannot be seen. */
const MOST_POINTS = 1200;

/** Height of one row of the legend, in CSS pixels. */
const LEGEND_ROW = 22;

/**
 * A line plot: metric over steps, AUC over perturbation radius with intervals, and the like.
 *
 * @throws {DataError} when no series has a point, or a logarithmic axis gets a number that is not positive.
 *
 * @example
 * ```ts
 * import { plotLines } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const svg = plotLines({
 *   xAxis: { name: "perturbation radius", scale: "log" },
 *   yAxis: { name: "AUC", max: 1 },
 *   reference: { y: 0.5, name: "chance" },
 *   series: [{
 *     name: "spectral",
 *     points: [[0.01, 0.83], [0.05, 0.69]],
 *     band: [[0.01, 0.8, 0.86], [0.05, 0.64, 0.74]],
 *   }],
 * });
 * assertMatch(svg, /perturbation radius/);
 * ```
 */
export function plotLines(plot: LinePlot, options: PlotOptions = {}): string {
  if (plot.series.every((line) => line.points.length === 0)) {
    throw new DataError(
      `plotLines: expected points to draw (${plot.yAxis.name} over ${plot.xAxis.name}), but found none`,
    );
  }
  checkLogarithms(plot);
  const place = plot.legend ?? (plot.series.length > 1 ? "above" : "none");
  const colours = plot.series.map((line, i) =>
    line.colour ?? palette.series[i % palette.series.length]
  );
  const option: EChartsOption = {
    title: heading(options.title),
    legend: legendOf(plot, place, options),
    grid: {
      left: 58,
      right: 20,
      top: (options.title ? 40 : 14) +
        (place === "above" ? 6 + LEGEND_ROW * legendRows(plot, options) : 0),
      bottom: 46,
    },
    xAxis: lineAxis(plot.xAxis, "x"),
    yAxis: lineAxis(plot.yAxis, "y"),
    series: [
      ...plot.series.flatMap((line, i) => line.band ? [bandOf(line.band, colours[i])] : []),
      ...plot.series.map((line, i) => lineOf(line, i, colours[i])),
      ...referenceOf(plot),
    ],
  };
  const description = plot.description ??
    `${plot.yAxis.name} over ${plot.xAxis.name}: ${
      plot.series.map((line) => line.name).join(", ")
    }`;
  return renderSvg(option, description, options);
}

/** The legend in the theme, or nothing. */
function legendOf(
  plot: LinePlot,
  place: "above" | "inside" | "none",
  options: PlotOptions,
): LegendComponentOption | undefined {
  if (place === "none") return undefined;
  return {
    ...(place === "above"
      ? { top: options.title ? 32 : 4, left: 48, right: 12 }
      : { bottom: 56, right: 28, orient: "vertical", align: "left" }),
    itemWidth: 28,
    itemHeight: 8,
    itemGap: place === "above" ? 16 : 7,
    data: plot.series.map((line) => ({
      name: line.name,
      itemStyle: { opacity: line.markers ? 1 : 0 },
    })),
    textStyle: { color: palette.ink, fontSize: 12, fontFamily: plotFont },
  };
}

/** How many rows the legend above the plot will take, by an estimate of its text's width. */
function legendRows(plot: LinePlot, options: PlotOptions): number {
  const room = (options.width ?? 640) - 60;
  let rows = 1, used = 0;
  for (const line of plot.series) {
    const width = 28 + 5 + 7 * line.name.length + 16;
    if (used > 0 && used + width > room) {
      rows++;
      used = 0;
    }
    used += width;
  }
  return rows;
}

/** One axis in the theme. */
function lineAxis(line: LineAxis, place: "x" | "y"): Record<string, unknown> {
  return {
    ...axis(line.name, place),
    type: line.scale === "log" ? "log" : "value",
    min: line.min,
    max: line.max ?? (place === "x" && line.scale !== "log" ? "dataMax" : undefined),
  };
}

/** One line in the theme. */
function lineOf(line: LineSeries, index: number, color: string): SeriesOption {
  return {
    type: "line",
    name: line.name,
    data: line.points.map((point) => [...point]),
    showSymbol: line.markers ?? false,
    symbol: line.markers ? "circle" : "none",
    symbolSize: 6,
    sampling: line.points.length > MOST_POINTS ? "lttb" : undefined,
    itemStyle: { color, borderWidth: 0 },
    lineStyle: {
      color,
      width: line.faint ? 1 : 2,
      opacity: line.faint ? 0.3 : 1,
      type: line.colour === undefined ? dashes[index % dashes.length] : "solid",
    },
    z: line.faint ? 2 : 3,
  };
}

/** The filled interval around a line. */
function bandOf(
  band: readonly (readonly [number, number, number])[],
  color: string,
): SeriesOption {
  return {
    type: "custom",
    silent: true,
    clip: true,
    z: 1,
    // One polygon for the whole band: the data only tells the axes what range it covers.
    data: band.flatMap(([x, low, high]) => [[x, low], [x, high]]),
    renderItem: (parameters, api) => {
      if (parameters.dataIndex !== 0) return null;
      const upper = band.map(([x, , high]) => api.coord([x, high]));
      const lower = band.map(([x, low]) => api.coord([x, low])).reverse();
      return {
        type: "polygon",
        shape: { points: [...upper, ...lower] },
        style: { fill: color, opacity: 0.16 },
      };
    },
  };
}

/** The dashed reference line, if there is one. */
function referenceOf(plot: LinePlot): SeriesOption[] {
  const { reference } = plot;
  if (reference === undefined) return [];
  const style = { color: palette.muted, type: [5, 4], width: 1 };
  return [{
    type: "line",
    data: [],
    silent: true,
    markLine: {
      symbol: "none",
      silent: true,
      lineStyle: style,
      data: "diagonal" in reference
        ? [[{ coord: [0, 0], symbol: "none" }, { coord: [1, 1], symbol: "none" }]]
        : [{ yAxis: reference.y }],
      label: "diagonal" in reference ? { show: false } : {
        formatter: reference.name,
        position: "insideEndTop",
        color: palette.muted,
        fontSize: 11,
        fontFamily: plotFont,
      },
    },
  }];
}

/** Throws where a logarithm is asked of a number that has none. */
function checkLogarithms(plot: LinePlot): void {
  for (const line of plot.series) {
    for (const [x, y] of line.points) {
      const logX = plot.xAxis.scale === "log", logY = plot.yAxis.scale === "log";
      if ((logX && !(x > 0)) || (logY && !(y > 0))) {
        throw new DataError(
          `plotLines: ${line.name} has the point (${x}, ${y}), which a logarithmic axis cannot show`,
        );
      }
    }
  }
}
