// How an image of any size is seen by a detector of one size: reduced if large, then through windows.

import type { Image } from "../data/image.ts";
import { crop, resize } from "../data/resize.ts";
import { DataError } from "../errors.ts";

/**
 * Windows along the longer side at most. Nine of 64 pixels are 576: a photograph of 1,500 pixels is then reduced by
 * 2.6, the middle of what training crops are reduced by.
 */
const mostWindows = 9;

/** How much longer than broad an image may be. */
const longestShape = 20;

/** An image as a detector sees it. */
export interface WindowedImage {
  /** The image the windows are cut from: the original, or what it was resized to. */
  readonly image: Image;
  /** Upper left corners of the windows in `image`, `[left, top]` in pixels. */
  readonly corners: readonly (readonly [left: number, top: number])[];
  /** Side of a window in pixels. */
  readonly size: number;
}

/**
 * Cuts an image into windows of `size` pixels that cover it, overlapping as little as they can.
 *
 * An image whose longer side exceeds nine windows is first reduced to that; one whose shorter side is less than a
 * window is enlarged to it. Everything else keeps its pixels, which carry the traces of forging.
 *
 * @throws {DataError} where the image is more than 20 times as long as broad.
 *
 * @example
 * ```ts
 * import { windowsOf } from "@corit/corit/training";
 * import { assertEquals } from "@std/assert";
 *
 * const image = { width: 100, height: 64, data: new Uint8Array(100 * 64 * 3) };
 * assertEquals(windowsOf(image, 64).corners, [[0, 0], [36, 0]]);
 * ```
 */
export function windowsOf(image: Image, size: number): WindowedImage {
  const fitted = fit(image, size);
  const across = starts(fitted.width, size);
  const corners = starts(fitted.height, size)
    .flatMap((top) => across.map((left) => [left, top] as const));
  return { image: fitted, corners, size };
}

/** The windows' pixels as planes of red, green and blue, `[windows, 3, size, size]`, 0 to 255. */
export function windowPixels({ image, corners, size }: WindowedImage): Float32Array {
  const plane = size * size;
  const pixels = new Float32Array(corners.length * 3 * plane);
  corners.forEach(([left, top], window) => {
    const { data } = crop(image, { left, top, width: size, height: size });
    const offset = window * 3 * plane;
    for (let i = 0; i < plane; i++) {
      for (let channel = 0; channel < 3; channel++) {
        pixels[offset + channel * plane + i] = data[3 * i + channel];
      }
    }
  });
  return pixels;
}

/** A map over an image, one value a cell. */
export interface CellMap {
  /** Row by row, `[gridHeight * gridWidth]`. */
  readonly values: Float64Array;
  /** Cells from top to bottom. */
  readonly gridHeight: number;
  /** Cells from left to right. */
  readonly gridWidth: number;
}

/**
 * Joins the windows' token maps to one map over the image, a cell for every patch size of pixels; where windows
 * overlap, their values are averaged by area.
 *
 * @param maps One value for each token, `[windows, rows * columns]`, row by row.
 * @param grid Rows and columns of tokens in a window.
 */
export function joinMaps(
  { image, corners, size }: WindowedImage,
  maps: ArrayLike<number>,
  [rows, columns]: readonly [rows: number, columns: number],
): CellMap {
  const gridHeight = Math.round(image.height * rows / size);
  const gridWidth = Math.round(image.width * columns / size);
  const values = new Float64Array(gridHeight * gridWidth);
  const areas = new Float64Array(gridHeight * gridWidth);
  corners.forEach(([left, top], window) => {
    for (let y = 0; y < size; y++) {
      const row = Math.min(gridHeight - 1, Math.floor((top + y) * gridHeight / image.height));
      const from = window * rows * columns + Math.floor(y * rows / size) * columns;
      for (let x = 0; x < size; x++) {
        const column = Math.min(gridWidth - 1, Math.floor((left + x) * gridWidth / image.width));
        values[row * gridWidth + column] += maps[from + Math.floor(x * columns / size)];
        areas[row * gridWidth + column]++;
      }
    }
  });
  // Windows cover every pixel, so no area is 0.
  return { values: values.map((sum, cell) => sum / areas[cell]), gridHeight, gridWidth };
}

/** Resizes an image that is too large or too small for its windows. */
function fit(image: Image, size: number): Image {
  const { width, height } = image;
  const longer = Math.max(width, height), shorter = Math.min(width, height);
  if (longer > longestShape * shorter) {
    throw new DataError(
      `an image of ${width} x ${height} pixels is too narrow to look at; cut it to a shape of at ` +
        `most ${longestShape} to 1`,
    );
  }
  const scale = Math.max(Math.min(1, mostWindows * size / longer), size / shorter);
  // A narrow image that is reduced for its length and enlarged for its breadth keeps its breadth.
  if (scale === 1) return image;
  const side = (length: number): number => Math.max(size, Math.round(length * scale));
  return resize(image, side(width), side(height));
}

/** Where windows begin along one side: the first at its start, the last at its end, evenly between. */
function starts(length: number, size: number): number[] {
  const count = Math.ceil(length / size);
  if (count === 1) return [0];
  return Array.from({ length: count }, (_, i) => Math.round(i * (length - size) / (count - 1)));
}
