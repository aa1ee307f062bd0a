// Resampling: any rectangle of a picture to any size, by box, bilinear, bicubic or Lanczos.

import { ValueError } from "../errors.ts";
import type { Image } from "./image.ts";

/** The resampling kernels: box, triangle, Keys' cubic (a = -1/2), Lanczos with three lobes. */
export type ResampleFilter = "box" | "bilinear" | "bicubic" | "lanczos";

/** A rectangle in pixels of the source; edges may lie between pixels. */
export interface Region {
  /** Left edge; 0 is the left edge of the first pixel. */
  readonly left: number;
  /** Upper edge. */
  readonly top: number;
  /** Width. */
  readonly width: number;
  /** Height. */
  readonly height: number;
}

/** A kernel and the distance at which it ends, in pixels of the coarser grid. */
interface Kernel {
  readonly radius: number;
  readonly weight: (x: number) => number;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

const KERNELS: Readonly<Record<ResampleFilter, Kernel>> = {
  // Half open, so that a pixel on the border of two output pixels counts once.
  box: { radius: 0.5, weight: (x) => (x >= -0.5 && x < 0.5 ? 1 : 0) },
  bilinear: { radius: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    radius: 2,
    weight: (x) => {
      const t = Math.abs(x);
      if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
      return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
    },
  },
  lanczos: { radius: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** For each output pixel of one axis: its first source pixel and its normalised weights. */
interface Taps {
  readonly count: number;
  readonly first: Int32Array;
  readonly weights: Float64Array;
}

/** The taps of one axis, with the kernel widened when the picture gets smaller (no aliasing). */
function tapsOf(
  start: number,
  length: number,
  size: number,
  limit: number,
  kernel: Kernel,
): Taps {
  const scale = length / size;
  const widening = Math.max(1, scale);
  const radius = kernel.radius * widening;
  const count = Math.min(limit, Math.ceil(2 * radius) + 1);
  const first = new Int32Array(size);
  const weights = new Float64Array(size * count);
  for (let i = 0; i < size; i++) {
    const centre = start + (i + 0.5) * scale;
    const begin = Math.max(0, Math.min(limit - count, Math.floor(centre - radius)));
    first[i] = begin;
    let sum = 0;
    for (let t = 0; t < count; t++) {
      const weight = kernel.weight((begin + t + 0.5 - centre) / widening);
      weights[i * count + t] = weight;
      sum += weight;
    }
    for (let t = 0; t < count; t++) weights[i * count + t] /= sum;
  }
  return { count, first, weights };
}

/**
 * Resamples one region of a picture to `width` x `height` pixels.
 *
 * When reducing, the kernel spans the source pixels that an output pixel covers; it may read beyond the region (as cutting
 * from the whole resized picture would) but not beyond the picture, where the weights are normalised anew. Rounded to the
 * nearest byte at the end only.
 * @throws {ValueError} when the region is empty or leaves the picture.
 *
 * @example
 * ```ts
 * import { resample } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * const image = { width: 2, height: 1, data: new Uint8Array([10, 20, 30, 20, 40, 60]) };
 * const half = resample(image, { left: 0, top: 0, width: 2, height: 1 }, 1, 1, "box");
 * assertEquals([...half.data], [15, 30, 45]);
 * ```
 */
export function resample(
  image: Image,
  region: Region,
  width: number,
  height: number,
  filter: ResampleFilter,
): Image {
  const inside = region.width > 0 && region.height > 0 && region.left >= 0 && region.top >= 0 &&
    region.left + region.width <= image.width + 1e-9 &&
    region.top + region.height <= image.height + 1e-9;
  if (!inside) {
    throw new ValueError(
      `resample: the region ${
        JSON.stringify(region)
      } is not inside the ${image.width} x ${image.height} picture`,
    );
  }
  const kernel = KERNELS[filter];
  const across = tapsOf(region.left, region.width, width, image.width, kernel);
  const down = tapsOf(region.top, region.height, height, image.height, kernel);
  const data = new Uint8ClampedArray(width * height * 3);
  const firstColumn = across.first[0];
  const columns = across.first[width - 1] + across.count - firstColumn;
  const row = new Float32Array(columns * 3);
  for (let y = 0; y < height; y++) {
    const first = (down.first[y] * image.width + firstColumn) * 3;
    sumRows(image, first, down.weights.subarray(y * down.count, (y + 1) * down.count), row);
    for (let x = 0; x < width; x++) {
      let red = 0, green = 0, blue = 0;
      let at = (across.first[x] - firstColumn) * 3;
      for (let t = x * across.count; t < (x + 1) * across.count; t++, at += 3) {
        const weight = across.weights[t];
        red += weight * row[at];
        green += weight * row[at + 1];
        blue += weight * row[at + 2];
      }
      const to = (y * width + x) * 3;
      data[to] = red; // clamps, and rounds half to even
      data[to + 1] = green;
      data[to + 2] = blue;
    }
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** Sums rows of a picture, the first beginning at byte `first`, by their weights; four at a time to write `sums` less often. */
function sumRows(
  { width, data }: Image,
  first: number,
  weights: Float64Array,
  sums: Float32Array,
): void {
  const step = width * 3;
  sums.fill(0);
  for (let t = 0; t < weights.length; t += 4) {
    const left = weights.length - t;
    // Past the last tap a weight of zero and a row that exists.
    const w0 = weights[t], w1 = left > 1 ? weights[t + 1] : 0;
    const w2 = left > 2 ? weights[t + 2] : 0, w3 = left > 3 ? weights[t + 3] : 0;
    const row0 = first + t * step;
    const row1 = left > 1 ? row0 + step : row0;
    const row2 = left > 2 ? row1 + step : row0, row3 = left > 3 ? row2 + step : row0;
    for (let i = 0; i < sums.length; i++) {
      sums[i] += w0 * data[row0 + i] + w1 * data[row1 + i] + w2 * data[row2 + i] +
        w3 * data[row3 + i];
    }
  }
}

/** Resizes a whole picture; see {@linkcode resample}. */
export function resize(
  image: Image,
  width: number,
  height: number,
  filter: ResampleFilter = "lanczos",
): Image {
  const whole = { left: 0, top: 0, width: image.width, height: image.height };
  return resample(image, whole, width, height, filter);
}

/**
 * Cuts out a rectangle given in whole pixels.
 *
 * @throws {ValueError} when it leaves the picture.
 */
export function crop(image: Image, region: Region): Image {
  const { left, top, width, height } = region;
  const whole = [left, top, width, height].every(Number.isInteger);
  if (
    !whole || left < 0 || top < 0 || width < 1 || height < 1 || left + width > image.width ||
    top + height > image.height
  ) {
    throw new ValueError(
      `crop: ${
        JSON.stringify(region)
      } is no rectangle of whole pixels inside the ${image.width} x ${image.height} picture`,
    );
  }
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}
