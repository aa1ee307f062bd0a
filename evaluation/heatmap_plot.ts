// A heat map of named rows and columns, as an SVG chart.

import { DataError, ShapeError } from "../errors.ts";
import { type ColourMapName, colourOf } from "./colour_map.ts";
import { axis, colourBar, heading, plotFont, type PlotOptions, renderSvg } from "./plot_theme.ts";

/** Up to so many cells each shows its number; more would not be readable. */
const MOST_LABELS = 80;

/** A heat map's numbers and names. */
export interface HeatmapData {
  /** One number per cell, `[rows][columns]`, first row at the bottom; `null` where there is none. */
  readonly values: readonly (readonly (number | null)[])[];
  /** The rows' names, bottom to top. */
  readonly rowNames: readonly string[];
  /** The columns' names, left to right. */
  readonly columnNames: readonly string[];
  /** What the colour means. */
  readonly valueName: string;
  /** What the rows are. */
  readonly rowAxis?: string;
  /** What the columns are. */
  readonly columnAxis?: string;
}

/**
 * A heat map of named rows and columns.
 *
 * The colour scale spans the values found; missing cells stay empty.
 *
 * @throws {ShapeError} when names and values do not fit together.
 * @throws {DataError} when there is no finite value.
 *
 * @example
 * ```ts
 * import { plotHeatmap } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const svg = plotHeatmap({
 *   values: [[0.9, 0.5], [0.8, null]],
 *   rowNames: ["swap", "spectral"],
 *   columnNames: ["0", "0.05"],
 *   valueName: "AUC",
 * });
 * assertMatch(svg, /spectral/);
 * ```
 */
export function plotHeatmap(
  data: HeatmapData,
  options: PlotOptions & { readonly colourMap?: ColourMapName } = {},
): string {
  const { values, rowNames, columnNames } = data;
  const map = options.colourMap ?? "viridis";
  if (values.length !== rowNames.length) {
    throw new ShapeError(`plotHeatmap: ${values.length} rows, but ${rowNames.length} row names`);
  }
  const cells = values.flatMap((row, y) => {
    if (row.length !== columnNames.length) {
      throw new ShapeError(
        `plotHeatmap: row ${y} has ${row.length} values, but there are ${columnNames.length} column names`,
      );
    }
    return row.flatMap((value, x) =>
      value === null || !Number.isFinite(value) ? [] : [[x, y, value]]
    );
  });
  if (cells.length === 0) throw new DataError("plotHeatmap: expected values, but found none");
  const found = cells.map((cell) => cell[2]);
  const low = Math.min(...found), high = Math.max(...found);
  const category = (name: string | undefined, place: "x" | "y", names: readonly string[]) => ({
    ...axis(name ?? "", place),
    type: "category" as const,
    data: [...names],
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { show: false },
  });
  return renderSvg(
    {
      title: heading(options.title),
      grid: {
        left: data.rowAxis ? 40 : 12,
        right: 84,
        top: options.title ? 44 : 16,
        bottom: data.columnAxis ? 44 : 16,
        containLabel: true,
      },
      xAxis: category(data.columnAxis, "x", columnNames),
      yAxis: { ...category(data.rowAxis, "y", rowNames), nameGap: 60 },
      visualMap: {
        ...colourBar(map, { low, high }, [
          `${data.valueName}\n${shortNumber(high)}`,
          shortNumber(low),
        ]),
        precision: 3,
      },
      series: [{
        type: "heatmap",
        itemStyle: { borderWidth: 0 },
        data: cells.map(([x, y, value]) => ({
          value: [x, y, value],
          label: {
            show: cells.length <= MOST_LABELS,
            formatter: shortNumber(value),
            // Text on the map's own colours: dark on its bright half, light on the other.
            color: isBright(colourOf(map, (value - low) / (high - low || 1))) ? "#000" : "#fff",
            fontSize: 11,
            fontFamily: plotFont,
          },
        })),
      }],
    },
    `${data.valueName} by ${data.rowAxis ?? "row"} and ${data.columnAxis ?? "column"}, ` +
      `from ${shortNumber(low)} to ${shortNumber(high)}`,
    options,
  );
}

/** Whether black text reads better than white on a colour (relative luminance of WCAG 2). */
function isBright(colour: readonly number[]): boolean {
  const [red, green, blue] = colour.map((byte) => (byte / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18;
}

/** A number with three significant digits and no needless zeros. */
function shortNumber(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}
