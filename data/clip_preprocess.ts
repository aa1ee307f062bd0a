// How CLIP's image encoder gets a picture: the shorter side to its size, the middle cut out, colours normalized.

import { ValueError } from "../errors.ts";
import type { Image } from "./image.ts";
import { resizeLikePillow } from "./pillow_resize.ts";
import { crop } from "./resize.ts";

/** Mean of CLIP's training pictures, red, green, blue, of values from 0 to 1 (Radford et al., 2021, released code). */
export const CLIP_MEAN: readonly [number, number, number] = [0.48145466, 0.4578275, 0.40821073];

/** Their standard deviation. */
export const CLIP_DEVIATION: readonly [number, number, number] = [
  0.26862954,
  0.26130258,
  0.27577711,
];

/**
 * Brings a picture to the square that CLIP sees, in bytes: bicubic with antialiasing, the shorter side to `size`, the middle
 * cut out, rounded as torchvision's `Resize` and `CenterCrop` round.
 *
 * @throws {ValueError} when `size` is no whole positive number.
 *
 * @example
 * ```ts
 * import { clipSquare } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * const image = { width: 300, height: 400, data: new Uint8Array(300 * 400 * 3).fill(7) };
 * const { width, height, data } = clipSquare(image, 224);
 * assertEquals([width, height, data[0]], [224, 224, 7]);
 * ```
 */
export function clipSquare(image: Image, size = 224): Image {
  if (!(Number.isInteger(size) && size > 0)) {
    throw new ValueError(`clipSquare: expected a whole size, but found ${size}`);
  }
  const { width, height } = image;
  const longer = Math.trunc(size * Math.max(width, height) / Math.min(width, height));
  const resized = width <= height
    ? resizeLikePillow(image, size, longer)
    : resizeLikePillow(image, longer, size);
  const left = halfToEven((resized.width - size) / 2),
    top = halfToEven((resized.height - size) / 2);
  return crop(resized, { left, top, width: size, height: size });
}

/**
 * A square's colours as CLIP takes them: planes of red, green and blue, each less its mean, over its deviation,
 * `[3, size, size]`.
 */
export function clipPlanes({ width, height, data }: Image): Float32Array<ArrayBuffer> {
  const plane = width * height;
  const planes = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    const mean = CLIP_MEAN[channel], deviation = CLIP_DEVIATION[channel];
    for (let i = 0; i < plane; i++) {
      planes[channel * plane + i] = (data[3 * i + channel] / 255 - mean) / deviation;
    }
  }
  return planes;
}

/** Rounds as Python does: a half to the even neighbour. */
function halfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
