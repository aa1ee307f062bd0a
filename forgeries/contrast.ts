// Contrast between neighbouring pixels, given back to a picture that a generator blurred.

import { gaussianBlur } from "../data/blur.ts";
import type { Image } from "../data/image.ts";
import { rounded } from "./forgery.ts";

/** Differences of horizontal and vertical neighbours, summed as `first * second` over the frame. */
function gradientProduct(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  width: number,
  height: number,
): number {
  const row = width * 3;
  let sum = 0;
  for (let y = 0; y < height - 1; y++) {
    for (let i = y * row; i < (y + 1) * row - 3; i++) {
      sum += (first[i + 3] - first[i]) * (second[i + 3] - second[i]) +
        (first[i + row] - first[i]) * (second[i + row] - second[i]);
    }
  }
  return sum;
}

/** The strongest unsharp masking that gives contrast back. */
const MAXIMUM_GAIN = 2;

/**
 * Sharpens `image` (unsharp masking, sigma 1) until its squared gradients sum to the original's: the root of a quadratic.
 */
export function restoreContrast(image: Image, original: Image): { image: Image; gain: number } {
  const { width, height, data } = image;
  const blurred = gaussianBlur(data, height, width, 3, 1);
  const detail = blurred.map((value, i) => data[i] - value);
  const missing = gradientProduct(original.data, original.data, width, height) -
    gradientProduct(data, data, width, height);
  const mixed = gradientProduct(data, detail, width, height);
  const square = gradientProduct(detail, detail, width, height);
  const exact = missing > 0 && square > 0
    ? (Math.sqrt(mixed * mixed + square * missing) - mixed) / square
    : 0;
  const gain = rounded(Math.min(MAXIMUM_GAIN, exact));
  const sharpened = Uint8ClampedArray.from(data, (value, i) => value + gain * detail[i]);
  return { image: { width, height, data: new Uint8Array(sharpened.buffer) }, gain };
}
