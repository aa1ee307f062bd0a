// The crops of a run: made or read as the configuration says, and counted.

import type { CropSet } from "../data/crop_set.ts";
import { starterBenchmark, type StarterProgress } from "../forgeries/starter_benchmark.ts";
import type { TrainingConfig } from "./config.ts";

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

/** Makes or reads the data that a configuration asks for. */
export async function makeSplits(
  config: TrainingConfig,
  onProgress: (progress: StarterProgress) => void,
): Promise<Splits> {
  const { splitSeed, imageSize, families, testFamilies } = config;
  const { trainPairs, validationPairs, testPairs } = config;
  return await starterBenchmark({
    splitSeed,
    size: imageSize,
    families,
    testFamilies: [...families, ...testFamilies],
    trainPairs,
    validationPairs,
    testPairs,
    onProgress,
  });
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
