// A detector's token map laid over its image, as a PNG.

import sharp from "sharp";
import { ShapeError, ValueError } from "../errors.ts";
import { type ColourMapName, colourTable } from "./colour_map.ts";

/** A map over the tokens of an image, and the image. */
export interface HeatmapInput {
  /** One value per token, row by row, `[gridHeight * gridWidth]`. */
  readonly values: ArrayLike<number>;
  /** Tokens from top to bottom. */
  readonly gridHeight: number;
  /** Tokens from left to right. */
  readonly gridWidth: number;
  /** The image's pixels, RGB, `[height, width, 3]` bytes. */
  readonly pixels: Uint8Array | Uint8ClampedArray;
  /** Height of the image in pixels. */
  readonly height: number;
  /** Width of the image in pixels. */
  readonly width: number;
  /** The values drawn as the map's first and last colour; [0, 1] by default. Values beyond take the nearer end. */
  readonly range?: readonly [number, number];
  /** Strength of the colour where the value is highest; 0.8 by default. It falls with the value, so that low areas show the image. */
  readonly opacity?: number;
  /** The colours; `inferno` by default. */
  readonly colourMap?: ColourMapName;
  /** The shorter side is enlarged to at least this many pixels; 256 by default. */
  readonly shortestSide?: number;
}

/**
 * Draws a token map over its image and returns PNG bytes.
 *
 * The map is enlarged bilinearly between token centres, the image by a cubic filter; both to the same size.
 *
 * @throws {ShapeError} when values or pixels do not fit the sizes given.
 * @throws {ValueError} when a value is not finite, the range is empty, or an option is out of range.
 *
 * @example
 * ```ts
 * import { heatmapPng } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const png = await heatmapPng({
 *   values: [0, 0.2, 0.4, 1],
 *   gridHeight: 2,
 *   gridWidth: 2,
 *   pixels: new Uint8Array(16 * 16 * 3).fill(128),
 *   height: 16,
 *   width: 16,
 * });
 * assertEquals([...png.slice(1, 4)], [80, 78, 71]); // "PNG"
 * ```
 */
export async function heatmapPng(input: HeatmapInput): Promise<Uint8Array> {
  const { gridHeight, gridWidth, height, width } = input;
  const { range: [low, high] = [0, 1], opacity = 0.8, shortestSide = 256 } = input;
  checkInput(input, low, high, opacity, shortestSide);
  const scale = Math.max(1, shortestSide / Math.min(height, width));
  const outputHeight = Math.round(height * scale), outputWidth = Math.round(width * scale);
  const { data, info } = await sharp(input.pixels, { raw: { width, height, channels: 3 } })
    .resize(outputWidth, outputHeight, { kernel: "cubic", fit: "fill" })
    .raw().toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) {
    throw new ShapeError(`heatmapPng: expected 3 channels after resizing, found ${info.channels}`);
  }
  const table = colourTable(input.colourMap ?? "inferno");
  const rows = samplePoints(gridHeight, outputHeight),
    columns = samplePoints(gridWidth, outputWidth);
  for (let y = 0; y < outputHeight; y++) {
    const { before: top, after: bottom, share: down } = rows[y];
    for (let x = 0; x < outputWidth; x++) {
      const { before: left, after: right, share: across } = columns[x];
      const above = mix(
        input.values[top * gridWidth + left],
        input.values[top * gridWidth + right],
        across,
      );
      const below = mix(
        input.values[bottom * gridWidth + left],
        input.values[bottom * gridWidth + right],
        across,
      );
      const level = Math.min(Math.max((mix(above, below, down) - low) / (high - low), 0), 1);
      const colour = 3 * Math.round(255 * level), pixel = 3 * (y * outputWidth + x);
      for (let channel = 0; channel < 3; channel++) {
        data[pixel + channel] = Math.round(
          mix(data[pixel + channel], table[colour + channel], opacity * level),
        );
      }
    }
  }
  const png = await sharp(data, { raw: { width: outputWidth, height: outputHeight, channels: 3 } })
    .png().toBuffer();
  return new Uint8Array(png);
}

/** Between which two tokens every output pixel's centre lies, and how far along; clamped at the border. */
function samplePoints(
  tokens: number,
  pixels: number,
): { readonly before: number; readonly after: number; readonly share: number }[] {
  return Array.from({ length: pixels }, (_, pixel) => {
    const position = Math.min(Math.max((pixel + 0.5) * tokens / pixels - 0.5, 0), tokens - 1);
    const before = Math.floor(position);
    return { before, after: Math.min(before + 1, tokens - 1), share: position - before };
  });
}

/** The point `share` of the way from `from` to `to`. */
function mix(from: number, to: number, share: number): number {
  return from + share * (to - from);
}

/** Throws unless sizes, values and options fit together. */
function checkInput(
  input: HeatmapInput,
  low: number,
  high: number,
  opacity: number,
  shortestSide: number,
): void {
  const { values, gridHeight, gridWidth, pixels, height, width } = input;
  for (const [name, size] of Object.entries({ gridHeight, gridWidth, height, width })) {
    if (!Number.isInteger(size) || size < 1) {
      throw new ShapeError(
        `heatmapPng: ${name} must be a whole number of at least 1, but is ${size}`,
      );
    }
  }
  if (values.length !== gridHeight * gridWidth) {
    throw new ShapeError(
      `heatmapPng: a ${gridHeight} x ${gridWidth} grid needs ${gridHeight * gridWidth} values, ` +
        `but found ${values.length}`,
    );
  }
  if (pixels.length !== height * width * 3) {
    throw new ShapeError(
      `heatmapPng: a ${height} x ${width} RGB image has ${height * width * 3} bytes, ` +
        `but found ${pixels.length}`,
    );
  }
  const bad = Array.from(values).findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new ValueError(`heatmapPng: values must be finite, but values[${bad}] is ${values[bad]}`);
  }
  if (!(low < high)) {
    throw new ValueError(`heatmapPng: range must rise, but found [${low}, ${high}]`);
  }
  if (!(opacity >= 0 && opacity <= 1)) {
    throw new ValueError(`heatmapPng: opacity must lie in [0, 1], but found ${opacity}`);
  }
  if (!(shortestSide >= 1 && shortestSide <= 8192)) {
    throw new ValueError(
      `heatmapPng: shortestSide must lie in [1, 8192], but found ${shortestSide}`,
    );
  }
}
