// What pictures go through on their way: six distortions in five levels each, for the table of robustness.

import { gaussianBlur } from "../data/blur.ts";
import { type Image, jpegRoundTrip } from "../data/image.ts";
import { resize } from "../data/resize.ts";
import { ConfigError } from "../errors.ts";
import type { RandomStream } from "../tensor/random.ts";

/** A distortion's name. */
export type DistortionName = "jpeg" | "blur" | "resize" | "noise" | "contrast" | "saturation";

/** One distortion. */
export interface Distortion {
  /** What its levels are numbers of. */
  readonly unit: string;
  /** From the mildest to the strongest. */
  readonly levels: readonly [number, number, number, number, number];
  /** Where the levels come from. */
  readonly source: string;
}

const deeperForensics = "DeeperForensics-1.0 (Jiang et al., CVPR 2020)";

/**
 * The distortions and their levels.
 *
 * Blur, resize, noise, contrast and saturation are DeeperForensics-1.0's (Jiang et al., CVPR 2020), as its published
 * perturbation code has them: `GB`, `JPEG` (which, in spite of its name, halves to sixths the size and enlarges again),
 * `GNC`, `CC` (a factor on all values) and `CS` (a factor on both colour differences). JPEG has no levels that all agree
 * on: these span GenImage's qualities 65 and 30 (Zhu et al., NeurIPS 2023) and the range 30 to 100 of Wang et al.
 * (CVPR 2020). They were made for whole frames; here they act on the squares that the detector sees, which is harder.
 */
export const distortions: Readonly<Record<DistortionName, Distortion>> = {
  jpeg: {
    unit: "quality",
    levels: [90, 75, 60, 45, 30],
    source: "GenImage (Zhu et al., NeurIPS 2023); Wang et al., CVPR 2020",
  },
  blur: { unit: "kernel, pixels", levels: [7, 9, 13, 17, 21], source: deeperForensics },
  resize: { unit: "times smaller", levels: [2, 3, 4, 5, 6], source: deeperForensics },
  noise: { unit: "variance", levels: [0.001, 0.002, 0.005, 0.01, 0.05], source: deeperForensics },
  contrast: { unit: "factor", levels: [0.85, 0.725, 0.6, 0.475, 0.35], source: deeperForensics },
  saturation: { unit: "factor", levels: [0.4, 0.3, 0.2, 0.1, 0], source: deeperForensics },
};

/** The names, in the order in which they are shown. */
export const distortionNames: readonly DistortionName[] = Object.keys(
  distortions,
) as DistortionName[];

/** Bytes from the values of a picture: clamped and rounded. */
function imageOf(values: ArrayLike<number>, { width, height }: Image): Image {
  return { width, height, data: new Uint8Array(Uint8ClampedArray.from(values).buffer) };
}

function blurred(image: Image, kernel: number): Image {
  const { data, width, height } = image;
  return imageOf(gaussianBlur(data, height, width, 3, kernel / 6), image);
}

function resized(image: Image, factor: number): Image {
  const { width, height } = image;
  const side = (length: number): number => Math.max(1, Math.floor(length / factor));
  const small = resize(image, side(width), side(height), "bilinear");
  return resize(small, width, height, "bilinear");
}

/** Changes luminance and colour differences (BT.601, full range) of every pixel. */
function inLuminance(
  image: Image,
  change: (luminance: number, blue: number, red: number) => readonly [number, number, number],
): Image {
  const { data } = image;
  const values = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += 3) {
    const luminance = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
    const [y, blue, red] = change(
      luminance,
      (data[at + 2] - luminance) / 1.772,
      (data[at] - luminance) / 1.402,
    );
    values[at] = y + 1.402 * red;
    values[at + 1] = y - 0.344136286 * blue - 0.714136286 * red;
    values[at + 2] = y + 1.772 * blue;
  }
  return imageOf(values, image);
}

function noisy(image: Image, variance: number, random: RandomStream): Image {
  // The noise is added in studio range, 219 levels of luminance and 224 of colour; seen from 255 it is larger.
  const grey = Math.sqrt(variance) * 255 * 255 / 219;
  const colour = Math.sqrt(variance) * 255 * 255 / 224;
  return inLuminance(image, (luminance, blue, red) => [
    luminance + grey * random.normal(),
    blue + colour * random.normal(),
    red + colour * random.normal(),
  ]);
}

/**
 * A picture after one distortion.
 *
 * @param level 1 (mildest) to 5 (strongest).
 * @param random Where noise is drawn from.
 * @throws {ConfigError} The distortion or the level does not exist.
 *
 * @example
 * ```ts
 * import { distort } from "@corit/corit/evaluation";
 * import { RandomStream } from "@corit/corit/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const white = { width: 2, height: 1, data: new Uint8Array(6).fill(200) };
 * const darker = await distort(white, "contrast", 3, new RandomStream(0));
 * assertEquals([...darker.data], [120, 120, 120, 120, 120, 120]);
 * ```
 */
export async function distort(
  image: Image,
  name: DistortionName,
  level: number,
  random: RandomStream,
): Promise<Image> {
  const strength = distortions[name]?.levels[level - 1];
  if (strength === undefined) {
    throw new ConfigError(
      `distort: there is no ${name} of level ${level}; the distortions are ` +
        `${distortionNames.join(", ")}, their levels 1 to 5`,
    );
  }
  switch (name) {
    case "jpeg":
      return (await jpegRoundTrip(image, { quality: strength, chromaSubsampling: "4:2:0" })).image;
    case "blur":
      return blurred(image, strength);
    case "resize":
      return resized(image, strength);
    case "noise":
      return noisy(image, strength, random);
    case "contrast":
      return imageOf(Float64Array.from(image.data, (value) => strength * value), image);
    case "saturation":
      return inLuminance(image, (y, blue, red) => [y, strength * blue, strength * red]);
  }
}
