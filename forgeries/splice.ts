// Splice: an object of another photograph pasted, in its own colours.

import { gaussianBlur } from "../data/blur.ts";
import type { Image } from "../data/image.ts";
import type { RandomStream } from "../tensor/random.ts";
import { blend, type Forgery, type ForgeryInput, rounded } from "./forgery.ts";
import { drawRegion, paintRegion, type RegionOptions } from "./region.ts";

/** Where an object comes from: the donor, moved, scaled and perhaps mirrored about the region's middle. */
interface Placement {
  /** Middle of the object in the donor, pixels. */
  readonly from: readonly [number, number];
  /** Middle of the object in the forged picture. */
  readonly to: readonly [number, number];
  /** Its size there over its size in the donor. */
  readonly scale: number;
  /** Whether it is mirrored left to right. */
  readonly mirrored: boolean;
}

/** The donor as it lies over the whole picture, interpolated linearly; beyond its border the edge is repeated. */
function placed({ width, height, data }: Image, { from, to, scale, mirrored }: Placement) {
  const result = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const across = (x + 0.5 - to[0]) / scale * (mirrored ? -1 : 1);
      const sx = Math.min(width - 1, Math.max(0, from[0] + across - 0.5));
      const sy = Math.min(height - 1, Math.max(0, from[1] + (y + 0.5 - to[1]) / scale - 0.5));
      const left = Math.floor(sx), top = Math.floor(sy);
      const right = Math.min(width - 1, left + 1), bottom = Math.min(height - 1, top + 1);
      for (let c = 0; c < 3; c++) {
        const at = (px: number, py: number) => data[(py * width + px) * 3 + c];
        const upper = at(left, top) + (sx - left) * (at(right, top) - at(left, top));
        const lower = at(left, bottom) + (sx - left) * (at(right, bottom) - at(left, bottom));
        result[(y * width + x) * 3 + c] = upper + (sy - top) * (lower - upper);
      }
    }
  }
  return result;
}

/** The largest connected part of a mask, as a mask. */
function largestPart(mask: Uint8Array, width: number): Uint8Array<ArrayBuffer> {
  const part = new Int32Array(mask.length);
  let best = 0, most = 0, count = 0;
  for (let start = 0; start < mask.length; start++) {
    if (mask[start] === 0 || part[start] !== 0) continue;
    const stack = [start];
    part[start] = ++count;
    let size = 0;
    while (stack.length > 0) {
      const at = stack.pop()!;
      size++;
      for (const step of [-1, 1, -width, width]) {
        const next = at + step;
        const wraps = Math.abs(step) === 1 &&
          Math.floor(next / width) !== Math.floor(at / width);
        if (next < 0 || next >= mask.length || wraps || mask[next] === 0 || part[next]) continue;
        part[next] = count;
        stack.push(next);
      }
    }
    if (size > most) [best, most] = [count, size];
  }
  return Uint8Array.from(part, (each) => (each === best && best > 0 ? 1 : 0));
}

/** Shares of the region that are tried, until what is like its middle hangs together. */
const shares = [0.6, 0.7, 0.8, 0.9, 1];

/** Of the region, what must hang together. */
const smallestObject = 0.5;

/** What of the region looks like one thing: the pixels nearest in colour to its middle, smoothed and connected. */
function outline(
  pixels: Float32Array,
  region: Float32Array,
  [middleX, middleY]: readonly [number, number],
  width: number,
): Uint8Array {
  const inside: number[] = [];
  region.forEach((share, at) => share > 0.5 && inside.push(at));
  const core = inside.filter((at) =>
    Math.hypot(at % width + 0.5 - middleX, Math.floor(at / width) + 0.5 - middleY) < 4
  );
  const colour = [0, 1, 2].map((c) =>
    core.reduce((sum, at) => sum + pixels[at * 3 + c], 0) / core.length
  );
  const distance = (at: number): number =>
    Math.hypot(...colour.map((value, c) => pixels[at * 3 + c] - value));
  const sorted = inside.map((at) => ({ at, away: distance(at) })).sort((a, b) => a.away - b.away);
  let object = new Uint8Array(region.length);
  for (const share of shares) {
    const hard = new Float32Array(region.length);
    for (const { at } of sorted.slice(0, Math.round(share * sorted.length))) hard[at] = 1;
    const smooth = gaussianBlur(hard, region.length / width, width, 1, 1.5);
    object = largestPart(
      Uint8Array.from(smooth, (value, at) => (value > 0.5 && region[at] > 0.5 ? 1 : 0)),
      width,
    );
    const size = object.reduce((sum, value) => sum + value, 0);
    if (size >= smallestObject * inside.length) break;
  }
  return object;
}

/**
 * Pastes an object of the donor: what of a wobbly ellipse hangs together in colour, scaled by 0.8 to 1.25, perhaps
 * mirrored, in its own colours, its edge softened by less than a pixel. Unlike a swap it is not made to fit.
 *
 * @example
 * ```ts
 * import { splice } from "@corit/corit/forgeries";
 * import { RandomStream } from "@corit/corit/tensor";
 * import { assertEquals } from "@std/assert";
 * const image = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).map((_, i) => i % 251) };
 * const donor = () => ({ ...image, data: image.data.toReversed() });
 * const { mask, recipe } = splice({ image, donor }, new RandomStream(0));
 * assertEquals([mask.length, recipe.family], [32 * 32, "splice"]);
 * ```
 */
export function splice(
  { image, donor }: ForgeryInput,
  random: RandomStream,
  options: RegionOptions = {},
): Forgery {
  const { width, height } = image;
  const other = donor();
  const region = drawRegion(width, height, random, options);
  const scale = rounded(random.uniform(0.8, 1.25));
  const reach = Math.max(...region.radii) / scale;
  const from = [width, height].map((side) =>
    rounded(random.uniform(Math.min(reach, side / 2), Math.max(side - reach, side / 2)))
  ) as [number, number];
  const placement = { from, to: region.centre, scale, mirrored: random.bernoulli(0.5) };
  const edge = rounded(random.uniform(0.3, 0.8));
  const pixels = placed(other, placement);
  const hard = outline(pixels, paintRegion(region, width, height), region.centre, width);
  const mask = gaussianBlur(Float32Array.from(hard), height, width, 1, edge);
  for (let i = 0; i < mask.length; i++) mask[i] = Math.round(mask[i] * 255) / 255;
  return {
    image: { width, height, data: blend(image.data, pixels, mask) },
    mask,
    recipe: { family: "splice", region: { ...region }, ...placement, edge },
  };
}
