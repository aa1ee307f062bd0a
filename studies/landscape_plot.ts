// A loss on a plane as a heat map, with SAM's climb and descent as arrows.

import {
  axis,
  colourBar,
  palette,
  plotFont,
  type PlotOptions,
  renderSvg,
} from "../evaluation/plot_theme.ts";

/** What the picture shows. */
export interface Landscape {
  /** Places along both axes, rising. */
  readonly places: readonly number[];
  /** The loss, `[row][column]`, first row at the bottom. */
  readonly losses: readonly (readonly number[])[];
  /** Where SAM climbs to, from the middle. */
  readonly climb: readonly [number, number];
  /** Which way it descends, from the middle. */
  readonly descent: readonly [number, number];
}

/** Draws a landscape; losses are coloured by rank in their range, dark low, bright high. */
export function plotLandscape(
  { places, losses, climb, descent }: Landscape,
  options: PlotOptions = {},
): string {
  const flat = losses.flat();
  const low = Math.min(...flat), high = Math.max(...flat);
  const spacing = places[1] - places[0];
  const side = (name: string, place: "x" | "y") => ({
    ...axis(name, place),
    type: "value" as const,
    min: places[0] - spacing / 2,
    max: places[places.length - 1] + spacing / 2,
    splitLine: { show: false },
    axisLabel: {
      color: palette.muted,
      fontSize: 11,
      fontFamily: plotFont,
      showMinLabel: false,
      showMaxLabel: false,
      formatter: (value: number) => `${Number(value.toPrecision(2))}`,
    },
  });
  const arrow = (to: readonly [number, number], colour: string) => ({
    type: "lines" as const,
    coordinateSystem: "cartesian2d",
    symbol: ["none", "arrow"],
    symbolSize: 10,
    silent: true,
    lineStyle: { color: colour, width: 3, opacity: 1 },
    data: [{ coords: [[0, 0], [...to]] }],
    z: 5,
  });
  return renderSvg(
    {
      grid: { left: 64, right: 92, top: 16, bottom: 48 },
      xAxis: side("along the gradient", "x"),
      yAxis: { ...side("along a random direction", "y"), nameGap: 48 },
      visualMap: {
        ...colourBar("viridis", { low, high }, [
          `loss\n${high.toPrecision(3)}`,
          low.toPrecision(3),
        ]),
        seriesIndex: 0,
        dimension: 2,
      },
      series: [
        {
          type: "custom",
          silent: true,
          clip: true,
          data: losses.flatMap((row, y) => row.map((loss, x) => [places[x], places[y], loss])),
          renderItem: (_, api) => {
            const x = Number(api.value(0)), y = Number(api.value(1));
            const [left, top] = api.coord([x - spacing / 2, y + spacing / 2]);
            const [right, bottom] = api.coord([x + spacing / 2, y - spacing / 2]);
            return {
              type: "rect",
              // Half a pixel more, so that no seam shows between cells.
              shape: { x: left, y: top, width: right - left + 0.5, height: bottom - top + 0.5 },
              style: { fill: String(api.visual("color")) },
            };
          },
        },
        arrow(climb, "#ffffff"),
        arrow(descent, "#000000"),
      ],
    },
    `Loss on a plane through the weights, from ${low.toPrecision(3)} to ${high.toPrecision(3)}`,
    { width: 560, height: 480, ...options },
  );
}
