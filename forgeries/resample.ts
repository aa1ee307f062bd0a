// Upsample: the whole frame made from half its resolution, as a generator's last layer makes it.

import { type ResampleFilter, resize } from "../data/resize.ts";
import type { Image } from "../data/image.ts";
import type { RandomStream } from "../tensor/random.ts";
import { type Forgery, type ForgeryInput, rounded } from "./forgery.ts";

/** The ways up that {@linkcode upsample} draws from. */
export type UpsampleMethod = "nearest" | "bilinear" | "transposed-convolution";

/** Options of {@linkcode upsample}. */
export interface UpsampleOptions {
  /** The ways up to draw from; all three unless told. */
  readonly methods?: readonly UpsampleMethod[];
}

/** The 4-tap kernel of a stride-2 transposed convolution that interpolates linearly. */
const LINEAR = [0.25, 0.75, 0.75, 0.25];

/** How far a trained kernel's taps stray from the linear ones; gives checkerboards of a few grey levels. */
const STRAY = 0.03;

/** A stride-2, 4 x 4 transposed convolution with padding 1, the same for each channel, border repeated. */
function transposedConvolution(image: Image, kernel: readonly number[]): Image {
  const { width, height } = image;
  const data = new Uint8ClampedArray(width * height * 12);
  for (let y = 0; y < height * 2; y++) {
    for (let x = 0; x < width * 2; x++) {
      // Output 2i + p receives tap 1 + p of input i and tap 3 - 3p of its neighbour on side p.
      const oddY = y % 2, oddX = x % 2;
      const rows = [y >> 1, Math.min(height - 1, Math.max(0, (y >> 1) - 1 + 2 * oddY))];
      const columns = [x >> 1, Math.min(width - 1, Math.max(0, (x >> 1) - 1 + 2 * oddX))];
      const tapRows = [1 + oddY, 3 - 3 * oddY], tapColumns = [1 + oddX, 3 - 3 * oddX];
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = 0; i < 2; i++) {
          for (let j = 0; j < 2; j++) {
            sum += kernel[tapRows[i] * 4 + tapColumns[j]] *
              image.data[(rows[i] * width + columns[j]) * 3 + c];
          }
        }
        data[(y * width * 2 + x) * 3 + c] = sum;
      }
    }
  }
  return { width: width * 2, height: height * 2, data: new Uint8Array(data.buffer) };
}

/** Repeats every pixel in a 2 x 2 block. */
function repeatPixels(image: Image): Image {
  const { width, height } = image;
  const data = new Uint8Array(width * height * 12);
  for (let y = 0; y < height * 2; y++) {
    for (let x = 0; x < width * 2; x++) {
      const from = ((y >> 1) * width + (x >> 1)) * 3;
      data.set(image.data.subarray(from, from + 3), (y * width * 2 + x) * 3);
    }
  }
  return { width: width * 2, height: height * 2, data };
}

/**
 * Halves the whole frame and doubles it again by nearest neighbour, bilinear interpolation or a transposed convolution
 * (linear interpolation whose 16 taps stray by about 3 %, so that it leaves a checkerboard: Odena, Dumoulin and Olah,
 * "Deconvolution and Checkerboard Artifacts", Distill 2016). Width and height must be even.
 */
export function upsample(
  { image }: Pick<ForgeryInput, "image">,
  random: RandomStream,
  { methods = ["nearest", "bilinear", "transposed-convolution"] }: UpsampleOptions = {},
): Forgery {
  const { width, height } = image;
  const down = random.choice<ResampleFilter>(["box", "bicubic", "lanczos"]);
  const method = random.choice(methods);
  const half = resize(image, width / 2, height / 2, down);
  const mask = new Float32Array(width * height).fill(1);
  const recipe = { family: "upsample", down, method };
  if (method === "nearest") return { image: repeatPixels(half), mask, recipe };
  if (method === "bilinear") {
    return { image: resize(half, width, height, "bilinear"), mask, recipe };
  }
  const kernel = Array.from(
    { length: 16 },
    (_, i) => rounded(LINEAR[i >> 2] * LINEAR[i & 3] * (1 + STRAY * random.normal()), 4),
  );
  return { image: transposedConvolution(half, kernel), mask, recipe: { ...recipe, kernel } };
}
