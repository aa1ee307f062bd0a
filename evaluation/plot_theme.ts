// The look of every plot, and the way from an echarts option to a clean SVG that fits light and dark pages.

import { type ColourMapName, colourStops } from "./colour_map.ts";
import * as echarts from "echarts";
import sharp from "sharp";

/** Size and heading of a plot. */
export interface PlotOptions {
  /** Width in CSS pixels; 640 by default. */
  readonly width?: number;
  /** Height in CSS pixels; 360 by default. */
  readonly height?: number;
  /** Heading inside the picture; none by default. */
  readonly title?: string;
}

/** A colour with its light-page and dark-page value; `name` is the CSS variable's. */
interface ThemeColour {
  readonly name: string;
  readonly light: string;
  readonly dark: string;
}

// The light value doubles as the placeholder that echarts draws with, so all light values differ.
const ink: ThemeColour = { name: "ink", light: "#1b2230", dark: "#e8ebf1" };
const muted: ThemeColour = { name: "muted", light: "#5c6678", dark: "#9aa5b8" };
const grid: ThemeColour = { name: "grid", light: "#e3e7ee", dark: "#2c3442" };
const paper: ThemeColour = { name: "paper", light: "#fefefe", dark: "#151a22" };

// Okabe and Ito's colour-blind-safe set (2008), yellow and sky darkened on white, blue and green lightened on black,
// so that every line keeps a contrast of 3 or more with the page.
const series: readonly ThemeColour[] = [
  { name: "blue", light: "#0b6cb0", dark: "#56b4e9" },
  { name: "vermillion", light: "#d0570a", dark: "#f0803c" },
  { name: "green", light: "#00805e", dark: "#2fc79a" },
  { name: "purple", light: "#b0578d", dark: "#dd8fbc" },
  { name: "ochre", light: "#94700a", dark: "#e6b422" },
  { name: "slate", light: "#4d5b76", dark: "#a9b7d1" },
];

const allColours: readonly ThemeColour[] = [ink, muted, grid, paper, ...series];

/** The theme's colours, for echarts options. */
export const palette: {
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly paper: string;
  readonly series: readonly string[];
} = {
  ink: ink.light,
  muted: muted.light,
  grid: grid.light,
  paper: paper.light,
  series: series.map((colour) => colour.light),
};

/** Line patterns in the order of the series colours: a second cue beside colour. */
export const dashes: readonly (number[] | "solid")[] = [
  "solid",
  [7, 3],
  [2, 3],
  [9, 3, 2, 3],
  [4, 2],
  [12, 3],
];

/** The font of all plots; the reader's own interface font, so nothing is fetched. */
export const plotFont = "system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif";

/** What every axis shares: thin grid, muted labels, name at the middle. */
export function axis(
  name: string,
  place: "x" | "y",
): Record<string, unknown> {
  return {
    type: "value",
    scale: true,
    name,
    nameLocation: "middle",
    nameGap: place === "x" ? 30 : 44,
    nameTextStyle: { color: palette.muted, fontSize: 12, fontFamily: plotFont },
    axisLine: { show: place === "x", lineStyle: { color: palette.muted, width: 1 } },
    axisTick: { show: place === "x", length: 4, lineStyle: { color: palette.muted } },
    axisLabel: { color: palette.muted, fontSize: 11, fontFamily: plotFont, hideOverlap: true },
    splitLine: { show: place === "y", lineStyle: { color: palette.grid, width: 1 } },
  };
}

/** The bar beside a heat map that says which colours stand for which numbers; `texts` are at its high and its low end. */
export function colourBar(
  map: ColourMapName,
  { low, high }: { readonly low: number; readonly high: number },
  texts: readonly [high: string, low: string],
): Record<string, unknown> {
  return {
    type: "continuous",
    min: low,
    max: high > low ? high : low + 1e-9,
    calculable: false,
    orient: "vertical",
    right: 6,
    top: "middle",
    itemWidth: 12,
    itemHeight: 150,
    text: [...texts],
    textStyle: { color: palette.muted, fontSize: 11, fontFamily: plotFont },
    inRange: { color: colourStops(map, 16) },
  };
}

/** The heading, or nothing. */
export function heading(title: string | undefined): Record<string, unknown> | undefined {
  if (title === undefined) return undefined;
  return {
    text: title,
    left: 8,
    top: 6,
    textStyle: { color: palette.ink, fontSize: 15, fontWeight: 600, fontFamily: plotFont },
  };
}

/**
 * Draws an echarts option on the server and cleans the SVG.
 *
 * The picture scales to its container, carries a description for screen readers, has no hover rules and no ids that
 * depend on what was drawn before (equal input, equal bytes), and follows the page's light or dark scheme.
 */
export function renderSvg(
  option: echarts.EChartsOption,
  description: string,
  options: PlotOptions,
): string {
  const { width = 640, height = 360 } = options;
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({ animation: false, ...option });
    return themed(chart.renderToSVGString(), description);
  } finally {
    chart.dispose();
  }
}

/** Removes interaction and instance numbers, names the colours, and adds description and scheme. */
function themed(svg: string, description: string): string {
  let clean = svg
    .replace(/<style\s*>[\s\S]*?<\/style>\s*/g, "")
    .replace(/ (?:class="zr[^"]*"|ecmeta_\w+="[^"]*"|pointer-events="\w+")/g, "")
    .replace(/ ?xmlns:xlink="[^"]*"| baseProfile="\w+"| version="[\d.]+"/g, "");
  for (const colour of allColours) {
    clean = clean.replaceAll(
      new RegExp(`(fill|stroke)="${colour.light}"`, "g"),
      `$1="var(--plot-${colour.name},${colour.light})"`,
    );
  }
  clean = clean.replaceAll(/zr\d+-/g, `plot-${fingerprint(clean.replaceAll(/zr\d+-/g, ""))}-`);
  const label = escapeXml(description);
  return clean.replace(
    /^<svg /,
    `<svg class="corit-plot" role="img" aria-label="${label}" style="max-width:100%;height:auto" `,
  ).replace(/>/, `><title>${label}</title><style>${scheme()}</style>`);
}

/** The rule that swaps in the dark colours. */
function scheme(): string {
  const dark = allColours.map((colour) => `--plot-${colour.name}:${colour.dark}`).join(";");
  return `@media screen and (prefers-color-scheme:dark){.corit-plot{${dark}}}`;
}

/** Text made safe inside XML text and attributes. */
function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A short hash of a text (FNV-1a, 32 bits), so that ids of different plots on one page differ. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0).toString(16);
}

/**
 * A plot as PNG bytes, in its light-page colours on white.
 *
 * `scale` is the number of pixels per CSS pixel; 2 by default.
 *
 * @example
 * ```ts
 * import { plotLoss, svgToPng } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const png = await svgToPng(plotLoss([{ step: 1, loss: 0.7 }, { step: 2, loss: 0.5 }]));
 * assertEquals([...png.slice(1, 4)], [80, 78, 71]); // "PNG"
 * ```
 */
export async function svgToPng(svg: string, scale = 2): Promise<Uint8Array> {
  // The renderer behind sharp knows neither CSS variables nor colour schemes.
  const plain = svg.replace(/<style>[\s\S]*?<\/style>/g, "")
    .replaceAll(/var\(--plot-\w+,(#[0-9a-f]{6})\)/g, "$1");
  const png = await sharp(new TextEncoder().encode(plain), { density: 72 * scale })
    .flatten({ background: "#ffffff" }).png().toBuffer();
  return new Uint8Array(png);
}
