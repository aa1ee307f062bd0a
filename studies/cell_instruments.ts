// The instruments on a training under way: GSNR of its groups, and the critical radius where it stands.

import type { CoritDetector } from "../corit/detector.ts";
import { augmentation } from "../data/augment.ts";
import { type Batch, emptyBatch, fillBatch } from "../data/batch.ts";
import type { CropSet } from "../data/crop_set.ts";
import {
  corBound,
  hessianEigenvalues,
  localCriticalRadius,
  type LossSurface,
  lossSurface,
  measureGsnrInBatches,
} from "../instruments/mod.ts";
import { gradients } from "../autograd/mod.ts";
import type { ParameterArena } from "../optim/mod.ts";
import { copyInto, recordingOn, scoped, type Tensor, tensor } from "../tensor/mod.ts";
import { RandomStream } from "../tensor/random.ts";
import { groupsOf } from "../training/gsnr_probe.ts";
import type { Cell } from "./cell.ts";
import type { GsnrLook, RadiusLook } from "./cell_result.ts";

/** Batches of the GSNR's probe, which are the shards of its jackknife, and twin pairs in each. */
const gsnrBatches = 20, gsnrBatchPairs = 20;

/** Batches that the local radius climbs and steps by. */
const climbingBatches = 6;

/** Batches whose mean loss stands for the expectation. */
const surfaceBatches = 8;

/** Products with the Hessian for its largest eigenvalue. */
const eigenvalueIterations = 10;

/** The radius of the climb after which GSNR is measured once more: in the middle of the sweep's. */
const gsnrClimb = 0.04;

/** Fixed probes of one cell. */
export class CellInstruments {
  readonly #batchPairs: number;
  /** Batches of training pairs, the same at every look. */
  readonly #probe: readonly Batch[];
  readonly #climbing: readonly Batch[];
  readonly #surface: Batch;

  private constructor(
    batchPairs: number,
    probe: readonly Batch[],
    climbing: readonly Batch[],
    surface: Batch,
  ) {
    this.#batchPairs = batchPairs;
    this.#probe = probe;
    this.#climbing = climbing;
    this.#surface = surface;
  }

  /** Draws the pairs; those of the GSNR are none of the others'. */
  static async create(cell: Cell, train: CropSet): Promise<CellInstruments> {
    const order = new RandomStream(cell.seed).fork("instruments").permutation(train.count / 2);
    let taken = 0;
    const draw = async (pairs: number): Promise<Batch> => {
      const rows = Array.from(order.subarray(taken, taken += pairs)).flatMap((pair) => {
        // Exchanged labels: real is what is called so.
        const first = train.arrays.labels[2 * pair] === 0 ? 2 * pair : 2 * pair + 1;
        return [first, first ^ 1];
      });
      const batch = emptyBatch(rows.length, train.size);
      const unchanged = augmentation({ flip: { probability: 0 } });
      await fillBatch(batch, train.arrays, rows, unchanged, new RandomStream(0));
      return batch;
    };
    const probe: Batch[] = [], climbing: Batch[] = [];
    for (let at = 0; at < gsnrBatches; at++) probe.push(await draw(gsnrBatchPairs));
    for (let at = 0; at < climbingBatches; at++) climbing.push(await draw(cell.batchPairs));
    return new CellInstruments(
      cell.batchPairs,
      probe,
      climbing,
      await draw(surfaceBatches * cell.batchPairs),
    );
  }

  /** GSNR over twin pairs at the weights, and after a climb along the gradient of one batch. */
  gsnr(detector: CoritDetector, arena: ParameterArena, step: number): GsnrLook[] {
    const here = this.#gsnrAt(detector, step, 0);
    const saved = Float32Array.from(arena.values.dataSync());
    scoped(() => {
      const loss = recordingOn(() => detector.loss(tensorsOf(this.#climbing[0])));
      arena.gatherGradients(gradients(loss, arena.parameters));
      const gradient = Float32Array.from(arena.gradient.dataSync());
      const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
      const top = saved.map((value, at) => value + gsnrClimb * gradient[at] / norm);
      copyInto(arena.values, tensor(top));
    });
    const there = this.#gsnrAt(detector, step, gsnrClimb);
    scoped(() => copyInto(arena.values, tensor(saved)));
    return [here, there];
  }

  #gsnrAt(detector: CoritDetector, step: number, climb: number): GsnrLook {
    const named = [...detector.namedParameters()].filter(([, { trained }]) => trained);
    const names = named.map(([name]) => name);
    const groups = [
      ...groupsOf(names),
      { name: "model", members: names.map((_, at) => at) },
    ];
    const measured = measureGsnrInBatches({
      groups,
      parameters: named.map(([, parameter]) => parameter.value),
      batches: this.#probe.length,
      samplesPerUnit: 2,
      lossesOf: (batch) => ({
        losses: recordingOn(() => detector.sampleLosses(tensorsOf(this.#probe[batch]))),
      }),
    });
    return {
      step,
      climb,
      groups: measured.map(({ name, gsnr, interval, signal }) => ({
        name,
        gsnr,
        interval,
        signal,
      })),
    };
  }

  /** The local radius for a plain step of the given rate, and the bound with the GSNR measured here. */
  radii(
    detector: CoritDetector,
    step: number,
    rate: number,
    gsnr: readonly GsnrLook[],
  ): Omit<RadiusLook, "rateAsLong"> {
    const surfaceOf = (batch: Batch): LossSurface =>
      lossSurface(detector, () => detector.loss(tensorsOf(batch)));
    const surface = surfaceOf(this.#surface);
    const { radius, interval } = localCriticalRadius({
      surface,
      batches: this.#climbing.map(surfaceOf),
      learningRate: rate,
      first: 0.02,
      maximum: 10,
      tolerance: 0.1,
    });
    const { largest, smallest } = hessianEigenvalues(surface, {
      iterations: eigenvalueIterations,
      tolerance: 0.02,
    });
    const smoothness = Math.max(Math.abs(largest), Math.abs(smallest));
    const model = gsnr.find((look) => look.step === step && look.climb === 0)!.groups.at(-1)!;
    const gradientNorm = Math.sqrt(Math.max(0, model.signal));
    const bound = model.gsnr > 0
      ? corBound(model.gsnr, {
        batch: this.#batchPairs,
        learningRate: rate,
        smoothness,
        gradientNorm,
      })
        .radius
      : 0;
    const finite = (value: number): number | null => value === Infinity ? null : value;
    return {
      step,
      rate,
      smoothness,
      gradientNorm,
      local: finite(radius),
      localInterval: [finite(interval[0]), finite(interval[1])],
      bound,
    };
  }
}

function tensorsOf({ count, size, images, labels }: Batch): { images: Tensor; labels: Tensor } {
  return { images: tensor(images, { shape: [count, 3, size, size] }), labels: tensor(labels) };
}
