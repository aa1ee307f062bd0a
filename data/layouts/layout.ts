// What a layout is: how the names of folders say what the pictures in them are.

import type { SplitName } from "../picture_list.ts";

/** What the pictures of one folder are. */
export interface FolderMeaning {
  /** 0 real, 1 forged. */
  readonly label: 0 | 1;
  /** The generator or method; "real" for real pictures. */
  readonly method: string;
  /** Of real pictures: the generator whose forgeries they stand against; all where absent. */
  readonly against?: string;
  /** The part of the data set, where the layout says so. */
  readonly split?: SplitName;
  /** The part that a video, by its name without ending, belongs to, where a list says so for each. */
  readonly splitOfVideo?: (name: string) => SplitName | undefined;
  /** Whether the folder holds the frames of one video: yes, no, or to be told from the files' names. */
  readonly frames: "yes" | "no" | "perhaps";
}

/** The upper levels of a folder. */
export interface FolderShape {
  /** Its path. */
  readonly root: string;
  /** Names of the folders below a folder, by its path from the root ("" is the root, levels joined by "/"). */
  readonly children: ReadonlyMap<string, readonly string[]>;
  /** Names of the files at its root; the first thousand. */
  readonly files: readonly string[];
}

/** A layout that was recognized in a folder. */
export interface FoundLayout {
  /** What the pictures in a folder are, by its path from the root in levels; undefined: not part of the data set. */
  readonly meaningOf: (parts: readonly string[]) => FolderMeaning | undefined;
  /** What is to be told about how it was read. */
  readonly notes: readonly string[];
  /** Where forgeries alone are found: where the real pictures are to be had. */
  readonly missingReal?: string;
}

/** A layout. */
export interface Layout {
  /** Its name in reports. */
  readonly name: string;
  /** What it looks like, in one line. */
  readonly looksLike: string;
  /** Recognizes it, or gives undefined. */
  readonly find: (shape: FolderShape, options: LayoutOptions) => Promise<FoundLayout | undefined>;
}

/** What is asked of a layout. */
export interface LayoutOptions {
  /** The compression of FaceForensics++ that is read: raw, c23, c40; empty: c23 where it is there. */
  readonly compression: string;
}

const SPLIT_WORDS: Readonly<Record<string, SplitName>> = {
  train: "train",
  training: "train",
  val: "validation",
  valid: "validation",
  validation: "validation",
  dev: "validation",
  test: "test",
  testing: "test",
};

/** The part of a data set that a word names, or undefined. */
export function splitNamed(word: string): SplitName | undefined {
  return SPLIT_WORDS[word.toLowerCase()];
}

/** Folders that hold pictures without saying anything about them. */
const CONTAINERS = new Set(["frames", "frame", "images", "image", "videos", "video", "crops"]);

/** Whether a folder's name says nothing about the pictures in it: `frames`, `images`, `videos`. */
export function isContainer(name: string): boolean {
  return CONTAINERS.has(name.toLowerCase());
}

/** The folder's name where no level names a generator. */
export function rootName({ root }: FolderShape): string {
  return root.split(/[\\/]/).filter((part) => part !== "" && part !== ".").at(-1) ?? "fake";
}

/** A folder's path without the level that names a split, and that split. */
export interface WithoutSplit {
  /** The other levels. */
  readonly parts: readonly string[];
  /** The split, where a level names one. */
  readonly split: SplitName | undefined;
}

/**
 * Takes out the first level that names a split: one of `train`, `val`, `test` whose siblings name splits too (a class of
 * ProGAN's pictures is called `train`, beside `airplane` and others).
 */
export function withoutSplit(shape: FolderShape, parts: readonly string[]): WithoutSplit {
  for (let level = 0; level < parts.length; level++) {
    const split = splitNamed(parts[level]);
    if (split === undefined) continue;
    const siblings = shape.children.get(parts.slice(0, level).join("/")) ?? [];
    if (!siblings.every((name) => splitNamed(name) !== undefined)) continue;
    return { parts: parts.filter((_, at) => at !== level), split };
  }
  return { parts, split: undefined };
}

/** Every known folder's path in levels, the root's first. */
export function foldersOf({ children }: FolderShape): string[][] {
  const all: string[][] = [[]];
  for (const [parent, names] of children) {
    for (const name of names) all.push([...(parent === "" ? [] : parent.split("/")), name]);
  }
  return all;
}
