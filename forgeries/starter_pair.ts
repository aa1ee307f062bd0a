// One real crop and its forged twin, saved alike.

import type { CropSetArrays } from "../data/crop_set.ts";
import { type Image, type JpegOptions, jpegRoundTrip } from "../data/image.ts";
import { RandomStream } from "../tensor/random.ts";
import { forgeryFamilies, type ForgeryFamilyName, forgeryFamilyNames } from "./families.ts";
import type { Forgery, Generators } from "./forgery.ts";
import { type Crop, drawCrop, type Source } from "./starter_crop.ts";
import type { SplitName } from "./starter_split.ts";

/** Names of the families in a benchmark's crop sets: index 0 is real. */
export const cropFamilyNames: readonly string[] = ["real", ...forgeryFamilyNames];

/** What one pair is: everything that decides its bytes, beside the sources. */
export interface PairPlan {
  /** The split, which separates the random streams. */
  readonly split: SplitName;
  /** The twin's family. */
  readonly family: ForgeryFamilyName;
  /** Number within split and, except in training, within family. */
  readonly index: number;
}

/** A pair before it is saved as JPEG. */
export interface RawPair {
  /** The real crop. */
  readonly crop: Crop;
  /** Its forged twin. */
  readonly forgery: Forgery;
  /** The crop of another photograph that went into the twin, where the family takes one. */
  readonly donor: Crop | undefined;
  /** How both are saved. */
  readonly encoding: JpegOptions;
}

/** The stream that a pair is drawn from: independent of every other pair and of which families there are. */
function pairStream(seed: number, { split, family, index }: PairPlan): RandomStream {
  const root = new RandomStream(seed).fork("starter-benchmark").fork(split);
  return split === "train" ? root.fork(index) : root.fork(family).fork(index);
}

/** Cuts a real crop and forges its twin. A donor is another photograph of the same split and kind. */
export function drawPair(
  plan: PairPlan,
  sources: readonly Source[],
  size: number,
  seed: number,
  generators?: Generators,
): RawPair {
  const stream = pairStream(seed, plan);
  const everySource = sources.map((_, i) => i);
  const crop = drawCrop(sources, everySource, size, stream.fork("crop"));
  let donorCrop: Crop | undefined;
  const donor = (): Image => {
    const others = everySource.filter((i) =>
      i !== crop.source && sources[i].kind === sources[crop.source].kind
    );
    donorCrop = drawCrop(sources, others, size, stream.fork("donor"));
    return donorCrop.image;
  };
  const { forge } = forgeryFamilies[plan.family];
  const forgery = forge({ image: crop.image, donor, generators }, stream.fork("forgery"));
  const encoding = stream.fork("encoding");
  return {
    crop,
    forgery,
    donor: donorCrop,
    encoding: {
      quality: 90 + encoding.integer(6),
      chromaSubsampling: encoding.choice(["4:4:4", "4:2:0"]),
    },
  };
}

/**
 * Makes pair number `pair` of a split and writes it to rows `2 pair` (real) and `2 pair + 1` (forged) of `arrays`, whose
 * `maskIndex` says where the mask goes; returns the two recipe lines.
 */
export async function makePair(
  plan: PairPlan,
  pair: number,
  sources: readonly Source[],
  seed: number,
  arrays: CropSetArrays,
  generators?: Generators,
): Promise<[string, string]> {
  const { crop, forgery, donor, encoding } = drawPair(plan, sources, arrays.size, seed, generators);
  const saved = [
    await jpegRoundTrip(crop.image, encoding),
    await jpegRoundTrip(forgery.image, encoding),
  ];
  const family = forgeryFamilies[plan.family];
  saved.forEach(({ image, bytes }, label) => {
    const row = 2 * pair + label;
    arrays.pixels.set(image.data, row * image.data.length);
    arrays.labels[row] = label;
    arrays.families[row] = label === 0 ? 0 : cropFamilyNames.indexOf(plan.family);
    arrays.sources[row] = crop.source;
    arrays.pairs[row] = pair;
    arrays.hasMask[row] = label === 0 || family.local ? 1 : 0;
    arrays.encodedBytes[row] = bytes;
    arrays.qualities[row] = encoding.quality;
    arrays.halvedColour[row] = encoding.chromaSubsampling === "4:2:0" ? 1 : 0;
  });
  const stored = arrays.maskIndex[2 * pair + 1];
  if (stored >= 0) {
    arrays.maskStore.set(
      forgery.mask.map((value) => Math.round(value * 255)),
      stored * arrays.size ** 2,
    );
  }
  const cut = ({ source, region, filter }: Crop) => ({ source, region, filter });
  const real = { ...cut(crop), encoding };
  const forged = { ...real, ...(donor && { donor: cut(donor) }), forgery: forgery.recipe };
  return [JSON.stringify(real), JSON.stringify(forged)];
}
