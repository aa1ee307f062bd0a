// The pictures of a data set as columns: some forty bytes a file, so that a million of them fit in little memory.

import { join } from "node:path";

/** The parts of a data set. */
export type SplitName = "train" | "validation" | "test";

/** What all files of one kind have in common. */
export interface PictureKind {
  /** 0 real, 1 forged. */
  readonly label: 0 | 1;
  /** The generator or method; "real" for real pictures. */
  readonly method: string;
  /** Of a real picture: the generator whose forgeries it stands against; empty: all. */
  readonly against: string;
  /** The part of the data set that its layout puts them in, if it says so. */
  readonly split: SplitName | undefined;
}

/** One file, as a layout finds it. */
export interface PictureEntry {
  /** Path of the folder that it lies in. */
  readonly folder: string;
  /** Name of the file. */
  readonly name: string;
  /** What it is. */
  readonly kind: PictureKind;
  /** What a picture was made from: pictures with the same source go to the same split. */
  readonly source: string;
  /** Path of the video that it is a frame of; empty for a picture by itself. */
  readonly video: string;
}

/** Endings of the pictures that are read. */
export const PICTURE_ENDING = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

/** Endings of the videos whose frames are read. */
export const VIDEO_ENDING = /\.(mp4|m4v|avi|mov|mkv|webm|mpe?g)$/i;

/** A number of 53 bits that depends on the text alone (the cyrb53 hash, which mixes two lanes of 32 bits). */
export function textKey(text: string, seed = 0): number {
  let a = 0xdeadbeef ^ seed, b = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

/** File names as UTF-8 bytes in one block of shared memory, which a worker reads without a copy. */
export interface PackedNames {
  /** The bytes of all names. */
  readonly bytes: Uint8Array;
  /** Where each name begins, and where the last one ends, `[count + 1]`. */
  readonly starts: Int32Array;
}

const decoder = new TextDecoder();

/** One of the packed names. */
export function packedName({ bytes, starts }: PackedNames, index: number): string {
  // A decoder takes no view of shared memory; the copy is a few bytes.
  return decoder.decode(bytes.slice(starts[index], starts[index + 1]));
}

/** The pictures of a data set. Made by a {@linkcode PictureListBuilder}, ordered by path. */
export class PictureList {
  /** Number of files. */
  readonly count: number;
  /** File names. */
  readonly names: PackedNames;
  /** Folder of each file, an index into `folderPaths`, `[count]`. */
  readonly folders: Int32Array;
  /** Paths of the folders. */
  readonly folderPaths: readonly string[];
  /** Kind of each file, an index into `kindTable`, `[count]`. */
  readonly kinds: Uint16Array;
  /** The kinds. */
  readonly kindTable: readonly PictureKind[];
  /** Source of each file as a number, `[count]`: the same for all that are made from one original. */
  readonly sources: Float64Array;
  /** Video of each file, an index into `videoPaths`; -1 without one, `[count]`. */
  readonly videos: Int32Array;
  /** Paths of the videos. */
  readonly videoPaths: readonly string[];

  /** Takes the columns as they are. */
  constructor(
    columns: Pick<
      PictureList,
      | "names"
      | "folders"
      | "folderPaths"
      | "kinds"
      | "kindTable"
      | "sources"
      | "videos"
      | "videoPaths"
    >,
  ) {
    this.count = columns.folders.length;
    this.names = columns.names;
    this.folders = columns.folders;
    this.folderPaths = columns.folderPaths;
    this.kinds = columns.kinds;
    this.kindTable = columns.kindTable;
    this.sources = columns.sources;
    this.videos = columns.videos;
    this.videoPaths = columns.videoPaths;
  }

  /** Name of one file. */
  name(index: number): string {
    return packedName(this.names, index);
  }

  /** Path of one file. */
  path(index: number): string {
    return join(this.folderPaths[this.folders[index]], this.name(index));
  }

  /** Kind of one file. */
  kind(index: number): PictureKind {
    return this.kindTable[this.kinds[index]];
  }

  /** Path of the video that one file is a frame of; empty without one. */
  video(index: number): string {
    return this.videos[index] < 0 ? "" : this.videoPaths[this.videos[index]];
  }

  /** Names of the forgeries' methods, in order of appearance. */
  get methods(): string[] {
    const used = new Set(this.kinds);
    const forged = this.kindTable.filter(({ label }, kind) => label === 1 && used.has(kind));
    return [...new Set(forged.map(({ method }) => method))];
  }

  /** The files of `rows`, in that order. */
  select(rows: ArrayLike<number>): PictureList {
    const count = rows.length;
    let length = 0;
    for (let i = 0; i < count; i++) {
      length += this.names.starts[rows[i] + 1] - this.names.starts[rows[i]];
    }
    const bytes = new Uint8Array(new SharedArrayBuffer(length));
    const starts = new Int32Array(new SharedArrayBuffer(4 * (count + 1)));
    const folders = new Int32Array(new SharedArrayBuffer(4 * count));
    const kinds = new Uint16Array(count);
    const sources = new Float64Array(count);
    const videos = new Int32Array(count);
    for (let i = 0, at = 0; i < count; i++) {
      const row = rows[i];
      const name = this.names.bytes.subarray(this.names.starts[row], this.names.starts[row + 1]);
      bytes.set(name, at);
      at += name.length;
      starts[i + 1] = at;
      folders[i] = this.folders[row];
      kinds[i] = this.kinds[row];
      sources[i] = this.sources[row];
      videos[i] = this.videos[row];
    }
    return new PictureList({ ...this, names: { bytes, starts }, folders, kinds, sources, videos });
  }
}
