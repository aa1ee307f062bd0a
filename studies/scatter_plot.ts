// A scatter plot of named groups of points, with a diagonal where both axes measure the same.

import { DataError } from "../errors.ts";
import { axis, palette, plotFont, type PlotOptions, renderSvg } from "../evaluation/plot_theme.ts";

/** Points of one kind. */
export interface ScatterGroup {
  /** The name in the legend. */
  readonly name: string;
  /** Points (x, y). */
  readonly points: readonly (readonly [number, number])[];
}

/** What a scatter plot shows. */
export interface ScatterPlot {
  /** Up to six kinds. */
  readonly groups: readonly ScatterGroup[];
  /** Names and scales of the axes. */
  readonly xAxis: { readonly name: string; readonly scale?: "linear" | "log" };
  /** Names and scales of the axes. */
  readonly yAxis: { readonly name: string; readonly scale?: "linear" | "log" };
  /** Whether to draw where y equals x. */
  readonly diagonal?: boolean;
}

/** Shapes in the order of the colours: a second cue beside colour. */
const shapes = ["circle", "rect", "triangle", "diamond", "pin", "arrow"];

/**
 * A scatter plot.
 *
 * @throws {DataError} There is no point, or a logarithmic axis gets a number that is not positive.
 */
export function plotScatter(plot: ScatterPlot, options: PlotOptions = {}): string {
  const all = plot.groups.flatMap(({ points }) => points);
  if (all.length === 0) throw new DataError("plotScatter: expected points, but found none");
  for (const [x, y] of all) {
    const bad = plot.xAxis.scale === "log" && !(x > 0) || plot.yAxis.scale === "log" && !(y > 0);
    if (bad) throw new DataError(`plotScatter: (${x}, ${y}) has no place on a logarithmic axis`);
  }
  // Round ends, so that the axes begin and end at a tick.
  const low = Math.floor(10 * Math.min(...all.flat())) / 10;
  const high = Math.ceil(10 * Math.max(...all.flat())) / 10;
  const place = ({ name, scale }: { name: string; scale?: string }, side: "x" | "y") => ({
    ...axis(name, side),
    type: scale === "log" ? "log" as const : "value" as const,
    ...(plot.diagonal ? { min: low, max: high } : {}),
    axisLabel: {
      color: palette.muted,
      fontSize: 11,
      fontFamily: plotFont,
      hideOverlap: true,
      formatter: (value: number) => `${Number(value.toPrecision(2))}`,
    },
  });
  return renderSvg(
    {
      grid: { left: 64, right: 24, top: 40, bottom: 46 },
      legend: {
        top: 4,
        left: 48,
        itemWidth: 10,
        itemHeight: 10,
        data: plot.groups.map(({ name }) => ({ name })),
        textStyle: { color: palette.ink, fontSize: 12, fontFamily: plotFont },
      },
      xAxis: place(plot.xAxis, "x"),
      yAxis: place(plot.yAxis, "y"),
      series: plot.groups.map(({ name, points }, at) => ({
        type: "scatter" as const,
        name,
        data: points.map((point) => [...point]),
        symbol: shapes[at % shapes.length],
        symbolSize: 9,
        itemStyle: { color: palette.series[at % palette.series.length], opacity: 0.85 },
        ...(plot.diagonal && at === 0
          ? {
            markLine: {
              symbol: "none",
              silent: true,
              animation: false,
              lineStyle: { color: palette.muted, type: [5, 4], width: 1 },
              label: { show: false },
              data: [[{ coord: [low, low] }, { coord: [high, high] }]],
            },
          }
          : {}),
      })),
    },
    `${plot.yAxis.name} against ${plot.xAxis.name}: ${all.length} points`,
    options,
  );
}
