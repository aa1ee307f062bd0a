// Resizing as Pillow does it, byte for byte: what encoders such as CLIP were trained on.

import { ValueError } from "../errors.ts";
import type { Image } from "./image.ts";

/** Bits behind the point of Pillow's weights: 32 less 8 for the byte and 2 for overshoot (libImaging/Resample.c). */
const BITS = 22;

/** Keys' cubic with a = -1/2, Pillow's BICUBIC. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** For each output pixel of one axis: where its source pixels begin, how many there are, and their whole-numbered weights. */
interface Weights {
  readonly first: Int32Array;
  readonly counts: Int32Array;
  readonly values: Float64Array;
  readonly most: number;
}

function weightsOf(from: number, to: number): Weights {
  const scale = from / to, widening = Math.max(1, scale);
  const support = 2 * widening;
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to), counts = new Int32Array(to);
  const values = new Float64Array(to * most);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let t = begin; t < end; t++) {
      const weight = cubic((t - centre + 0.5) / widening);
      values[i * most + t - begin] = weight;
      sum += weight;
    }
    for (let t = 0; t < end - begin; t++) {
      const weight = values[i * most + t] / sum * 2 ** BITS;
      values[i * most + t] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    first[i] = begin;
    counts[i] = end - begin;
  }
  return { first, counts, values, most };
}

/**
 * Resizes a picture by bicubic interpolation with antialiasing, to the bytes that Pillow's `resize(..., BICUBIC)` gives: first
 * across, rounded to bytes, then down, with weights of 22 bits. Pillow 13 goes down first in pictures that are much higher
 * than wide: there bytes differ by one where the rounding between the passes differs.
 *
 * @throws {ValueError} when the size is not of whole positive numbers.
 *
 * @example
 * ```ts
 * import { resizeLikePillow } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * const image = { width: 2, height: 1, data: new Uint8Array([0, 0, 0, 200, 200, 200]) };
 * assertEquals([...resizeLikePillow(image, 1, 1).data], [100, 100, 100]);
 * ```
 */
export function resizeLikePillow(image: Image, width: number, height: number): Image {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    throw new ValueError(`resizeLikePillow: expected whole sizes, but found ${width} x ${height}`);
  }
  // Pillow leaves an axis that keeps its length as it is.
  const across = width === image.width ? image : resizeAcross(image, width);
  return height === image.height ? across : resizeDown(across, height);
}

function resizeAcross({ width: from, height, data }: Image, width: number): Image {
  const { first, counts, values, most } = weightsOf(from, width);
  const result = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let red = 2 ** (BITS - 1), green = red, blue = red;
      let at = (y * from + first[x]) * 3;
      for (let t = x * most; t < x * most + counts[x]; t++, at += 3) {
        const weight = values[t];
        red += weight * data[at];
        green += weight * data[at + 1];
        blue += weight * data[at + 2];
      }
      const to = (y * width + x) * 3;
      result[to] = byteOf(red);
      result[to + 1] = byteOf(green);
      result[to + 2] = byteOf(blue);
    }
  }
  return { width, height, data: result };
}

function resizeDown({ width, height: from, data }: Image, height: number): Image {
  const { first, counts, values, most } = weightsOf(from, height);
  const row = width * 3;
  const result = new Uint8Array(row * height);
  const sums = new Float64Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(2 ** (BITS - 1));
    for (let t = 0; t < counts[y]; t++) {
      const weight = values[y * most + t], begin = (first[y] + t) * row;
      for (let i = 0; i < row; i++) sums[i] += weight * data[begin + i];
    }
    for (let i = 0; i < row; i++) result[y * row + i] = byteOf(sums[i]);
  }
  return { width, height, data: result };
}

/** A sum without its fraction, inside a byte. */
function byteOf(sum: number): number {
  return Math.max(0, Math.min(255, Math.floor(sum / 2 ** BITS)));
}
