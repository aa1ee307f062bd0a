// Sets that are too large for memory: their crops are read from the files when a batch needs them.

import { join } from "node:path";
import { CoritError, DataError } from "../errors.ts";
import { CropSet, type CropSetArrays } from "./crop_set.ts";
import { CropStore } from "./crop_store.ts";
import { type Image, readImage } from "./image.ts";
import { inLanes } from "./lanes.ts";
import { packedName, type PictureList } from "./picture_list.ts";
import type { DataProblem } from "./problem.ts";
import { squared } from "./square.ts";

/** Files that are tried in place of one that cannot be read. */
const MOST_TRIES = 100;

/** The crops of a batch. */
export interface StreamedCrops {
  /** Pixels, one crop after another. */
  readonly pixels: Uint8Array;
  /** The rows that they are of: the ones asked for, except where a file was skipped. */
  readonly rows: Int32Array;
  /** What was skipped. */
  readonly problems: readonly DataProblem[];
}

const stores = new WeakMap<CropSetArrays, CropStore>();

/**
 * Reads the crops of `rows` from their files, each file once: then they come from a store on disk.
 *
 * @throws {DataError} naming the file that cannot be read, or where nothing readable is found in its place.
 */
export async function readStreamed(
  arrays: CropSetArrays,
  rows: ArrayLike<number>,
): Promise<StreamedCrops> {
  const bytes = arrays.size ** 2 * 3;
  let store = stores.get(arrays);
  if (!store) stores.set(arrays, store = new CropStore(arrays.labels.length, bytes));
  const pixels = new Uint8Array(rows.length * bytes);
  const taken = Int32Array.from(rows);
  const problems: DataProblem[] = [];
  const { labels } = arrays;
  // Two at a time: one is decoded by the codec's thread while the other is resampled here.
  await inLanes(rows.length, 2, async (i) => {
    const target = pixels.subarray(i * bytes, (i + 1) * bytes);
    for (let tries = 0, row = rows[i]; tries < MOST_TRIES; tries++) {
      const problem = await readInto(arrays, row, store, target);
      if (problem === undefined) {
        taken[i] = row;
        return;
      }
      if (!arrays.skipBroken) {
        throw new DataError(
          `${problem.what}; mend or remove it, or leave such files out with --skip-broken`,
        );
      }
      problems.push(problem);
      do row = (row + 1) % labels.length; while (labels[row] !== labels[rows[i]]);
    }
    throw new DataError(
      `${pathOf(arrays, rows[i])}: neither this picture nor the ${
        MOST_TRIES - 1
      } after it can be ` +
        "read; see what is wrong with: deno task data PATH",
    );
  });
  return { pixels, rows: taken, problems };
}

/** Reads one crop; gives what is wrong where it cannot be read. */
async function readInto(
  arrays: CropSetArrays,
  row: number,
  store: CropStore,
  target: Uint8Array,
): Promise<DataProblem | undefined> {
  if (store.read(row, target)) return undefined;
  const path = pathOf(arrays, row);
  try {
    target.set(squared(await readImage(path), arrays.size).data);
  } catch (error) {
    if (!(error instanceof CoritError)) throw error;
    return { path, what: error.message, loses: true };
  }
  store.write(row, target);
  return undefined;
}

function pathOf(arrays: CropSetArrays, row: number): string {
  const names = { bytes: arrays.fileBytes!, starts: arrays.fileStarts! };
  return join(arrays.folderPaths![arrays.fileFolders![row]], packedName(names, row));
}

/** A crop set whose pixels are in its files. */
export class StreamedCropSet extends CropSet {
  readonly #list: PictureList;

  /** Takes the arrays, which name the files, and the list that they were made of. */
  constructor(arrays: CropSetArrays, familyNames: readonly string[], list: PictureList) {
    super(arrays, { familyNames, sourceNames: [], recipeLines: [] });
    this.#list = list;
  }

  /** Pixels are not in memory; see {@linkcode StreamedCropSet.load}. */
  override image(index: number): Image {
    throw new DataError(
      `${this.#list.path(index)}: this set is read from its files; await load(${index}) instead`,
    );
  }

  /** One crop's pixels, from its file. */
  override async load(index: number): Promise<Image> {
    return squared(await readImage(this.#list.path(index)), this.size);
  }

  /** A name of one crop's source. */
  override source(index: number): string {
    return `source ${this.#list.sources[index].toString(36)}`;
  }

  /** The file, and the video that it is a frame of. */
  override recipe(index: number): Record<string, unknown> {
    const video = this.#list.video(index);
    return { file: this.#list.path(index), ...(video === "" ? {} : { video }) };
  }
}
