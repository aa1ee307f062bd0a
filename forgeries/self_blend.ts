// Self-blend: a region replaced by a slightly changed copy of itself.

import { gaussianBlur } from "../data/blur.ts";
import type { Image } from "../data/image.ts";
import type { RandomStream } from "../tensor/random.ts";
import { blend, type Forgery, type ForgeryInput, rounded } from "./forgery.ts";
import { drawRegion, paintRegion, type RegionOptions } from "./region.ts";

/** The changes that a self-blend makes to its copy, as a recipe keeps them. */
interface Change {
  /** Positive: unsharp masking of this strength; 0: a blur. */
  readonly sharpen: number;
  /** Standard deviation of the blur, pixels. */
  readonly sigma: number;
  /** Shift right and down, whole pixels. */
  readonly shift: readonly [number, number];
  /** Factor on the contrast around mid-grey. */
  readonly gain: number;
  /** Added to red, green and blue, grey levels. */
  readonly colour: readonly [number, number, number];
}

/** Draws a change; the shift is never the only thing that happens, since a flat region would hide it. */
function drawChange(random: RandomStream): Change {
  const sharpens = random.bernoulli(0.5);
  return {
    sharpen: sharpens ? rounded(random.uniform(1, 2)) : 0,
    sigma: sharpens ? 1 : 1.2,
    shift: [random.integer(7) - 3, random.integer(7) - 3],
    gain: rounded(random.uniform(0.88, 1.12)),
    colour: [0, 1, 2].map(() => rounded(random.uniform(-15, 15))) as [number, number, number],
  };
}

/** The changed copy, before blending; shifted-in borders repeat the edge. */
function changed(image: Image, change: Change): Float32Array {
  const { width, height, data } = image;
  const blurred = gaussianBlur(data, height, width, 3, change.sigma);
  const result = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    const fromY = Math.min(height - 1, Math.max(0, y - change.shift[1]));
    for (let x = 0; x < width; x++) {
      const fromX = Math.min(width - 1, Math.max(0, x - change.shift[0]));
      for (let c = 0; c < 3; c++) {
        const from = (fromY * width + fromX) * 3 + c;
        const value = change.sharpen > 0
          ? data[from] + change.sharpen * (data[from] - blurred[from])
          : blurred[from];
        result[(y * width + x) * 3 + c] = (value - 128) * change.gain + 128 + change.colour[c];
      }
    }
  }
  return result;
}

/**
 * Blends a changed copy of the picture into itself through a wobbly ellipse.
 *
 * The copy is sharpened (unsharp masking, strength 1 to 2) or blurred (sigma 1.2), shifted by up to 3 pixels, its contrast
 * changed by up to 12 % and its colours by up to 15 grey levels; it is laid on with opacity 0.75 or 1. No content changes:
 * what remains is the blending border and the statistics inside it. After Shiohara and Yamasaki, "Detecting Deepfakes
 * with Self-Blended Images", CVPR 2022, with geometric and photometric changes chosen for 64-pixel crops.
 *
 * @example
 * ```ts
 * import { selfBlend } from "@corit/corit/forgeries";
 * import { RandomStream } from "@corit/corit/tensor";
 * import { assertEquals } from "@std/assert";
 * const image = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).map((_, i) => i % 251) };
 * const { image: forged, mask } = selfBlend({ image }, new RandomStream(0));
 * assertEquals(forged.data[0] === image.data[0], mask[0] === 0); // the corner is outside
 * ```
 */
export function selfBlend(
  { image }: Pick<ForgeryInput, "image">,
  random: RandomStream,
  options: RegionOptions = {},
): Forgery {
  const { width, height } = image;
  const region = drawRegion(width, height, random, options);
  const change = drawChange(random);
  const opacity = random.choice([0.75, 1]);
  const mask = paintRegion(region, width, height);
  for (let i = 0; i < mask.length; i++) mask[i] *= opacity;
  return {
    image: { width, height, data: blend(image.data, changed(image, change), mask) },
    mask,
    recipe: { family: "self-blend", region: { ...region }, ...change, opacity },
  };
}
