// Twin pairs of one forgery family at a chosen strength, so that families can be compared at equal difficulty.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheFolder } from "../data/cache.ts";
import { CropSet, emptyCropSetArrays } from "../data/crop_set.ts";
import { readCropSet, writeCropSet } from "../data/crop_set_file.ts";
import { codecVersions, type Image, jpegRoundTrip } from "../data/image.ts";
import { readPhotographs, starterPhotographs } from "../data/photographs.ts";
import { FormatError, ValueError } from "../errors.ts";
import { forgeryFamilies, type ForgeryFamilyName } from "../forgeries/families.ts";
import { BENCHMARK_VERSION } from "../forgeries/starter_benchmark.ts";
import { drawPair } from "../forgeries/starter_pair.ts";
import { type SplitName, splitPhotographs } from "../forgeries/starter_split.ts";
import { RandomStream } from "../tensor/random.ts";

/** What {@linkcode matchedCrops} makes. */
export interface MatchedCropsOptions {
  /** The forgery. */
  readonly family: ForgeryFamilyName;
  /** How much of it is laid on: real + strength (forged - real), before both are saved alike. */
  readonly strength: number;
  /** Which photographs. */
  readonly split: SplitName;
  /** Side of a crop, pixels. */
  readonly size: number;
  /** Twin pairs. */
  readonly pairs: number;
  /** Folder for photographs and finished sets; `cacheFolder()` where absent. */
  readonly cache?: string;
}

/** Crops on their way through the encoder: enough that its threads never wait. */
const savedAtOnce = 64;

/**
 * Twin pairs of one family at a strength. Crop number i shows the same of the same photograph for every family and
 * strength, so that sets differ in the forgery alone. Real crops and twins are saved alike, as in the starter
 * benchmark. A donor is a crop of another photograph of the same split and kind. Finished sets are kept in the cache.
 *
 * @throws {ValueError} The strength is not above 0 or above 1.
 */
export async function matchedCrops(options: MatchedCropsOptions): Promise<CropSet> {
  const { family, strength, split, size, pairs, cache = cacheFolder() } = options;
  if (!(strength > 0 && strength <= 1)) {
    throw new ValueError(`matchedCrops: a strength lies above 0 and up to 1, not at ${strength}`);
  }
  return await kept(cache, split, [family, strength, size, pairs], async () => {
    const crops = await kept(
      cache,
      split,
      ["crops", size, pairs],
      () => unsavedCrops(split, size, pairs, cache),
    );
    return await forged(crops, family, strength, new RandomStream(seedOf(split)).fork(family));
  });
}

/** Reads a set from the cache, or makes it and keeps it there. */
async function kept(
  cache: string,
  split: SplitName,
  settings: readonly (string | number)[],
  make: () => Promise<CropSet>,
): Promise<CropSet> {
  const text = JSON.stringify([BENCHMARK_VERSION, codecVersions(), split, ...settings]);
  const name = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const path = join(cache, "matched", `${split}-${name}.crops`);
  try {
    return await readCropSet(path);
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof Deno.errors.NotFound)) throw error;
  }
  const set = await make();
  await writeCropSet(path, set);
  return set;
}

/** Real crops before they are saved; their encodings say how they will be, their recipes of which kind they are. */
async function unsavedCrops(
  split: SplitName,
  size: number,
  count: number,
  cache: string,
): Promise<CropSet> {
  const photographs = splitPhotographs(await starterPhotographs({ folder: cache }), 0)[split];
  const images = await readPhotographs(photographs);
  const sources = images.map((image, at) => ({ image, kind: photographs[at].kind }));
  const arrays = emptyCropSetArrays(size, count, 0);
  for (let row = 0; row < count; row++) {
    // Cut as the starter benchmark cuts training crops, from the photographs of this split; the forgery is not used.
    const plan = { split: "train" as const, family: "spectral" as const, index: row };
    const { crop, encoding } = drawPair(plan, sources, size, seedOf(split));
    arrays.pixels.set(crop.image.data, row * crop.image.data.length);
    arrays.sources[row] = crop.source;
    arrays.qualities[row] = encoding.quality;
    arrays.halvedColour[row] = encoding.chromaSubsampling === "4:2:0" ? 1 : 0;
  }
  return new CropSet(arrays, {
    familyNames: ["real"],
    sourceNames: photographs.map(({ id }) => id),
    recipeLines: Array.from(arrays.sources, (source) => JSON.stringify(sources[source].kind)),
  });
}

/** Each crop and its twin, saved alike. */
async function forged(
  crops: CropSet,
  family: ForgeryFamilyName,
  strength: number,
  random: RandomStream,
): Promise<CropSet> {
  const { count, size } = crops;
  const arrays = emptyCropSetArrays(size, 2 * count, 0);
  const { forge } = forgeryFamilies[family];
  const save = async (image: Image, crop: number, label: number): Promise<void> => {
    const row = 2 * crop + label;
    const saved = await jpegRoundTrip(image, crops.encoding(crop)!);
    arrays.pixels.set(saved.image.data, row * saved.image.data.length);
    arrays.labels[row] = arrays.families[row] = label;
    arrays.sources[row] = crops.arrays.sources[crop];
    arrays.pairs[row] = crop;
    arrays.encodedBytes[row] = saved.bytes;
    arrays.qualities[row] = crops.arrays.qualities[crop];
    arrays.halvedColour[row] = crops.arrays.halvedColour[crop];
  };
  const pair = async (crop: number): Promise<void> => {
    const stream = random.fork(crop);
    const image = crops.image(crop);
    const donor = (): Image => crops.image(donorOf(crops, crop, stream.fork("donor")));
    const forgery = forge({ image, donor }, stream.fork("forgery"));
    await save(image, crop, 0);
    await save(mixed(image, forgery.image, strength), crop, 1);
  };
  for (let first = 0; first < count; first += savedAtOnce) {
    const length = Math.min(savedAtOnce, count - first);
    await Promise.all(Array.from({ length }, (_, at) => pair(first + at)));
  }
  return new CropSet(arrays, {
    familyNames: ["real", family],
    sourceNames: crops.sourceNames,
    recipeLines: new Array<string>(2 * count).fill(JSON.stringify({ family, strength })),
  });
}

/** A crop of another photograph of the same kind. */
function donorOf(crops: CropSet, crop: number, random: RandomStream): number {
  const { sources } = crops.arrays;
  for (;;) {
    const other = random.integer(crops.count);
    const fits = sources[other] !== sources[crop] &&
      crops.recipeLines[other] === crops.recipeLines[crop];
    if (fits) return other;
  }
}

/** Splits draw from streams of their own. */
function seedOf(split: SplitName): number {
  return { train: 0, validation: 1, test: 2 }[split];
}

/** real + strength (forged - real), rounded to bytes. */
function mixed(real: Image, forged: Image, strength: number): Image {
  const data = real.data.map((value, at) =>
    Math.round(value + strength * (forged.data[at] - value))
  );
  return { ...real, data };
}

/**
 * The same crops with both labels of some pairs exchanged: noise that keeps classes and twins as they are.
 *
 * @param share Of the pairs, 0 to 1.
 * @param random Decides which.
 */
export function withLabelNoise(set: CropSet, share: number, random: RandomStream): CropSet {
  if (share === 0) return set;
  const count = set.count / 2;
  const exchanged = new Set(random.permutation(count).subarray(0, Math.round(share * count)));
  const { labels, families, pairs } = set.arrays;
  const flip = (values: Uint8Array): Uint8Array =>
    values.map((value, row) => exchanged.has(pairs[row]) ? 1 - value : value);
  const arrays = { ...set.arrays, labels: flip(labels), families: flip(families) };
  return new CropSet(arrays, set);
}
