// One real crop: where it is cut, how far it is reduced, and whether there is anything to see in it.

import type { Image } from "../data/image.ts";
import type { PhotographKind } from "../data/photographs.ts";
import { type Region, resample, type ResampleFilter } from "../data/resize.ts";
import { DataError } from "../errors.ts";
import type { RandomStream } from "../tensor/random.ts";
import { rounded } from "./forgery.ts";

/** A decoded source photograph. */
export interface Source {
  /** Its pixels. */
  readonly image: Image;
  /** Portrait or scene. */
  readonly kind: PhotographKind;
}

/** A real crop and how it was cut. */
export interface Crop {
  /** The crop. */
  readonly image: Image;
  /** Index of its source. */
  readonly source: number;
  /** What was cut out of the source, in its pixels. */
  readonly region: Region;
  /** The kernel it was reduced with. */
  readonly filter: ResampleFilter;
}

/** Luminance must vary by this much (standard deviation, grey levels) over a crop. */
const FLATNESS = 10;

/** Draws in a row that may come out flat before the photographs are called unfit. */
const MAXIMUM_DRAWS = 1000;

/**
 * Draws a crop of `size` pixels from one of `candidates` (indices of sources), redrawing flat ones.
 *
 * A portrait is first thought of as two crops wide, then reduced by 1.5 to 2, so a crop shows most of a face. A scene is
 * thought of as 1,500 pixels long and reduced by 1.5 to 4.5, log-uniformly. One resampling does both, by box, bicubic or
 * Lanczos: reduction takes away the traces of the photograph's own JPEG compression.
 * @throws {DataError} when the photographs are flat everywhere.
 */
export function drawCrop(
  sources: readonly Source[],
  candidates: readonly number[],
  size: number,
  random: RandomStream,
): Crop {
  for (let draw = 0; draw < MAXIMUM_DRAWS; draw++) {
    const source = random.choice(candidates);
    const { image, kind } = sources[source];
    const region = drawRegion(image, kind, size, random);
    const filter = random.choice<ResampleFilter>(["box", "bicubic", "lanczos"]);
    if (luminanceDeviation(image, region) < FLATNESS) continue;
    return { image: resample(image, region, size, size, filter), source, region, filter };
  }
  throw new DataError(
    `drawCrop: ${MAXIMUM_DRAWS} crops in a row were flat; the photographs show too little`,
  );
}

/** Draws a square of the photograph. */
function drawRegion(
  { width, height }: Image,
  kind: PhotographKind,
  size: number,
  random: RandomStream,
): Region {
  const reduction = kind === "face"
    ? random.uniform(1.5, 2) * Math.min(width, height) / (2 * size)
    : 1.5 * 3 ** random.uniform() * Math.max(width, height) / 1500;
  const side = rounded(Math.min(size * reduction, width, height));
  return {
    left: rounded(random.uniform(0, Math.floor(width - side))),
    top: rounded(random.uniform(0, Math.floor(height - side))),
    width: side,
    height: side,
  };
}

/** Standard deviation of luminance (ITU-R BT.601) on a 16 x 16 grid of the region. */
function luminanceDeviation(image: Image, { left, top, width, height }: Region): number {
  let sum = 0, squares = 0;
  for (let i = 0; i < 256; i++) {
    const x = Math.floor(left + (i % 16 + 0.5) * width / 16);
    const y = Math.floor(top + ((i >> 4) + 0.5) * height / 16);
    const at = (y * image.width + x) * 3;
    const luminance = 0.299 * image.data[at] + 0.587 * image.data[at + 1] +
      0.114 * image.data[at + 2];
    sum += luminance;
    squares += luminance * luminance;
  }
  return Math.sqrt(Math.max(0, squares / 256 - (sum / 256) ** 2));
}
