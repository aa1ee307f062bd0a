// Plots are well-formed, deterministic, themed SVG whose geometry follows the numbers.

import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import sharp from "sharp";
import { DataError, ShapeError, ValueError } from "../../errors.ts";
import {
  colourOf,
  colourStops,
  plotAuc,
  plotFamilyAuc,
  plotGsnr,
  plotHeatmap,
  plotLines,
  plotLoss,
  plotRoc,
  rocCurve,
  svgToPng,
} from "../../evaluation/mod.ts";

const hostile = `<script>alert("1")</script> & 'x'`;

const rows = Array.from({ length: 120 }, (_, i) => ({
  step: i + 1,
  loss: 1 / (1 + i / 20),
  ...(i % 10 === 9 ? { auc: 0.5 + i / 400, gsnr: { [hostile]: 0.02, head: 0.1 + i / 1000 } } : {}),
}));

const interval = { low: 0.7, high: 0.8, level: 0.95, redraws: 2000 };

/** Every kind of plot, with names that would break unescaped SVG. */
function everyPlot(): Record<string, string> {
  return {
    loss: plotLoss(rows, { title: hostile }),
    auc: plotAuc(rows),
    roc: plotRoc({ [hostile]: rocCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) }),
    gsnrLines: plotGsnr(rows),
    gsnrMap: plotGsnr(rows, { form: "heatmap" }),
    families: plotFamilyAuc({
      [hostile]: { auc: 0.75, interval, trained: true },
      spectral: { auc: 0.45, interval: { ...interval, low: 0.4, high: 0.5 }, trained: false },
    }),
    heatmap: plotHeatmap({
      values: [[0.25, null], [0.5, 0.75]],
      rowNames: ["a", hostile],
      columnNames: ["1", "2"],
      valueName: hostile,
    }),
    lines: plotLines({
      xAxis: { name: hostile, scale: "log" },
      yAxis: { name: "AUC" },
      reference: { y: 0.5, name: hostile },
      series: [{
        name: "one",
        points: [[0.01, 0.8], [0.1, 0.6]],
        band: [[0.01, 0.7, 0.9], [0.1, 0.5, 0.7]],
        markers: true,
      }],
    }),
  };
}

/** The corner points of every stroked path with this colour variable, in the plot's pixels. */
function pathsOf(svg: string, colour: string): [number, number][][] {
  const paths = svg.matchAll(
    new RegExp(`<path d="([^"]*)"[^>]*stroke="var\\(--plot-${colour},`, "g"),
  );
  return [...paths].map(([, d]) =>
    [...d.matchAll(/[ML]?\s*(-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)])
  );
}

Deno.test("every plot is well-formed, escaped, described, free of scripts, hover rules and requests", async () => {
  for (const [name, svg] of Object.entries(everyPlot())) {
    assertMatch(svg, /^<svg class="corit-plot" role="img" aria-label="[^"<>]+"/, name);
    assertMatch(svg, /prefers-color-scheme:dark/, name);
    assert(!/<script|:hover|class="zr|zr\d+-|<image|@import|url\((?!#)/.test(svg), name);
    assertEquals(svg.match(/https?:\/\/[^"]*/g), ["http://www.w3.org/2000/svg"], name);
    // The renderer parses strictly: unescaped names would make it throw.
    const { width, height, format } = await sharp(await svgToPng(svg, 1)).metadata();
    assertEquals(format, "png");
    const size = svg.match(/width="(\d+)" height="(\d+)"/);
    assertEquals([width, height], [Number(size?.[1]), Number(size?.[2])], name);
  }
});

Deno.test("equal input gives equal bytes, and ids of different plots differ", () => {
  const first = everyPlot(), second = everyPlot();
  assertEquals(second, first);
  const ids = Object.values(first).flatMap((
    svg,
  ) => [...new Set([...svg.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]))]);
  assert(ids.length > 0);
  assertEquals(new Set(ids).size, ids.length);
  for (const svg of Object.values(first)) {
    for (const [, used] of svg.matchAll(/url\(#([^)]+)\)/g)) assert(svg.includes(` id="${used}"`));
  }
});

Deno.test("a plot's PNG grows with its scale and has a white ground", async () => {
  const png = sharp(await svgToPng(plotLoss(rows), 3));
  const { width, height, hasAlpha } = await png.metadata();
  assertEquals([width, height, hasAlpha], [1920, 1080, false]);
  const { data } = await png.raw().toBuffer({ resolveWithObject: true });
  assertEquals([...data.subarray(0, 3)], [255, 255, 255]);
});

Deno.test("a perfect detector's ROC curve runs up the left edge and along the top", () => {
  const [path] = pathsOf(
    plotRoc({ swap: rocCurve([1, 2, 3, 4], [0, 0, 1, 1], { simplify: true }) }),
    "blue",
  );
  const [start, corner, end] = path;
  assertAlmostEquals(start[0], corner[0], 0.01);
  assertAlmostEquals(corner[1], end[1], 0.01);
  assert(corner[1] < start[1] && end[0] > corner[0]);
});

Deno.test("the loss average follows a constant loss exactly, and never leaves the range of the losses", () => {
  const constant = Array.from({ length: 50 }, (_, step) => ({ step, loss: 0.5 }));
  const [raw, average] = pathsOf(plotLoss(constant), "blue");
  assertEquals(average, raw);
  const [noisy, smooth] = pathsOf(
    plotLoss(constant.map(({ step }) => ({ step, loss: step % 2 }))),
    "blue",
  );
  const heights = noisy.map((point) => point[1]);
  for (const [, y] of smooth) assert(y >= Math.min(...heights) && y <= Math.max(...heights));
});

Deno.test("a family below chance gets a bar to the left of one above", () => {
  const svg = plotFamilyAuc({
    above: { auc: 0.75, interval, trained: true },
    below: { auc: 0.45, interval: { ...interval, low: 0.4, high: 0.5 }, trained: false },
  });
  const bar = (colour: string): number[] => {
    const d = svg.match(new RegExp(`<path d="([^"]*)" fill="var\\(--plot-${colour},`))?.[1] ?? "";
    return [...d.matchAll(/(-?[\d.]+) -?[\d.]+(?=[A-Z]|$)/g)].map((match) => Number(match[1]));
  };
  const above = bar("blue"), below = bar("vermillion");
  assert(above.length > 0 && below.length > 0);
  // Both touch the line of chance: one from the right, one from the left.
  assertAlmostEquals(Math.min(...above), Math.max(...below), 3);
  assert(Math.min(...below) < Math.min(...above));
});

Deno.test("colour maps hit matplotlib's values, clamp, and refuse NaN", () => {
  assertEquals(colourStops("inferno", 2), ["#000004", "#fcffa4"]);
  assertEquals(colourOf("viridis", 0.5), [33, 145, 140]);
  assertEquals(colourOf("inferno", 0.5), [188, 55, 84]);
  assertEquals(colourOf("viridis", -3), [68, 1, 84]);
  assertEquals(colourOf("viridis", 7), [253, 231, 37]);
  assertThrows(() => colourOf("turbo", NaN), ValueError, "NaN");
});

Deno.test("plots of nothing, or of numbers an axis cannot show, are refused", () => {
  assertThrows(() => plotLoss([]), DataError, "found none");
  assertThrows(() => plotAuc([{ step: 1 }]), DataError, "found none");
  assertThrows(() => plotGsnr([{ step: 1 }]), DataError, "no row has a GSNR");
  assertThrows(() => plotFamilyAuc({}), DataError, "found none");
  assertThrows(() => plotRoc({}), DataError, "found none");
  const names = { rowNames: ["a"], columnNames: ["1", "2"], valueName: "AUC" };
  assertThrows(() => plotHeatmap({ ...names, values: [[null, NaN]] }), DataError, "found none");
  assertThrows(() => plotHeatmap({ ...names, values: [[1]] }), ShapeError, "2 column names");
  assertThrows(() => plotHeatmap({ ...names, values: [] }), ShapeError, "1 row names");
  assertThrows(
    () =>
      plotLines({
        xAxis: { name: "radius", scale: "log" },
        yAxis: { name: "AUC" },
        series: [{ name: "one", points: [[0, 0.9]] }],
      }),
    DataError,
    "(0, 0.9)",
  );
});
