// The gradient signal-to-noise ratio of a detector's blocks on a fixed set of twin pairs.

import type { CoritDetector } from "../corit/detector.ts";
import { augmentation } from "../data/augment.ts";
import { type Batch, emptyBatch, fillBatch } from "../data/batch.ts";
import type { CropSet } from "../data/crop_set.ts";
import { DataError } from "../errors.ts";
import type { GradientGroup, GroupGsnr } from "../instruments/gsnr.ts";
import { measureGsnrInBatches } from "../instruments/gsnr_batches.ts";
import { recordingOn } from "../tensor/mod.ts";
import { RandomStream } from "../tensor/random.ts";
import { detectorBatch } from "./batches.ts";

/** Batches that the pairs are measured in, which are also the jackknife's shards. */
const batches = 20;

/**
 * Twin pairs that stay the same through a run, so that ratios of different steps compare.
 *
 * The unit is the twin pair, the mean of both gradients: inside a pair real and forged nearly cancel, so that single
 * crops are not independent. Dropout is off, prototypes are not updated.
 */
export class GsnrProbe {
  readonly #batches: readonly Batch[];

  private constructor(batches: readonly Batch[]) {
    this.#batches = batches;
  }

  /**
   * Draws the pairs.
   *
   * @param set Crops with twins.
   * @param pairs How many; fewer where the set has fewer.
   * @param count Into how many batches they are put, at most.
   * @throws {DataError} where there are less than two pairs.
   */
  static async create(
    set: CropSet,
    pairs: number,
    seed: number,
    count: number = batches,
  ): Promise<GsnrProbe> {
    const random = new RandomStream(seed).fork("gsnr");
    const twins = twinsOf(set);
    if (twins.length < 2) {
      throw new DataError(
        `the gradient signal-to-noise ratio needs twin pairs, but the training set has ` +
          `${twins.length}; switch it off with --gsnr-every 0`,
      );
    }
    const unchanged = augmentation({ flip: { probability: 0 } });
    const chosen = random.permutation(twins.length).subarray(0, pairs);
    const size = Math.ceil(chosen.length / count);
    const filled: Batch[] = [];
    for (let first = 0; first < chosen.length; first += size) {
      // Real beside forged: two samples side by side are a unit.
      const rows = Array.from(chosen.subarray(first, first + size)).flatMap((pair) => twins[pair]);
      const batch = emptyBatch(rows.length, set.size);
      await fillBatch(batch, set.arrays, rows, unchanged, random);
      filled.push(batch);
    }
    return new GsnrProbe(filled);
  }

  /** The pairs in batches, real beside forged. */
  get batches(): readonly Batch[] {
    return this.#batches;
  }

  /** Measures every group of the detector, from the embedding to the head. */
  measure(detector: CoritDetector): GroupGsnr[] {
    const trained = [...detector.namedParameters()].filter(([, parameter]) => parameter.trained);
    const wasTraining = detector.training;
    detector.evaluate();
    try {
      return measureGsnrInBatches({
        groups: groupsOf(trained.map(([name]) => name)),
        parameters: trained.map(([, parameter]) => parameter.value),
        batches: this.#batches.length,
        samplesPerUnit: 2,
        lossesOf: (batch) => ({
          losses: recordingOn(() => detector.sampleLosses(detectorBatch(this.#batches[batch]))),
        }),
      });
    } finally {
      if (wasTraining) detector.train();
    }
  }
}

/** Whether a set has twin pairs to measure on. */
export function hasTwins(set: CropSet): boolean {
  return twinsOf(set).length >= 2;
}

/** The rows [real, forged] of every pair. */
function twinsOf(set: CropSet): [real: number, forged: number][] {
  const { labels, pairs } = set.arrays;
  const realOf = new Map<number, number>();
  for (let row = 0; row < set.count; row++) if (labels[row] === 0) realOf.set(pairs[row], row);
  const twins: [number, number][] = [];
  for (let row = 0; row < set.count; row++) {
    const real = labels[row] === 1 && pairs[row] >= 0 ? realOf.get(pairs[row]) : undefined;
    if (real !== undefined) twins.push([real, row]);
  }
  return twins;
}

/** Parameters by depth: the embedding, every block, and what comes after the last one. */
export function groupsOf(names: readonly string[]): GradientGroup[] {
  const members = new Map<string, number[]>();
  names.forEach((name, index) => {
    const group = groupOf(name);
    members.set(group, [...members.get(group) ?? [], index]);
  });
  const depth = (group: string): number =>
    group === "embedding" ? 0 : group === "head" ? Infinity : Number(group.slice("block ".length));
  return [...members.entries()]
    .sort(([a], [b]) => depth(a) - depth(b))
    .map(([name, indices]) => ({ name, members: indices }));
}

/** The name of a parameter's group: `embedding`, `block 1` and so on, `head`. */
export function groupOf(name: string): string {
  const block = /(?:^|\.)blocks\.(\d+)\./.exec(name);
  if (block) return `block ${Number(block[1]) + 1}`;
  const embedding = /(?:^|\.)(?:patch_embed|cls_token|pos_embed|norm_pre)(?:\.|$)/.test(name);
  return embedding ? "embedding" : "head";
}
