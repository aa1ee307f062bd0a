// The crops of a run: made or read as the configuration says, and counted.

import type { CropSet } from "../data/crop_set.ts";
import { readFolder } from "../data/folder.ts";
import { DataError } from "../errors.ts";
import {
  starterBenchmark,
  type StarterBenchmarkOptions,
  type StarterProgress,
  starterSplit,
} from "../forgeries/starter_benchmark.ts";
import type { TrainingConfig } from "./config.ts";
import { subsetOf } from "./crop_subset.ts";
import { hint } from "./options.ts";

/** The three parts of a run's data. */
export interface Splits {
  /** What is trained on. */
  readonly train: CropSet;
  /** What the best checkpoint and the threshold are chosen by. */
  readonly validation: CropSet;
  /** What the final scores are measured on. */
  readonly test: CropSet;
}

/** How much there is in one part. */
export interface SplitCounts {
  /** Crops. */
  readonly crops: number;
  /** Photographs that they were cut from. */
  readonly photographs: number;
  /** Forged crops by family. */
  readonly forged: Readonly<Record<string, number>>;
}

/** What decides the data. */
export type DataConfig = Pick<
  TrainingConfig,
  | "data"
  | "imageSize"
  | "splitSeed"
  | "families"
  | "testFamilies"
  | "trainPairs"
  | "validationPairs"
  | "testPairs"
>;

/** Told how far the data are. */
export type DataListener = (progress: StarterProgress) => void;

/**
 * Makes or reads the data that a configuration asks for.
 *
 * @throws {DataError} where pictures are missing, or a folder lacks a family that is named.
 */
export async function makeSplits(config: DataConfig, onProgress: DataListener): Promise<Splits> {
  if (config.data === "starter") return await starterBenchmark(starterOptions(config, onProgress));
  const splits = await readSplits(config, onProgress);
  const tested = new Set(config.testFamilies);
  const trained = config.families.length > 0
    ? config.families
    : familiesOf(splits.train).filter((family) => !tested.has(family));
  const known = new Set(Object.values(splits).flatMap(familiesOf));
  for (const family of [...trained, ...tested]) {
    if (known.has(family)) continue;
    const names = [...known].sort();
    throw new DataError(
      `${config.data}: there is no family "${family}" in fake/, only ${names.join(", ")}` +
        hint(family, names),
    );
  }
  return {
    train: onlyFamilies(splits.train, trained),
    validation: onlyFamilies(splits.validation, trained),
    test: onlyFamilies(splits.test, [...trained, ...tested]),
  };
}

/**
 * Makes or reads the test part alone, with all its families.
 *
 * @throws {DataError} where pictures are missing.
 */
export async function makeTest(config: DataConfig, onProgress: DataListener): Promise<CropSet> {
  if (config.data === "starter") {
    return await starterSplit("test", starterOptions(config, onProgress));
  }
  return (await readSplits(config, onProgress)).test;
}

/**
 * Reads all pictures of a folder that no run was trained on, in up to three parts.
 *
 * @throws {DataError} where pictures are missing.
 */
export async function readElsewhere(
  config: Pick<DataConfig, "data" | "imageSize" | "splitSeed">,
  onProgress: DataListener,
): Promise<CropSet[]> {
  return Object.values(await readSplits(config, onProgress));
}

/** Counts a part. */
export function countSplit(set: CropSet): SplitCounts {
  const forged: Record<string, number> = {};
  const sources = new Set<number>();
  for (let row = 0; row < set.count; row++) {
    sources.add(set.arrays.sources[row]);
    if (set.arrays.labels[row] === 0) continue;
    const family = set.family(row);
    forged[family] = (forged[family] ?? 0) + 1;
  }
  return { crops: set.count, photographs: sources.size, forged };
}

/** The families of a set's forged crops, in order of appearance. */
export function familiesOf(set: CropSet): string[] {
  return Object.keys(countSplit(set).forged);
}

function starterOptions(config: DataConfig, onProgress: DataListener): StarterBenchmarkOptions {
  const { splitSeed, imageSize, families, testFamilies } = config;
  const { trainPairs, validationPairs, testPairs } = config;
  return {
    splitSeed,
    size: imageSize,
    families,
    testFamilies: [...families, ...testFamilies],
    trainPairs,
    validationPairs,
    testPairs,
    onProgress,
  };
}

async function readSplits(
  config: Pick<DataConfig, "data" | "imageSize" | "splitSeed">,
  onProgress: DataListener,
): Promise<Splits> {
  const { data, imageSize: size, splitSeed } = config;
  return await readFolder(data, { size, splitSeed, onProgress });
}

/** The real crops, and the forged ones of some families. */
function onlyFamilies(set: CropSet, families: readonly string[]): CropSet {
  if (familiesOf(set).every((family) => families.includes(family))) return set;
  return subsetOf(
    set,
    (row) => set.arrays.labels[row] === 0 || families.includes(set.family(row)),
  );
}
