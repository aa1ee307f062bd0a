// From a listed data set to the crops of its parts: held in memory where they fit, read from their files where not.

import { parse } from "node:path";
import { CoritError, DataError } from "../errors.ts";
import {
  type AssignedSplits,
  assignSplits,
  splitNames,
  type SplitShares,
} from "./assign_splits.ts";
import { CropSet, type CropSetArrays, emptyCropSetArrays } from "./crop_set.ts";
import { readImage } from "./image.ts";
import { inLanes } from "./lanes.ts";
import { sourceOfVideo } from "./layouts/sources.ts";
import { listData, type ListedData, type ListOptions } from "./list_data.ts";
import type { PictureKind, PictureList, SplitName } from "./picture_list.ts";
import { type DataProblem, problemLines } from "./problem.ts";
import { squared } from "./square.ts";
import { StreamedCropSet } from "./streamed.ts";
import { expandVideos } from "./video_crops.ts";

/** Told how far the reading is. */
export type ReadingListener = (
  progress: { readonly what: string; readonly done: number; readonly total: number },
) => void;

/** Options of {@linkcode openData}. */
export interface OpenOptions extends Omit<ListOptions, "onProgress"> {
  /** Changes which sources go to which part; 0. */
  readonly splitSeed?: number;
  /** Shares of the sources that validate and test; 0.15 and 0.25. The rest trains. */
  readonly shares?: SplitShares;
  /** Called as files are found. */
  readonly onProgress?: ReadingListener;
}

/** A data set that is listed and split, before any picture is read. */
export interface OpenedData extends ListedData, AssignedSplits {
  /** The path it was opened at. */
  readonly path: string;
  /** Frames of each video that are taken. */
  readonly framesPerVideo: number;
}

/** Options of {@linkcode readData}. */
export interface ReadOptions {
  /** Side of the square that every picture is brought to, pixels; 64. */
  readonly size?: number;
  /** Which kinds of picture a part takes; all. */
  readonly keep?: (kind: PictureKind, split: SplitName) => boolean;
  /** Whether what cannot be read is left out; false: it ends the reading, after all of it has been named. */
  readonly skipBroken?: boolean;
  /** Bytes of crops that are held in memory; 2^30. Parts beyond are read from their files whenever they are needed. */
  readonly memory?: number;
  /** Parts that must have both classes; all three. */
  readonly needed?: readonly SplitName[];
  /** Called as pictures are read. */
  readonly onProgress?: ReadingListener;
}

/** The parts of a data set. */
export interface DataParts {
  /** For training. */
  readonly train: CropSet;
  /** For choosing checkpoints and thresholds. */
  readonly validation: CropSet;
  /** For the final score. */
  readonly test: CropSet;
  /** What was left out because it could not be read. */
  readonly skipped: readonly DataProblem[];
}

/**
 * Lists a data set and puts every picture into a part.
 *
 * @throws {DataError} when there is nothing there, or no layout is recognized.
 * @throws {FormatError} when a manifest or a list of splits is not of its form.
 */
export async function openData(path: string, options: OpenOptions = {}): Promise<OpenedData> {
  const { splitSeed = 0, shares = { validation: 0.15, test: 0.25 }, onProgress } = options;
  const listed = await listData(path, {
    ...options,
    onProgress: (found) => onProgress?.({ what: "finding pictures", done: found, total: found }),
  });
  const { framesPerVideo = 32 } = options;
  return { ...listed, path, framesPerVideo, ...assignSplits(listed.list, splitSeed, shares) };
}

/**
 * Reads the crops of a data set: the largest centred square of every picture, resized (Lanczos).
 *
 * Of videos, evenly spaced frames are taken by ffmpeg. Crops that belong to one source form a pair where every source has one
 * real and one forged picture.
 * @throws {DataError} naming every file that cannot be read, unless those are skipped; when a class is missing in a part.
 *
 * @example
 * ```ts
 * import { encodePng, openData, readData } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * const folder = await Deno.makeTempDir();
 * const png = await encodePng({ width: 20, height: 20, data: new Uint8Array(1200) });
 * for (const name of ["real", "fake/swap"]) {
 *   await Deno.mkdir(`${folder}/${name}`, { recursive: true });
 *   for (let i = 0; i < 30; i++) await Deno.writeFile(`${folder}/${name}/${i}.png`, png);
 * }
 * const { train, validation, test } = await readData(await openData(folder), { size: 16 });
 * assertEquals(train.count + validation.count + test.count, 60);
 * ```
 */
export async function readData(data: OpenedData, options: ReadOptions = {}): Promise<DataParts> {
  const { size = 64, keep = () => true, skipBroken = false, memory = 2 ** 30 } = options;
  const problems = data.problems.filter(({ loses }) => loses);
  const chosen = splitNames.map((split, code) => {
    const rows: number[] = [];
    for (let row = 0; row < data.list.count; row++) {
      if (data.codes[row] === code && keep(data.list.kind(row), split)) rows.push(row);
    }
    return data.list.select(rows);
  });
  const lists: PictureList[] = [];
  for (const list of chosen) {
    lists.push(await expandVideos(list, data.framesPerVideo, size, problems, options.onProgress));
  }
  const familyNames = ["real", ...new Set(chosen.flatMap(({ methods }) => methods))];
  const total = lists.reduce((sum, { count }) => sum + count, 0);
  let done = 0, room = memory;
  const step = () => options.onProgress?.({ what: "reading pictures", done: ++done, total });
  const parts: CropSet[] = [];
  // The parts that are scored as a whole, again and again, come first.
  for (const code of [1, 2, 0]) {
    const list = lists[code];
    const bytes = list.count * size ** 2 * 3;
    const settings = { list, size, familyNames, skipBroken, problems, step };
    if (bytes <= room) {
      room -= bytes;
      parts[code] = await held(settings);
    } else {
      parts[code] = await streamed(settings, code === 0);
    }
  }
  if (problems.length > 0 && !skipBroken) {
    throw new DataError(
      `${data.path}: ${problems.length} ${
        problems.length === 1 ? "file" : "files"
      } cannot be read; mend or remove them, or leave them out with --skip-broken:\n  ` +
        problemLines(problems).join("\n  "),
    );
  }
  const { needed = splitNames } = options;
  needed.forEach((split) => checkPart(data, split, parts[splitNames.indexOf(split)]));
  const [train, validation, test] = parts;
  return { train, validation, test, skipped: problems };
}

/** What a part is made of. */
interface PartSettings {
  readonly list: PictureList;
  readonly size: number;
  readonly familyNames: readonly string[];
  readonly skipBroken: boolean;
  readonly problems: DataProblem[];
  readonly step: () => void;
}

/** Decodes every picture of a part into memory; what cannot be read is added to the problems and left out. */
async function held({ list, size, familyNames, problems, step }: PartSettings): Promise<CropSet> {
  const bytes = size * size * 3;
  const pixels = new Uint8Array(new SharedArrayBuffer(list.count * bytes));
  const good = await readAll(list, size, problems, step, (row, crop) => {
    pixels.set(crop, row * bytes);
  });
  const rows = Array.from({ length: list.count }, (_, row) => row).filter((row) => good[row]);
  rows.forEach((row, at) => {
    if (at < row) pixels.copyWithin(at * bytes, row * bytes, (row + 1) * bytes);
  });
  const kept = rows.length === list.count ? list : list.select(rows);
  const sourceNames = namesOfSources(kept);
  const arrays: CropSetArrays = {
    ...labelsOf(kept, size, familyNames),
    pixels: pixels.subarray(0, kept.count * bytes),
  };
  const recipeLines = rows.map((_, row) => {
    const video = kept.video(row);
    return JSON.stringify({ file: kept.path(row), ...(video === "" ? {} : { video }) });
  });
  return new CropSet(arrays, { familyNames, sourceNames, recipeLines });
}

/** A part whose crops are read when they are needed; the scored parts are read once before, to know what is broken. */
async function streamed(
  { list, size, familyNames, skipBroken, problems, step }: PartSettings,
  isTrain: boolean,
): Promise<CropSet> {
  let kept = list;
  if (!isTrain) {
    const good = await readAll(list, size, problems, step, () => {});
    kept = list.select(Array.from(good.keys()).filter((row) => good[row]));
  }
  const arrays: CropSetArrays = {
    ...labelsOf(kept, size, familyNames),
    fileBytes: kept.names.bytes,
    fileStarts: kept.names.starts,
    fileFolders: kept.folders,
    folderPaths: kept.folderPaths,
    skipBroken,
  };
  return new StreamedCropSet(arrays, familyNames, kept);
}

/** Decodes every picture; gives 1 for each that could be. */
async function readAll(
  list: PictureList,
  size: number,
  problems: DataProblem[],
  step: () => void,
  take: (row: number, crop: Uint8Array) => void,
): Promise<Uint8Array> {
  const good = new Uint8Array(list.count);
  const found: { row: number; problem: DataProblem }[] = [];
  await inLanes(list.count, 3, async (row) => {
    const path = list.path(row);
    try {
      take(row, squared(await readImage(path), size).data);
      good[row] = 1;
    } catch (error) {
      if (!(error instanceof CoritError)) throw error;
      // The path stands in front of every problem.
      const what = error.message.replace(`${path}: `, "");
      found.push({ row, problem: { path, what, loses: true } });
    }
    step();
  });
  problems.push(...found.sort((a, b) => a.row - b.row).map(({ problem }) => problem));
  return good;
}

/** Everything but the pixels. */
function labelsOf(list: PictureList, size: number, familyNames: readonly string[]): CropSetArrays {
  const empty = emptyCropSetArrays(size, 0, 0);
  const { count } = list;
  const arrays = {
    ...empty,
    labels: shared(count),
    families: shared(count),
    sources: new Int32Array(new SharedArrayBuffer(4 * count)),
    pairs: new Int32Array(new SharedArrayBuffer(4 * count)).fill(-1),
    hasMask: shared(count),
    maskIndex: new Int32Array(new SharedArrayBuffer(4 * count)).fill(-1),
    encodedBytes: new Int32Array(new SharedArrayBuffer(4 * count)),
    qualities: shared(count),
    halvedColour: shared(count),
    against: shared(count),
  };
  const familyOf = list.kindTable.map(({ label, method }) =>
    label === 0 ? 0 : familyNames.indexOf(method)
  );
  const againstOf = list.kindTable.map(({ against }) => Math.max(0, familyNames.indexOf(against)));
  const numbers = new Map<number, number>();
  for (let row = 0; row < count; row++) {
    const kind = list.kinds[row];
    arrays.labels[row] = list.kindTable[kind].label;
    arrays.families[row] = familyOf[kind];
    arrays.against[row] = arrays.labels[row] === 0 ? againstOf[kind] : 0;
    let number = numbers.get(list.sources[row]);
    if (number === undefined) numbers.set(list.sources[row], number = numbers.size);
    arrays.sources[row] = number;
  }
  pairUp(arrays, numbers.size);
  shareReal(arrays, familyNames.length);
  return arrays;
}

function shared(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

/**
 * Gives a real and a forged picture of one source its number, where no source has two of a class and every forged picture has
 * a real one.
 */
function pairUp(
  { labels, sources, pairs }: { labels: Uint8Array; sources: Int32Array; pairs: Int32Array },
  count: number,
): void {
  const seen = new Uint8Array(count);
  for (let row = 0; row < labels.length; row++) {
    const bit = 1 << labels[row];
    if (seen[sources[row]] & bit) return;
    seen[sources[row]] |= bit;
  }
  if (seen.includes(2)) return;
  for (let row = 0; row < labels.length; row++) {
    if (seen[sources[row]] === 3) pairs[row] = sources[row];
  }
}

/**
 * Where a family has no real pictures of its own, all real pictures stand against all families; so do those of a family
 * without forgeries.
 */
function shareReal(
  { labels, families, against }: { labels: Uint8Array; families: Uint8Array; against: Uint8Array },
  familyCount: number,
): void {
  const forged = new Uint8Array(familyCount), own = new Uint8Array(familyCount);
  for (let row = 0; row < labels.length; row++) {
    if (labels[row]) forged[families[row]] = 1;
    else own[against[row]] = 1;
  }
  const lacking = forged.some((has, family) => has && !own[family]);
  for (let row = 0; row < against.length; row++) {
    if (lacking || !forged[against[row]]) against[row] = 0;
  }
}

/** A name for each source: the file's or video's, with the source's number where two are named alike. */
function namesOfSources(list: PictureList): string[] {
  const names = new Map<number, string>();
  const taken = new Set<string>();
  for (let row = 0; row < list.count; row++) {
    const key = list.sources[row];
    if (names.has(key)) continue;
    const video = list.video(row);
    const plain = video === "" ? parse(list.name(row)).name : sourceOfVideo(parse(video).name);
    const name = taken.has(plain) ? `${plain} ${key.toString(36)}` : plain;
    taken.add(name);
    names.set(key, name);
  }
  return [...names.values()];
}

/** @throws {DataError} when a part lacks a class. */
function checkPart({ path, how }: OpenedData, split: SplitName, { arrays }: CropSet): void {
  for (const [label, name] of [[0, "real"], [1, "forged"]] as const) {
    if (arrays.labels.includes(label)) continue;
    throw new DataError(
      `${path}: no ${name} picture falls into the ${split} split (${how}); add pictures, or change ` +
        "the split seed",
    );
  }
}
