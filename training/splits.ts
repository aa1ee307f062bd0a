// The crops of a run: made or read as the configuration says, and counted.

import type { CropSet } from "../data/crop_set.ts";
import { type DataReport, lookAtData } from "../data/look.ts";
import type { PictureKind, SplitName } from "../data/picture_list.ts";
import type { DataProblem } from "../data/problem.ts";
import { dataWarnings } from "../data/report_text.ts";
import { type DataParts, openData, type OpenedData, readData } from "../data/read_data.ts";
import { DataError } from "../errors.ts";
import {
  starterBenchmark,
  type StarterBenchmarkOptions,
  type StarterProgress,
  starterSplit,
} from "../forgeries/starter_benchmark.ts";
import type { TrainingConfig } from "./config.ts";
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

/** Where a data set lies and how it is read. */
export type DataPlace = Pick<
  TrainingConfig,
  | "data"
  | "imageSize"
  | "splitSeed"
  | "skipBroken"
  | "frames"
  | "videos"
  | "compression"
  | "dataMemory"
>;

/** What decides the data. */
export type DataConfig =
  & DataPlace
  & Pick<
    TrainingConfig,
    "trainOn" | "families" | "testFamilies" | "trainPairs" | "validationPairs" | "testPairs"
  >;

/** Told how far the data are. */
export type DataListener = (progress: StarterProgress) => void;

/** Who is told what was found: the report before the pictures are decoded, what was skipped afterwards. */
export interface FindingsListener {
  /** The report is there. */
  readonly onReport?: (report: DataReport) => void;
  /** Pictures were left out. */
  readonly onSkipped?: (problems: readonly DataProblem[]) => void;
}

/**
 * Makes or reads the data that a configuration asks for.
 *
 * @throws {DataError} where pictures are missing or cannot be read, or a data set lacks a family that is named.
 */
export async function makeSplits(
  config: DataConfig,
  onProgress: DataListener,
  { onReport, onSkipped }: FindingsListener = {},
): Promise<Splits> {
  if (config.data === "starter") return await starterBenchmark(starterOptions(config, onProgress));
  const data = await open(config, onProgress);
  const { trained, tested } = familiesToUse(config, data.list.methods);
  if (onReport) onReport(await lookAtData(data, { onProgress }));
  const parts = await read(config, data, onProgress, ({ label, method, against }, split) => {
    const family = label === 1 ? method : against;
    if (split === "test") return trained.has(family) || tested.has(family) || family === "";
    return trained.has(family) || family === "";
  });
  if (parts.skipped.length > 0) onSkipped?.(parts.skipped);
  const { train, validation, test } = parts;
  return { train, validation, test };
}

/** Which families are trained on and tested on; all by default. */
function familiesToUse(
  { data, trainOn, families, testFamilies }: DataConfig,
  known: readonly string[],
): { trained: Set<string>; tested: Set<string> } {
  const tested = new Set(trainOn === "" ? testFamilies : known.filter((name) => name !== trainOn));
  const trained = families.length > 0 ? families : known.filter((name) => !tested.has(name));
  for (const family of [...trained, ...tested]) {
    if (known.includes(family)) continue;
    const names = known.toSorted();
    throw new DataError(
      `${data}: there is no family "${family}", only ${names.join(", ")}${hint(family, names)}`,
    );
  }
  return { trained: new Set(trained), tested };
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
  const data = await open(config, onProgress);
  return (await read(config, data, onProgress, (_, split) => split === "test", ["test"])).test;
}

/**
 * Reads the pictures of a data set that no run was trained on: its own test part where it has one, else all of it, in up to
 * three parts.
 *
 * @throws {DataError} where pictures are missing.
 */
export async function readElsewhere(
  config: DataPlace,
  onProgress: DataListener,
): Promise<CropSet[]> {
  const data = await open(config, onProgress);
  const wanted: SplitName[] = data.ownTest ? ["test"] : ["train", "validation", "test"];
  // Parts without one of the classes are no mistake here: they are scored together.
  const parts = await read(config, data, onProgress, (_, split) => wanted.includes(split), []);
  return wanted.map((split) => parts[split]).filter(({ count }) => count > 0);
}

/** What the report of a run must say of its data. */
export function dataNotesOf(report: DataReport): string[] {
  const { layout, notes, splits, looked, pictures } = report;
  return [
    `Data: ${[layout, ...notes].join("; ")}; ${splits}.`,
    ...dataWarnings(report).map((warning) =>
      `Of ${looked} files of ${pictures} that were looked at before training: ${warning}.`
    ),
  ];
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

/** Lists a data set of one's own. */
async function open(config: DataPlace, onProgress: DataListener): Promise<OpenedData> {
  const { data, splitSeed, frames, videos, compression } = config;
  return await openData(data, {
    splitSeed,
    framesPerVideo: frames,
    videos,
    compression,
    onProgress,
  });
}

/** Reads what is kept of it. */
async function read(
  { imageSize: size, skipBroken, dataMemory }: DataPlace,
  data: OpenedData,
  onProgress: DataListener,
  keep: (kind: PictureKind, split: SplitName) => boolean,
  needed?: readonly SplitName[],
): Promise<DataParts> {
  const memory = dataMemory * 2 ** 20;
  return await readData(data, { size, keep, skipBroken, memory, onProgress, needed });
}
