// How likely an image of any size is forged, and where a detector looks.

import type { CoritDetector } from "../corit/detector.ts";
import type { Image } from "../data/image.ts";
import { scoped, tensor } from "../tensor/mod.ts";
import type { Validation } from "./scoring.ts";
import { type CellMap, joinMaps, type WindowedImage, windowPixels, windowsOf } from "./windows.ts";

/** Windows that are looked at in one pass. */
const windowsAtOnce = 32;

/** One window of an image. */
export interface WindowScore {
  /** Left edge in the image that the windows were cut from, pixels. */
  readonly left: number;
  /** Upper edge. */
  readonly top: number;
  /** Probability that it is forged. */
  readonly probability: number;
}

/**
 * The threshold for an image's probability, from a validation: for one window the one that it chose; for the mean of
 * several, which varies less than a single score, the middle between the means of real and forged crops.
 */
export function imageThreshold(
  { threshold, meanReal, meanForged }: Validation,
  windows: number,
): number {
  return windows === 1 ? threshold : (meanReal + meanForged) / 2;
}

/** What a detector makes of an image. */
export interface Detection {
  /** Probability that the image is forged: the mean over its windows. */
  readonly probability: number;
  /** Every window, row by row. */
  readonly windows: readonly WindowScore[];
  /** The image and its windows as they were looked at. */
  readonly view: WindowedImage;
  /** Share of 1 where the head looked, a value for each patch of pixels. */
  readonly region: CellMap;
  /** Probability that each patch of pixels was forged. */
  readonly tokens: CellMap;
}

/**
 * Looks at an image through windows of the detector's size; {@linkcode windowsOf} says how they are placed.
 *
 * The mean over the windows is steady for what covers the whole frame; a small forged region shows in single windows.
 *
 * @throws {DataError} where the image is too narrow.
 *
 * @example
 * ```ts
 * import { CoritDetector } from "@corit/corit";
 * import { detect } from "@corit/corit/training";
 * import { assertEquals } from "@std/assert";
 *
 * const detector = CoritDetector.create({ preset: "starter", seed: 0 });
 * const image = { width: 128, height: 64, data: new Uint8Array(128 * 64 * 3) };
 * const { probability, windows, tokens } = detect(detector, image);
 * assertEquals(windows.map(({ left }) => left), [0, 64]);
 * assertEquals([tokens.gridHeight, tokens.gridWidth], [8, 16]);
 * assertEquals(probability, (windows[0].probability + windows[1].probability) / 2);
 * ```
 */
export function detect(detector: CoritDetector, image: Image): Detection {
  const size = detector.backbone.config.imageSize;
  const view = windowsOf(image, size);
  const pixels = windowPixels(view);
  const count = view.corners.length;
  const [rows, columns] = detector.grid;
  const probabilities = new Float64Array(count);
  const region = new Float64Array(count * rows * columns);
  const tokens = new Float64Array(count * rows * columns);
  for (let first = 0; first < count; first += windowsAtOnce) {
    const taken = Math.min(windowsAtOnce, count - first);
    const length = 3 * size * size;
    const part = pixels.subarray(first * length, (first + taken) * length);
    scoped(() => {
      const seen = detector.inspect(tensor(part, { shape: [taken, 3, size, size] }));
      probabilities.set(seen.probabilities.dataSync(), first);
      region.set(seen.regionMask.dataSync(), first * rows * columns);
      tokens.set(seen.tokenProbabilities.dataSync(), first * rows * columns);
    });
  }
  return {
    probability: probabilities.reduce((sum, value) => sum + value, 0) / count,
    windows: view.corners.map(([left, top], at) => ({
      left,
      top,
      probability: probabilities[at],
    })),
    view,
    region: joinMaps(view, region, [rows, columns]),
    tokens: joinMaps(view, tokens, [rows, columns]),
  };
}
