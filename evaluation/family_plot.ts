// AUC by forgery family with intervals, as an SVG bar chart.

import type { EChartsOption } from "echarts";
import { DataError } from "../errors.ts";
import type { Interval } from "./bootstrap.ts";
import { axis, heading, palette, plotFont, type PlotOptions, renderSvg } from "./plot_theme.ts";

/**
 * AUC by family: bars from chance (0.5), whiskers over the interval; families not trained on have another
 * colour and say so.
 *
 * @throws {DataError} when there is no family.
 *
 * @example
 * ```ts
 * import { plotFamilyAuc } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const interval = { low: 0.7, high: 0.8, level: 0.95, redraws: 2000 };
 * assertMatch(plotFamilyAuc({ swap: { auc: 0.75, interval, trained: true } }), /swap/);
 * ```
 */
export function plotFamilyAuc(
  families: Readonly<
    Record<
      string,
      { readonly auc: number; readonly interval: Interval; readonly trained: boolean }
    >
  >,
  options: PlotOptions = {},
): string {
  // Category axes grow upwards: reversed, so that trained families stand on top in their given order.
  const bars = Object.entries(families)
    .sort((a, b) => Number(b[1].trained) - Number(a[1].trained)).reverse();
  if (bars.length === 0) throw new DataError("plotFamilyAuc: expected families, but found none");
  const lowest = Math.min(...bars.map(([, family]) => Math.min(family.auc, family.interval.low)));
  const whisker = { stroke: palette.ink, lineWidth: 1.5 };
  const option: EChartsOption = {
    title: heading(options.title),
    grid: { left: 12, right: 56, top: options.title ? 44 : 16, bottom: 44, containLabel: true },
    xAxis: {
      ...axis("AUC (bars start at chance, 0.5)", "x"),
      min: Math.min(0.4, Math.floor(lowest * 10) / 10),
      max: 1,
      startValue: 0.5,
      splitLine: { show: true, lineStyle: { color: palette.grid } },
    },
    yAxis: {
      type: "category",
      data: bars.map(([name, family]) => family.trained ? name : `${name}\n(not trained on)`),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: palette.ink, fontSize: 12, fontFamily: plotFont, lineHeight: 15 },
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 26,
        data: bars.map(([, family]) => ({
          value: family.auc,
          itemStyle: {
            color: palette.series[family.trained ? 0 : 1],
            opacity: 0.85,
            borderRadius: 2,
          },
        })),
        markLine: {
          symbol: "none",
          silent: true,
          data: [{ xAxis: 0.5 }],
          lineStyle: { color: palette.muted, type: [5, 4], width: 1 },
          label: { show: false },
        },
      },
      {
        type: "custom",
        z: 5,
        data: bars.map(([, { interval }], row) => [row, interval.low, interval.high]),
        encode: { x: [1, 2], y: 0 },
        renderItem: (_, api) => {
          const [left, y] = api.coord([api.value(1), api.value(0)]);
          const [right] = api.coord([api.value(2), api.value(0)]);
          const line = (x1: number, y1: number, x2: number, y2: number) => ({
            type: "line" as const,
            shape: { x1, y1, x2, y2 },
            style: whisker,
          });
          return {
            type: "group",
            children: [
              line(left, y, right, y),
              line(left, y - 5, left, y + 5),
              line(right, y - 5, right, y + 5),
            ],
          };
        },
      },
      {
        type: "custom",
        z: 6,
        data: bars.map(([, { auc, interval }], row) => [row, Math.max(auc, interval.high), auc]),
        encode: { x: 1, y: 0 },
        clip: false,
        renderItem: (_, api) => {
          const [x, y] = api.coord([api.value(1), api.value(0)]);
          return {
            type: "text",
            x: x + 10,
            y,
            style: {
              text: Number(api.value(2)).toFixed(3),
              fill: palette.ink,
              font: `600 12px ${plotFont}`,
              verticalAlign: "middle",
            },
          };
        },
      },
    ],
  };
  const said = bars.map(([name, family]) => `${name} ${family.auc.toFixed(3)}`).reverse();
  return renderSvg(option, `AUC by family: ${said.join(", ")}`, {
    height: 90 + 52 * bars.length + (options.title ? 28 : 0),
    ...options,
  });
}
