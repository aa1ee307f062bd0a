// A data set of one's own: a folder with `real/` and `fake/` in it.

import { createHash } from "node:crypto";
import { join, parse } from "node:path";
import { DataError, FileError } from "../errors.ts";
import { CropSet, emptyCropSetArrays } from "./crop_set.ts";
import { type Image, readImage } from "./image.ts";
import { inLanes } from "./lanes.ts";
import { resample } from "./resize.ts";

/** Options of {@linkcode readFolder}. */
export interface FolderOptions {
  /** Side of the square that every picture is brought to, pixels; 64. */
  readonly size?: number;
  /** Changes which pictures go to which split; 0. */
  readonly splitSeed?: number;
  /** Shares of the pictures that validate and test; 0.15 and 0.25. The rest trains. */
  readonly shares?: { readonly validation: number; readonly test: number };
  /** Called as pictures are read. */
  readonly onProgress?: (progress: { what: string; done: number; total: number }) => void;
}

/** The splits of a folder. */
export interface FolderSplits {
  /** For training. */
  readonly train: CropSet;
  /** For choosing checkpoints and thresholds. */
  readonly validation: CropSet;
  /** For the final score. */
  readonly test: CropSet;
}

/** One picture file. */
interface Entry {
  readonly path: string;
  readonly label: 0 | 1;
  /** Family: the folder below `fake/`, or "fake"; "real" for real pictures. */
  readonly family: string;
  /** File name without folder and ending: forgeries named after their original stay in its split. */
  readonly stem: string;
}

const PICTURE = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

/**
 * Reads `real/` and `fake/` below a folder, at any depth, and splits by a hash of the file names.
 *
 * A folder directly below `fake/` names a family (`fake/swap/0001.png`); forged pictures directly in `fake/` are of the
 * family "fake". Files with the same name but for folder and ending go to the same split, and form a pair where each name
 * has one real and one forged picture. Pictures are cut to the largest centred square and resized (Lanczos).
 * @throws {DataError} when the folder, a class or a split has no pictures.
 * @throws {FormatError} naming the file when a picture is damaged.
 *
 * @example
 * ```ts
 * import { encodePng, readFolder } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * const folder = await Deno.makeTempDir();
 * const png = await encodePng({ width: 20, height: 20, data: new Uint8Array(1200) });
 * for (const name of ["real", "fake"]) {
 *   await Deno.mkdir(`${folder}/${name}`);
 *   for (let i = 0; i < 30; i++) await Deno.writeFile(`${folder}/${name}/${i}.png`, png);
 * }
 * const { train, validation, test } = await readFolder(folder, { size: 16 });
 * assertEquals(train.count + validation.count + test.count, 60);
 * ```
 */
export async function readFolder(
  folder: string,
  {
    size = 64,
    splitSeed = 0,
    shares = { validation: 0.15, test: 0.25 },
    onProgress = () => {},
  }: FolderOptions = {},
): Promise<FolderSplits> {
  const entries = [
    ...(await listClass(folder, "real", 0)),
    ...(await listClass(folder, "fake", 1)),
  ];
  const familyNames = [...new Set(entries.map(({ family }) => family))];
  const splits: Record<keyof FolderSplits, Entry[]> = { train: [], validation: [], test: [] };
  for (const entry of entries) {
    const place = hashOf(`${splitSeed} ${entry.stem}`);
    const split = place < shares.validation
      ? "validation"
      : place < shares.validation + shares.test
      ? "test"
      : "train";
    splits[split].push(entry);
  }
  for (const [split, members] of Object.entries(splits)) {
    for (const [label, name] of [[0, "real"], [1, "fake"]] as const) {
      if (!members.some((entry) => entry.label === label)) {
        throw new DataError(
          `${folder}: no picture of ${name}/ falls into the ${split} split; add pictures, or change the split seed`,
        );
      }
    }
  }
  let done = 0;
  const step = () => onProgress({ what: "reading pictures", done: ++done, total: entries.length });
  return {
    train: await readSplit(splits.train, size, familyNames, step),
    validation: await readSplit(splits.validation, size, familyNames, step),
    test: await readSplit(splits.test, size, familyNames, step),
  };
}

/** Lists the pictures of one class, sorted by path. */
async function listClass(folder: string, name: "real" | "fake", label: 0 | 1): Promise<Entry[]> {
  const root = join(folder, name);
  const entries: Entry[] = [];
  const walk = async (directory: string, family: string, depth: number): Promise<void> => {
    const items: Deno.DirEntry[] = [];
    try {
      for await (const item of Deno.readDir(directory)) items.push(item);
    } catch (cause) {
      if (depth > 0) throw new FileError(`${directory}: cannot be listed`, { cause });
      throw new DataError(
        `${root}: no such folder; a data set is a folder with real/ and fake/ in it, each with pictures`,
        { cause },
      );
    }
    items.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const item of items) {
      const path = join(directory, item.name);
      if (item.isDirectory) await walk(path, label && depth === 0 ? item.name : family, depth + 1);
      else if (PICTURE.test(item.name)) {
        entries.push({ path, label, family, stem: parse(item.name).name });
      }
    }
  };
  await walk(root, name, 0);
  if (entries.length === 0) {
    throw new DataError(
      `${root}: expected pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF), but found none`,
    );
  }
  return entries;
}

/** A number in [0, 1) that depends on the text alone. */
function hashOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0) / 2 ** 32;
}

/** The largest centred square of a picture, resized. */
function squared(image: Image, size: number): Image {
  const side = Math.min(image.width, image.height);
  const region = {
    left: (image.width - side) / 2,
    top: (image.height - side) / 2,
    width: side,
    height: side,
  };
  return resample(image, region, size, size, "lanczos");
}

/** Reads the pictures of one split. */
async function readSplit(
  entries: readonly Entry[],
  size: number,
  familyNames: readonly string[],
  step: () => void,
): Promise<CropSet> {
  const sourceNames = [...new Set(entries.map(({ stem }) => stem))];
  const sourceOf = new Map(sourceNames.map((name, i) => [name, i]));
  const arrays = emptyCropSetArrays(size, entries.length, 0);
  const paired = isPaired(entries);
  await inLanes(entries.length, 3, async (row) => {
    const { path, label, family, stem } = entries[row];
    const source = sourceOf.get(stem)!;
    arrays.pixels.set(squared(await readImage(path), size).data, row * size * size * 3);
    arrays.labels[row] = label;
    arrays.families[row] = familyNames.indexOf(family);
    arrays.sources[row] = source;
    arrays.pairs[row] = paired ? source : -1;
    step();
  });
  return new CropSet(arrays, {
    familyNames,
    sourceNames,
    recipeLines: entries.map(({ path }) => JSON.stringify({ file: path })),
  });
}

/** Whether every name has exactly one real and one forged picture. */
function isPaired(entries: readonly Entry[]): boolean {
  const labels = new Map<string, number[]>();
  for (const { stem, label } of entries) {
    labels.set(stem, [...(labels.get(stem) ?? []), label]);
  }
  return [...labels.values()].every((found) => found.length === 2 && found[0] !== found[1]);
}
