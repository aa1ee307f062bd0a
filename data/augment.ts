// Random changes of training crops and their options; mixing two crops is in mix.ts.

import { ConfigError } from "../errors.ts";
import type { RandomStream } from "../tensor/random.ts";
import { gaussianBlur } from "./blur.ts";

/** All augmentations; each happens with its own probability. */
export interface Augmentation {
  /** Mirrors left and right. */
  readonly flip: { readonly probability: number };
  /** Shifts by up to `padding` pixels on each axis; the border is mirrored. Pixels are not resampled. */
  readonly crop: { readonly probability: number; readonly padding: number };
  /** Scales brightness, contrast and saturation by factors in [1 - x, 1 + x]. */
  readonly colour: {
    readonly probability: number;
    readonly brightness: number;
    readonly contrast: number;
    readonly saturation: number;
  };
  /** Gaussian blur with sigma (pixels) drawn from the range. */
  readonly blur: { readonly probability: number; readonly sigma: readonly [number, number] };
  /** Saves as JPEG, 4:2:0, quality drawn from the range (whole numbers), and reads again. */
  readonly jpeg: { readonly probability: number; readonly quality: readonly [number, number] };
  /** Mixes every crop of a batch with another by a share drawn from Beta(alpha, alpha): Zhang et al., ICLR 2018. */
  readonly mixUp: { readonly probability: number; readonly alpha: number };
  /** Pastes a rectangle of another crop, its area drawn from Beta(alpha, alpha): Yun et al., ICCV 2019. */
  readonly cutMix: { readonly probability: number; readonly alpha: number };
}

/** Changes of the defaults: any part of any augmentation. */
export type AugmentationOptions = {
  readonly [Name in keyof Augmentation]?: Partial<Augmentation[Name]>;
};

/** Flips with probability 1/2; all else off, because it may wash out the traces a detector is to learn. */
export const defaultAugmentation: Augmentation = {
  flip: { probability: 0.5 },
  crop: { probability: 0, padding: 4 },
  colour: { probability: 0, brightness: 0.2, contrast: 0.2, saturation: 0.2 },
  blur: { probability: 0, sigma: [0.3, 1] },
  jpeg: { probability: 0, quality: [70, 95] },
  mixUp: { probability: 0, alpha: 0.2 },
  cutMix: { probability: 0, alpha: 1 },
};

/**
 * Completes options by the defaults.
 *
 * @throws {ConfigError} when a probability is outside [0, 1] or a range makes no sense.
 *
 * @example
 * ```ts
 * import { augmentation } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * assertEquals(augmentation({ blur: { probability: 0.1 } }).blur.sigma, [0.3, 1]);
 * ```
 */
export function augmentation(options: AugmentationOptions = {}): Augmentation {
  const base = defaultAugmentation;
  const complete: Augmentation = {
    flip: { ...base.flip, ...options.flip },
    crop: { ...base.crop, ...options.crop },
    colour: { ...base.colour, ...options.colour },
    blur: { ...base.blur, ...options.blur },
    jpeg: { ...base.jpeg, ...options.jpeg },
    mixUp: { ...base.mixUp, ...options.mixUp },
    cutMix: { ...base.cutMix, ...options.cutMix },
  };
  const { crop, blur, jpeg, mixUp, cutMix } = complete;
  const problems: string[] = [];
  for (const [name, { probability }] of Object.entries(complete)) {
    if (!(probability >= 0 && probability <= 1)) {
      problems.push(`${name}.probability must be from 0 to 1, but is ${probability}`);
    }
  }
  if (!(Number.isInteger(crop.padding) && crop.padding >= 0)) {
    problems.push(`crop.padding must be a whole number of pixels, but is ${crop.padding}`);
  }
  if (!(blur.sigma[0] > 0 && blur.sigma[1] >= blur.sigma[0])) {
    problems.push(`blur.sigma must be two rising positive numbers, but is [${blur.sigma}]`);
  }
  const [low, high] = jpeg.quality;
  if (
    !(Number.isInteger(low) && Number.isInteger(high) && low >= 1 && high >= low && high <= 100)
  ) {
    problems.push(
      `jpeg.quality must be two rising whole numbers from 1 to 100, but is [${low}, ${high}]`,
    );
  }
  for (const [name, { alpha }] of Object.entries({ mixUp, cutMix })) {
    if (!(alpha > 0 && alpha <= 2)) {
      problems.push(`${name}.alpha must be in (0, 2], but is ${alpha}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(`augmentation: ${problems.join("; ")}`);
  return complete;
}

/** One crop on its way into a batch; changed in place. */
export interface Sample {
  /** Side in pixels. */
  readonly size: number;
  /** RGB bytes, `[size, size, 3]`. */
  pixels: Uint8Array;
  /** Mask, `[size, size]`. */
  mask: Float32Array;
}

/** Applies what the stream draws to one crop. Each augmentation draws from its own fork, whatever the others do. */
export async function augmentSample(
  sample: Sample,
  { flip, crop, colour, blur, jpeg }: Augmentation,
  random: RandomStream,
): Promise<void> {
  const happens = (name: string, { probability }: { probability: number }): RandomStream | null => {
    if (probability === 0) return null;
    const stream = random.fork(name);
    return stream.bernoulli(probability) ? stream : null;
  };
  const { size } = sample;
  if (happens("flip", flip)) moveColumnsAndRows(sample, (x) => size - 1 - x, (y) => y);
  const cropStream = happens("crop", crop);
  if (cropStream) {
    const right = cropStream.integer(2 * crop.padding + 1) - crop.padding;
    const down = cropStream.integer(2 * crop.padding + 1) - crop.padding;
    moveColumnsAndRows(sample, (x) => mirrored(x - right, size), (y) => mirrored(y - down, size));
  }
  const colourStream = happens("colour", colour);
  if (colourStream) {
    const factor = (reach: number) => colourStream.uniform(1 - reach, 1 + reach);
    changeColours(
      sample,
      factor(colour.brightness),
      factor(colour.contrast),
      factor(colour.saturation),
    );
  }
  const blurStream = happens("blur", blur);
  if (blurStream) {
    const sigma = blurStream.uniform(blur.sigma[0], blur.sigma[1]);
    sample.pixels = rounded(gaussianBlur(sample.pixels, size, size, 3, sigma));
  }
  const jpegStream = happens("jpeg", jpeg);
  if (jpegStream) {
    const quality = jpeg.quality[0] + jpegStream.integer(jpeg.quality[1] - jpeg.quality[0] + 1);
    // Loaded when asked for: the codec takes longer to load than all other augmentations together.
    const { jpegRoundTrip } = await import("./image.ts");
    const picture = { width: size, height: size, data: sample.pixels };
    const { image } = await jpegRoundTrip(picture, { quality, chromaSubsampling: "4:2:0" });
    sample.pixels = image.data;
  }
}

/** Rearranges pixels and mask: the pixel at (x, y) comes from (column(x), row(y)). */
function moveColumnsAndRows(
  sample: Sample,
  column: (x: number) => number,
  row: (y: number) => number,
): void {
  const { size, pixels, mask } = sample;
  const moved = new Uint8Array(pixels.length);
  const movedMask = new Float32Array(mask.length);
  const columns = Int32Array.from({ length: size }, (_, x) => column(x));
  for (let y = 0; y < size; y++) {
    const fromRow = row(y) * size;
    for (let x = 0; x < size; x++) {
      const from = fromRow + columns[x], to = y * size + x;
      movedMask[to] = mask[from];
      moved[to * 3] = pixels[from * 3];
      moved[to * 3 + 1] = pixels[from * 3 + 1];
      moved[to * 3 + 2] = pixels[from * 3 + 2];
    }
  }
  sample.pixels = moved;
  sample.mask = movedMask;
}

/** The index inside [0, size) that a mirror at both borders shows. */
function mirrored(index: number, size: number): number {
  const period = 2 * size;
  const inside = ((index % period) + period) % period;
  return inside < size ? inside : period - 1 - inside;
}

/** Brightness, then contrast around the mean luminance, then saturation around each pixel's luminance. */
function changeColours(
  sample: Sample,
  brightness: number,
  contrast: number,
  saturation: number,
): void {
  const { pixels } = sample;
  const luminance = (i: number) =>
    0.299 * pixels[i] + 0.587 * pixels[i + 1] + 0.114 * pixels[i + 2];
  let mean = 0;
  for (let i = 0; i < pixels.length; i += 3) mean += luminance(i) * 3 / pixels.length;
  const result = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    const grey = luminance(i);
    for (let c = i; c < i + 3; c++) {
      const saturated = grey + saturation * (pixels[c] - grey);
      result[c] = brightness * (mean + contrast * (saturated - mean));
    }
  }
  sample.pixels = rounded(result);
}

function rounded(values: Float32Array): Uint8Array {
  return new Uint8Array(Uint8ClampedArray.from(values).buffer);
}
