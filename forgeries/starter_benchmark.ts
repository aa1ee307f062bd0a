// The starter benchmark: real crops and forged twins, made from photographs that npm packages ship.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheFolder } from "../data/cache.ts";
import { CropSet, EMPTY_MASK, emptyCropSetArrays, FULL_MASK } from "../data/crop_set.ts";
import { readCropSet, writeCropSet } from "../data/crop_set_file.ts";
import { codecVersions, type Image } from "../data/image.ts";
import { type Photograph, readPhotographs, starterPhotographs } from "../data/photographs.ts";
import { ConfigError, FormatError } from "../errors.ts";
import { RandomStream } from "../tensor/random.ts";
import { autoencoderVersion } from "./autoencoder_network.ts";
import {
  forgeryFamilies,
  type ForgeryFamilyName,
  parseFamilies,
  starterFamilyNames,
} from "./families.ts";
import { prepareGenerators } from "./generators.ts";
import type { Source } from "./starter_crop.ts";
import { shareOutPairJob } from "./starter_job.ts";
import { cropFamilyNames, type PairPlan } from "./starter_pair.ts";
import { type SplitName, splitPhotographs } from "./starter_split.ts";

/** Raise when the bytes of a pair change; a test holds the two together. */
export const BENCHMARK_VERSION = 1;

/** Shares of the families among the training twins, renormalised over those trained on. */
const FAMILY_WEIGHTS: Readonly<Record<ForgeryFamilyName, number>> = {
  "swap": 0.35,
  "self-blend": 0.35,
  "upsample": 0.15,
  "spectral": 0.15,
  "splice": 0.35,
  "super-resolution": 0.15,
  "autoencoder": 0.15,
};

/** What {@linkcode starterBenchmark} makes. */
export interface StarterBenchmarkOptions {
  /** Deals the photographs into splits; 0. */
  readonly splitSeed?: number;
  /** Draws crops and forgeries; 0. */
  readonly seed?: number;
  /** Side of a crop in pixels, a multiple of 16; 64. */
  readonly size?: number;
  /** Families trained and validated on; swap, self-blend and upsample. */
  readonly families?: readonly string[];
  /** Families tested on; swap, self-blend, upsample and spectral. */
  readonly testFamilies?: readonly string[];
  /** Training pairs, their families drawn by weight; 10,000. */
  readonly trainPairs?: number;
  /** Validation pairs, shared equally among the families; 600. */
  readonly validationPairs?: number;
  /** Test pairs, shared equally among the test families; 1,600. */
  readonly testPairs?: number;
  /** Threads that make pairs; one a core, up to 8. The result does not depend on it. */
  readonly workers?: number;
  /** Folder for photographs and finished splits; `cacheFolder()`. False keeps nothing but the photographs. */
  readonly cache?: string | false;
  /** Ends the making when aborted: its reason is thrown and nothing half-made is kept. */
  readonly signal?: AbortSignal;
  /** Called as work goes on. */
  readonly onProgress?: (progress: StarterProgress) => void;
}

/** How far the making has come. */
export interface StarterProgress {
  /** What is being done. */
  readonly what: string;
  /** Finished parts. */
  readonly done: number;
  /** All parts. */
  readonly total: number;
}

/** The three splits. */
export interface StarterBenchmark {
  /** For training: families by weight. */
  readonly train: CropSet;
  /** For choosing checkpoints and thresholds: the training families, equally. */
  readonly validation: CropSet;
  /** For the final score: the test families, equally. */
  readonly test: CropSet;
}

/** All options, checked and complete, families in the registry's order. */
interface Settings {
  readonly splitSeed: number;
  readonly seed: number;
  readonly size: number;
  readonly families: Record<SplitName, readonly ForgeryFamilyName[]>;
  readonly pairs: Record<SplitName, number>;
  readonly workers: number;
  readonly folder: string;
  readonly keep: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: StarterProgress) => void;
}

function settingsOf(options: StarterBenchmarkOptions): Settings {
  const trained = parseFamilies(options.families ?? ["swap", "self-blend", "upsample"]);
  const tested = parseFamilies(options.testFamilies ?? starterFamilyNames);
  const settings: Settings = {
    splitSeed: options.splitSeed ?? 0,
    seed: options.seed ?? 0,
    size: options.size ?? 64,
    families: { train: trained, validation: trained, test: tested },
    pairs: {
      train: options.trainPairs ?? 10_000,
      validation: options.validationPairs ?? 600,
      test: options.testPairs ?? 1_600,
    },
    workers: options.workers ?? Math.min(8, navigator.hardwareConcurrency),
    folder: options.cache || cacheFolder(),
    keep: options.cache !== false,
    signal: options.signal,
    onProgress: options.onProgress ?? (() => {}),
  };
  if (!(settings.size >= 32 && settings.size % 16 === 0)) {
    throw new ConfigError(
      `starter benchmark: size must be a multiple of 16 of at least 32, but found ${settings.size}`,
    );
  }
  for (const [split, pairs] of Object.entries(settings.pairs)) {
    if (!(Number.isInteger(pairs) && pairs > 0)) {
      throw new ConfigError(`starter benchmark: ${split} pairs must be at least 1, found ${pairs}`);
    }
  }
  return settings;
}

/**
 * Makes the starter benchmark, or reads it when it was made before.
 *
 * Photographs are split by source: neither a photograph nor a forgery of it, nor a donor of a swap, is in two splits.
 * A real crop and its twin are cut alike and saved alike (JPEG 90 to 95, 4:4:4 or 4:2:0) after forging. Equal options
 * give equal bytes, whatever the number of workers. Finished splits are kept in the cache folder and checked when read;
 * a damaged one is made anew.
 * @throws {ConfigError} when an option is out of range or a family unknown.
 * @throws {DataError} when the photographs cannot be installed.
 * @throws {FileError} when the cache folder cannot be written.
 */
export async function starterBenchmark(
  options: StarterBenchmarkOptions = {},
): Promise<StarterBenchmark> {
  return {
    train: await starterSplit("train", options),
    validation: await starterSplit("validation", options),
    test: await starterSplit("test", options),
  };
}

/**
 * Makes or reads one split of the starter benchmark; see {@linkcode starterBenchmark}.
 *
 * @example
 * ```ts
 * import { starterSplit } from "@corit/corit/forgeries";
 * import { assertEquals } from "@std/assert";
 * const set = await starterSplit("validation", { families: ["swap"], validationPairs: 2, workers: 0 });
 * assertEquals(Array.from({ length: 4 }, (_, row) => set.family(row)), ["real", "swap", "real", "swap"]);
 * ```
 */
export async function starterSplit(
  split: SplitName,
  options: StarterBenchmarkOptions = {},
): Promise<CropSet> {
  const settings = settingsOf(options);
  const path = join(settings.folder, "starter", `${split}-${fingerprint(split, settings)}.crops`);
  if (settings.keep) {
    try {
      return await readCropSet(path);
    } catch (error) {
      const usable = error instanceof FormatError || error instanceof Deno.errors.NotFound;
      if (!usable) throw error;
      if (error instanceof FormatError) await Deno.remove(path).catch(() => undefined);
    }
  }
  const photographs = await starterPhotographs({
    folder: settings.folder,
    onProgress: (what) => settings.onProgress({ what, done: 0, total: 1 }),
  });
  settings.signal?.throwIfAborted();
  const set = await makeSplit(split, splitPhotographs(photographs, settings.splitSeed), settings);
  if (settings.keep) await writeCropSet(path, set);
  return set;
}

/** Names exactly the bytes of a split: options, version of this code, version of the codecs. */
function fingerprint(split: SplitName, settings: Settings): string {
  const { splitSeed, seed, size, families, pairs } = settings;
  const text = JSON.stringify([
    BENCHMARK_VERSION,
    codecVersions(),
    split,
    splitSeed,
    seed,
    size,
    families[split],
    pairs[split],
    ...(families[split].includes("autoencoder") ? [autoencoderVersion] : []),
  ]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Decides the family of every pair: by weight in training, in turn elsewhere. */
function planPairs(split: SplitName, { families, pairs, seed }: Settings): PairPlan[] {
  const names = families[split];
  const weights = names.map((name) => FAMILY_WEIGHTS[name]);
  const stream = new RandomStream(seed).fork("starter-benchmark").fork("families");
  return Array.from(
    { length: pairs[split] },
    (_, i) =>
      split === "train"
        ? { split, family: stream.choice(names, weights), index: i }
        : { split, family: names[i % names.length], index: Math.floor(i / names.length) },
  );
}

/** Makes all pairs of a split. */
async function makeSplit(
  split: SplitName,
  splits: Record<SplitName, Photograph[]>,
  settings: Settings,
): Promise<CropSet> {
  const photographs = splits[split];
  const images = await readPhotographs(photographs);
  const plans = planPairs(split, settings);
  const local = plans.map(({ family }) => forgeryFamilies[family].local);
  const arrays = emptyCropSetArrays(
    settings.size,
    2 * plans.length,
    local.filter((isLocal) => isLocal).length,
  );
  let stored = 0;
  local.forEach((isLocal, pair) => {
    arrays.maskIndex[2 * pair] = EMPTY_MASK;
    arrays.maskIndex[2 * pair + 1] = isLocal ? stored++ : FULL_MASK;
  });

  const sourcesOf = (images: readonly Image[], of: readonly Photograph[]): Source[] =>
    images.map((image, i) => ({ image, kind: of[i].kind }));
  const generators = await prepareGenerators({
    families: settings.families[split],
    folder: settings.folder,
    seed: settings.seed,
    photographs: splits.train,
    sources: async () => sourcesOf(await readPhotographs(splits.train), splits.train),
    onProgress: settings.onProgress,
    signal: settings.signal,
  });
  const recipeLines: string[] = new Array(2 * plans.length);
  const next = new Int32Array(new SharedArrayBuffer(4));
  const stop = () => Atomics.store(next, 0, plans.length);
  settings.signal?.addEventListener("abort", stop);
  let done = 0;
  await shareOutPairJob(
    {
      plans,
      sources: sourcesOf(images, photographs),
      generators,
      seed: settings.seed,
      arrays,
      next,
    },
    Math.min(settings.workers, plans.length),
    (pair, [real, forged]) => {
      recipeLines[2 * pair] = real;
      recipeLines[2 * pair + 1] = forged;
      done++;
      settings.onProgress({ what: `making ${split} pairs`, done, total: plans.length });
    },
  );
  settings.signal?.removeEventListener("abort", stop);
  settings.signal?.throwIfAborted();
  return new CropSet(arrays, {
    familyNames: cropFamilyNames,
    sourceNames: photographs.map(({ id }) => id),
    recipeLines,
  });
}
