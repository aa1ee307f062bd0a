// What a training step gets: a batch of crops as planar floats, and how it is filled.

import type { RandomStream } from "../tensor/random.ts";
import { type Augmentation, augmentSample, type Sample } from "./augment.ts";
import { type CropSetArrays, readMask } from "./crop_set.ts";
import { mixBatch } from "./mix.ts";
import type { DataProblem } from "./problem.ts";

/** A batch of crops. A loader's batch is valid until its next one is asked for: the memory is used again. */
export interface Batch {
  /** Number of crops. */
  readonly count: number;
  /** Side of a crop in pixels. */
  readonly size: number;
  /** Red, green and blue planes in grey levels from 0 to 255, `[count, 3, size, size]`. */
  readonly images: Float32Array;
  /** 0 real, 1 forged; in between after MixUp or CutMix, `[count]`. */
  readonly labels: Float32Array;
  /** How much of each pixel is forged, 0 to 1, `[count, size, size]`. */
  readonly masks: Float32Array;
  /** 1 where the mask teaches location, 0 for whole-frame forgeries, `[count]`. */
  readonly hasMask: Float32Array;
  /** Family of each crop, an index into the set's `familyNames` (0 is real), `[count]`. */
  readonly families: Int32Array;
  /** Source photograph of each crop, an index into the set's `sourceNames`, `[count]`. */
  readonly sources: Int32Array;
  /** Pair number of each crop; twins share it, -1 is without a twin, `[count]`. */
  readonly pairs: Int32Array;
  /** Row of each crop in its set, `[count]`. */
  readonly rows: Int32Array;
}

/** Room for `count` crops of `size` pixels in shared memory, which a worker may fill. */
export function emptyBatch(count: number, size: number): Batch {
  const floats = (length: number) => new Float32Array(new SharedArrayBuffer(length * 4));
  const integers = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
  return {
    count,
    size,
    images: floats(count * 3 * size * size),
    labels: floats(count),
    masks: floats(count * size * size),
    hasMask: floats(count),
    families: integers(count),
    sources: integers(count),
    pairs: integers(count),
    rows: integers(count),
  };
}

/** The first `count` crops of a batch, without copying. */
export function firstOf(batch: Batch, count: number): Batch {
  const plane = batch.size ** 2;
  return {
    count,
    size: batch.size,
    images: batch.images.subarray(0, count * 3 * plane),
    labels: batch.labels.subarray(0, count),
    masks: batch.masks.subarray(0, count * plane),
    hasMask: batch.hasMask.subarray(0, count),
    families: batch.families.subarray(0, count),
    sources: batch.sources.subarray(0, count),
    pairs: batch.pairs.subarray(0, count),
    rows: batch.rows.subarray(0, count),
  };
}

/** A copy of a batch that stays as it is when the loader goes on. */
export function copyBatch(batch: Batch): Batch {
  return {
    count: batch.count,
    size: batch.size,
    images: Float32Array.from(batch.images),
    labels: Float32Array.from(batch.labels),
    masks: Float32Array.from(batch.masks),
    hasMask: Float32Array.from(batch.hasMask),
    families: Int32Array.from(batch.families),
    sources: Int32Array.from(batch.sources),
    pairs: Int32Array.from(batch.pairs),
    rows: Int32Array.from(batch.rows),
  };
}

/**
 * Fills `batch` with the crops of `rows`, augmented.
 *
 * Every draw comes from a fork of `random` named by what it is for, so a batch depends on nothing prepared before it. Twins
 * draw alike: what happens to a real crop happens to its forged twin.
 * @returns Files that could not be read and were replaced; only sets that are read from files have them.
 * @throws {DataError} naming the file that cannot be read, where the set does not skip such files.
 */
export async function fillBatch(
  batch: Batch,
  arrays: CropSetArrays,
  rows: ArrayLike<number>,
  augmentation: Augmentation,
  random: RandomStream,
): Promise<readonly DataProblem[]> {
  // Loaded when asked for: the codec takes longer to load than everything else here.
  const streamed = arrays.fileStarts === undefined
    ? undefined
    : await (await import("./streamed.ts")).readStreamed(arrays, rows);
  const plane = arrays.size ** 2;
  const sample: Sample = {
    size: arrays.size,
    pixels: new Uint8Array(plane * 3),
    mask: new Float32Array(plane),
  };
  for (let i = 0; i < rows.length; i++) {
    const row = streamed?.rows[i] ?? rows[i];
    const from = streamed?.pixels ?? arrays.pixels, place = streamed ? i : row;
    const pair = arrays.pairs[row];
    sample.pixels.set(from.subarray(place * plane * 3, (place + 1) * plane * 3));
    readMask(arrays, row, sample.mask, 0);
    await augmentSample(
      sample,
      augmentation,
      random.fork(pair >= 0 ? `pair ${pair}` : `row ${row}`),
    );
    writePlanes(sample.pixels, batch.images, i * plane * 3, plane);
    batch.masks.set(sample.mask, i * plane);
    batch.labels[i] = arrays.labels[row];
    batch.hasMask[i] = arrays.hasMask[row];
    batch.families[i] = arrays.families[row];
    batch.sources[i] = arrays.sources[row];
    batch.pairs[i] = pair;
    batch.rows[i] = row;
  }
  mixBatch(batch, augmentation, random.fork("mix"));
  return streamed?.problems ?? [];
}

/** Interleaved bytes to planar floats. */
function writePlanes(pixels: Uint8Array, images: Float32Array, offset: number, plane: number) {
  for (let i = 0; i < plane; i++) {
    images[offset + i] = pixels[i * 3];
    images[offset + plane + i] = pixels[i * 3 + 1];
    images[offset + 2 * plane + i] = pixels[i * 3 + 2];
  }
}
