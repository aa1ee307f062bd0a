// Swap: a region replaced by another photograph's, matched in colour.

import type { RandomStream } from "../tensor/random.ts";
import { blend, type Forgery, type ForgeryInput } from "./forgery.ts";
import { drawRegion, paintRegion, type RegionOptions } from "./region.ts";

/** Options of {@linkcode swap}. */
export interface SwapOptions extends RegionOptions {
  /** The largest factor by which the donor's contrast is raised to match; 4 unless told. */
  readonly maximumGain?: number;
}

/** Mean and standard deviation of one channel inside a mask. */
function moments(
  data: Uint8Array,
  mask: Float32Array,
  channel: number,
): { mean: number; deviation: number } {
  let weight = 0, sum = 0, squares = 0;
  for (let pixel = 0; pixel < mask.length; pixel++) {
    const value = data[pixel * 3 + channel];
    weight += mask[pixel];
    sum += mask[pixel] * value;
    squares += mask[pixel] * value * value;
  }
  const mean = sum / weight;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / weight - mean * mean)) };
}

/**
 * Replaces a wobbly ellipse by the same region of the donor, whose colours are given the mean and standard deviation
 * (per channel, inside the region) of what they cover.
 *
 * @example
 * ```ts
 * import { swap } from "@corit/corit/forgeries";
 * import { RandomStream } from "@corit/corit/tensor";
 * import { assertEquals } from "@std/assert";
 * const image = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).map((_, i) => i % 251) };
 * const donor = () => ({ ...image, data: image.data.toReversed() });
 * const { mask, recipe } = swap({ image, donor }, new RandomStream(0));
 * assertEquals([mask.length, recipe.family], [32 * 32, "swap"]);
 * ```
 */
export function swap(
  { image, donor }: ForgeryInput,
  random: RandomStream,
  options: SwapOptions = {},
): Forgery {
  const { width, height } = image;
  const other = donor();
  const region = drawRegion(width, height, random, options);
  const mask = paintRegion(region, width, height);
  const matched = new Float32Array(other.data.length);
  for (let channel = 0; channel < 3; channel++) {
    const target = moments(image.data, mask, channel);
    const source = moments(other.data, mask, channel);
    const gain = Math.min(
      options.maximumGain ?? 4,
      target.deviation / Math.max(source.deviation, 1e-3),
    );
    for (let i = channel; i < matched.length; i += 3) {
      matched[i] = target.mean + gain * (other.data[i] - source.mean);
    }
  }
  return {
    image: { width, height, data: blend(image.data, matched, mask) },
    mask,
    recipe: { family: "swap", region: { ...region } },
  };
}
