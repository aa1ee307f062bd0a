// A trained run with twin pairs of its own training photographs: what the instruments are held against.

import type { CoritDetector, DetectorBatch } from "../corit/detector.ts";
import { augmentation } from "../data/augment.ts";
import { type Batch, emptyBatch, fillBatch } from "../data/batch.ts";
import type { CropSet } from "../data/crop_set.ts";
import { DataError } from "../errors.ts";
import { type LossSurface, lossSurface } from "../instruments/mod.ts";
import { RandomStream } from "../tensor/random.ts";
import { detectorBatch } from "../training/batches.ts";
import { type DataListener, makeSplits } from "../training/splits.ts";
import { loadTrained, type TrainedDetector } from "../training/trained.ts";

/** A run's detector at its best weights, in evaluation mode, and its training crops. */
export interface RunProbe extends TrainedDetector {
  /** What it was trained on. */
  readonly train: CropSet;
}

/**
 * Loads a run and its training data.
 *
 * @throws {FileError} There is no run, or it has no weights yet.
 */
export async function loadRunProbe(path: string, onProgress: DataListener): Promise<RunProbe> {
  const trained = await loadTrained(path);
  const { train } = await makeSplits(trained.folder.config, onProgress);
  return { ...trained, train };
}

/**
 * Batches of twin pairs, real beside forged, unchanged by augmentation; no pair comes twice.
 *
 * @throws {DataError} The set has fewer pairs.
 */
export async function twinBatches(
  set: CropSet,
  options: { readonly batches: number; readonly pairs: number; readonly seed: number },
): Promise<Batch[]> {
  const { batches, pairs, seed } = options;
  const twins = twinsOf(set);
  if (twins.length < batches * pairs) {
    throw new DataError(
      `the run's training set has ${twins.length} twin pairs, but ${batches * pairs} are asked for`,
    );
  }
  const order = new RandomStream(seed).fork("probe").permutation(twins.length);
  const unchanged = augmentation({ flip: { probability: 0 } });
  const filled: Batch[] = [];
  for (let at = 0; at < batches; at++) {
    const rows = Array.from(order.subarray(at * pairs, (at + 1) * pairs)).flatMap((pair) =>
      twins[pair]
    );
    const batch = emptyBatch(rows.length, set.size);
    await fillBatch(batch, set.arrays, rows, unchanged, new RandomStream(seed));
    filled.push(batch);
  }
  return filled;
}

/** The run's loss on one batch, as a function of the trained parameters. */
export function batchSurface(detector: CoritDetector, batch: Batch): LossSurface {
  return lossSurface(detector, () => detector.loss(tensorsOf(batch)));
}

/** A batch as the detector takes it. */
export function tensorsOf(batch: Batch): DetectorBatch {
  return detectorBatch(batch);
}

/** The rows [real, forged] of every pair. */
function twinsOf(set: CropSet): (readonly [number, number])[] {
  const { labels, pairs } = set.arrays;
  const realOf = new Map<number, number>();
  for (let row = 0; row < set.count; row++) if (labels[row] === 0) realOf.set(pairs[row], row);
  return Array.from({ length: set.count }, (_, row) => row).flatMap((row) => {
    const real = labels[row] === 1 && pairs[row] >= 0 ? realOf.get(pairs[row]) : undefined;
    return real === undefined ? [] : [[real, row] as const];
  });
}
