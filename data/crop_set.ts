// A set of square crops with everything known about them: what is trained on, validated on, tested on.

import { ValueError } from "../errors.ts";
import type { Image, JpegOptions } from "./image.ts";

/** Where a mask is stored: an index of `maskStore`, or one of the two masks that need no storing. */
export const EMPTY_MASK: number = -1;
/** See {@linkcode EMPTY_MASK}: every pixel is forged. */
export const FULL_MASK: number = -2;

/** The arrays of a {@linkcode CropSet}; plain data, so that a worker gets them as they are. */
export interface CropSetArrays {
  /** Side of every crop in pixels. */
  readonly size: number;
  /** RGB bytes, `[count, size, size, 3]`. */
  readonly pixels: Uint8Array;
  /** 0 real, 1 forged, `[count]`. */
  readonly labels: Uint8Array;
  /** Index into `familyNames`; 0 is real, `[count]`. */
  readonly families: Uint8Array;
  /** Index into `sourceNames`, `[count]`. */
  readonly sources: Int32Array;
  /** Number shared by a real crop and its forged twin; -1 without a twin, `[count]`. */
  readonly pairs: Int32Array;
  /** 1 where the mask teaches location (real crops and local forgeries), `[count]`. */
  readonly hasMask: Uint8Array;
  /** Index into `maskStore`, `EMPTY_MASK` or `FULL_MASK`, `[count]`. */
  readonly maskIndex: Int32Array;
  /** Stored masks, 0 to 255, `[stored, size, size]`. */
  readonly maskStore: Uint8Array;
  /** Size of the crop as it was saved (JPEG), bytes; 0 where it was not, `[count]`. */
  readonly encodedBytes: Int32Array;
  /** JPEG quality; 0 where it was not saved, `[count]`. */
  readonly qualities: Uint8Array;
  /** 1 where colour was saved at half resolution (4:2:0), `[count]`. */
  readonly halvedColour: Uint8Array;
  /**
   * Of a real crop: the family whose forgeries alone it stands against, an index into `familyNames`; 0: all families,
   * `[count]`. Absent: all, for all crops.
   */
  readonly against?: Uint8Array;
  /** Of a set too large for memory: names of the files that crops are read from, as UTF-8; `pixels` is empty then. */
  readonly fileBytes?: Uint8Array;
  /** Where each file's name begins in `fileBytes`, `[count + 1]`. */
  readonly fileStarts?: Int32Array;
  /** Folder of each file, an index into `folderPaths`, `[count]`. */
  readonly fileFolders?: Int32Array;
  /** Folders of the files. */
  readonly folderPaths?: readonly string[];
  /** Whether another crop of the same class is taken in place of a file that cannot be read. */
  readonly skipBroken?: boolean;
}

/** The texts of a {@linkcode CropSet}. */
export interface CropSetNames {
  /** Names of the families; the first is "real". */
  readonly familyNames: readonly string[];
  /** Names of the source photographs. */
  readonly sourceNames: readonly string[];
  /** One line of JSON a crop: how it was made. */
  readonly recipeLines: readonly string[];
}

/**
 * Square crops of photographs, real and forged, with labels, families, masks, sources and recipes.
 *
 * Arrays are indexed by crop; a crop and its forged twin share a pair number and everything but the forgery.
 */
export class CropSet implements CropSetNames {
  /** The numbers. */
  readonly arrays: CropSetArrays;
  /** Names of the families; the first is "real". */
  readonly familyNames: readonly string[];
  /** Names of the source photographs. */
  readonly sourceNames: readonly string[];
  /** One line of JSON a crop: how it was made. */
  readonly recipeLines: readonly string[];

  /**
   * Puts the parts together.
   *
   * @throws {ValueError} when an array's length does not fit the number of crops.
   */
  constructor(arrays: CropSetArrays, names: CropSetNames) {
    this.arrays = arrays;
    this.familyNames = names.familyNames;
    this.sourceNames = names.sourceNames;
    this.recipeLines = names.recipeLines;
    const count = arrays.labels.length;
    const held = arrays.fileStarts === undefined;
    const expected: Record<string, [number, number]> = {
      pixels: [arrays.pixels.length, held ? count * arrays.size ** 2 * 3 : 0],
      families: [arrays.families.length, count],
      sources: [arrays.sources.length, count],
      pairs: [arrays.pairs.length, count],
      hasMask: [arrays.hasMask.length, count],
      maskIndex: [arrays.maskIndex.length, count],
      encodedBytes: [arrays.encodedBytes.length, count],
      qualities: [arrays.qualities.length, count],
      halvedColour: [arrays.halvedColour.length, count],
      recipeLines: [names.recipeLines.length, held ? count : 0],
    };
    for (const [name, [found, wanted]] of Object.entries(expected)) {
      if (found !== wanted) {
        throw new ValueError(
          `CropSet: expected ${wanted} elements in ${name} for ${count} crops, but found ${found}`,
        );
      }
    }
  }

  /** Number of crops. */
  get count(): number {
    return this.arrays.labels.length;
  }

  /** Side of every crop in pixels. */
  get size(): number {
    return this.arrays.size;
  }

  /** One crop's pixels, from memory or from its file. */
  load(index: number): Promise<Image> {
    return Promise.resolve(this.image(index));
  }

  /** Path of the video that one crop is a frame of; empty for a picture by itself. */
  video(index: number): string {
    const { video } = this.recipe(index);
    return typeof video === "string" ? video : "";
  }

  /** One crop's pixels, without copying. */
  image(index: number): Image {
    const length = this.size ** 2 * 3;
    const data = this.arrays.pixels.subarray(index * length, (index + 1) * length);
    return { width: this.size, height: this.size, data };
  }

  /** One crop's mask, 0 to 1, `[size, size]`. */
  mask(index: number): Float32Array<ArrayBuffer> {
    const mask = new Float32Array(this.size ** 2);
    readMask(this.arrays, index, mask, 0);
    return mask;
  }

  /** One crop's family by name. */
  family(index: number): string {
    return this.familyNames[this.arrays.families[index]];
  }

  /** One crop's source photograph by name. */
  source(index: number): string {
    return this.sourceNames[this.arrays.sources[index]];
  }

  /** How one crop was made: source, region, filter, encoding, forgery. */
  recipe(index: number): Record<string, unknown> {
    return JSON.parse(this.recipeLines[index]);
  }

  /** How one crop was saved, or undefined when it was not. */
  encoding(index: number): JpegOptions | undefined {
    const quality = this.arrays.qualities[index];
    if (quality === 0) return undefined;
    return { quality, chromaSubsampling: this.arrays.halvedColour[index] ? "4:2:0" : "4:4:4" };
  }
}

/** Arrays for `count` crops and `stored` masks in shared memory, all zero: real crops with empty masks to be filled in. */
export function emptyCropSetArrays(size: number, count: number, stored: number): CropSetArrays {
  const bytes = (length: number) => new Uint8Array(new SharedArrayBuffer(length));
  const integers = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
  return {
    size,
    pixels: bytes(count * size ** 2 * 3),
    labels: bytes(count),
    families: bytes(count),
    sources: integers(count),
    pairs: integers(count).fill(-1),
    hasMask: bytes(count),
    maskIndex: integers(count).fill(EMPTY_MASK),
    maskStore: bytes(stored * size ** 2),
    encodedBytes: integers(count),
    qualities: bytes(count),
    halvedColour: bytes(count),
  };
}

/** Writes one crop's mask as floats from 0 to 1 to `target` at `offset`. */
export function readMask(
  arrays: CropSetArrays,
  index: number,
  target: Float32Array,
  offset: number,
): void {
  const length = arrays.size ** 2;
  const stored = arrays.maskIndex[index];
  if (stored < 0) {
    target.fill(stored === FULL_MASK ? 1 : 0, offset, offset + length);
    return;
  }
  const from = stored * length;
  for (let i = 0; i < length; i++) target[offset + i] = arrays.maskStore[from + i] / 255;
}
