// Trains one cell of a sweep and looks at it after every budget.

import { CoritDetector } from "../corit/detector.ts";
import { type Batch, emptyBatch, fillBatch } from "../data/batch.ts";
import { augmentation } from "../data/augment.ts";
import type { CropSet } from "../data/crop_set.ts";
import { BalancedSampler } from "../data/sampler.ts";
import { rocAuc } from "../evaluation/metrics.ts";
import { adamW, clipNorm, sam, type TrainStep, trainStep } from "../optim/mod.ts";
import type { StepResult } from "../optim/training_step.ts";
import { keep, scoped, type Tensor, tensor } from "../tensor/mod.ts";
import { RandomStream } from "../tensor/random.ts";
import { groupOf } from "../training/gsnr_probe.ts";
import type { Cell, Climb } from "./cell.ts";
import type { BudgetLook, CellResult, GsnrLook, RadiusLook } from "./cell_result.ts";
import { CellInstruments } from "./cell_instruments.ts";
import { type Features, probeLogits } from "./linear_probe.ts";
import { matchedCrops, withLabelNoise } from "./matched_crops.ts";

/** Steps of linear rise of the rate. */
const warmup = 20;

/** Steps over which loss and gradient are averaged. */
const recent = 20;

/** The step of an early GSNR, where the pilots saw it fade towards the input. */
const early = 20;

/** Crops scored in one pass. */
const scoredAtOnce = 200;

/** Training pairs that the probe is fitted on. */
const probePairs = 600;

/** What a detector is trained on here: images and labels, no masks, so that families differ in the forgery alone. */
interface LabelledImages {
  readonly images: Tensor;
  readonly labels: Tensor;
}

/** The data of a cell. */
interface CellData {
  readonly train: CropSet;
  readonly clean: CropSet;
  readonly test: CropSet;
}

/**
 * Trains a cell: the small transformer (width 64, depth 2, 8-pixel patches with their log-DCT) under AdamW (weight decay
 * 0.05, betas 0.9 and 0.98, gradient clipped at norm 1, constant rate after 20 steps of rise) and SAM around it.
 *
 * Since the rate does not depend on how long the training will be, one training passes through all of its budgets.
 *
 * @param signal Aborted to end between steps: its reason is thrown.
 */
export async function trainCell(cell: Cell, signal?: AbortSignal): Promise<CellResult> {
  const began = performance.now();
  const data = await dataOf(cell);
  const detector = CoritDetector.create({
    kind: "vit",
    preset: "starter",
    imageSize: cell.imageSize,
    width: 64,
    depth: 2,
    heads: 2,
    seed: cell.seed,
  });
  // Without masks the patches' own head learns nothing.
  detector.freeze((name) => name.startsWith("mask_head."));
  const base = adamW({
    learningRate: (step) => cell.learningRate * Math.min(1, (step + 1) / warmup),
    weightDecay: 0.05,
    betas: [0.9, 0.98],
  });
  const perturb = perturbed(cell.climb);
  const optimizer = sam(clipNorm(base, 1), { radius: cell.rho, ...perturb && { perturb } });
  const shares = new Map<string, number>();
  const end = cell.budgets[cell.budgets.length - 1];
  const isRecent = (step: number): boolean =>
    cell.budgets.some((budget) => step > budget - recent && step <= budget);
  const step: TrainStep<LabelledImages, Promise<StepResult>> = trainStep(
    detector,
    optimizer,
    (detector, batch: LabelledImages) => detector.loss(batch),
    {
      reduceGradients: (gradient, pass) => {
        if (pass > 0 || !isRecent(optimizer.steps + 1)) return;
        addSquares(shares, step.arena.entries, gradient.dataSync());
      },
    },
  );
  const sampler = new BalancedSampler(
    data.train.arrays,
    { batchSize: 2 * cell.batchPairs },
    cell.seed,
  );
  const random = new RandomStream(cell.seed).fork("augmentation");
  const batch = emptyBatch(2 * cell.batchPairs, cell.imageSize);
  const untrainedProbeAuc = await probeAuc(detector, data);
  const instruments = cell.instruments ? await CellInstruments.create(cell, data.train) : undefined;
  const looks: BudgetLook[] = [], gsnr: GsnrLook[] = [], radii: RadiusLook[] = [];
  const losses: number[] = [], norms: number[] = [];
  for (let number = 0; number < end; number++) {
    signal?.throwIfAborted();
    const epoch = Math.floor(number / sampler.batchesPerEpoch);
    const rows = sampler.rows(epoch, number % sampler.batchesPerEpoch);
    await fillBatch(batch, data.train.arrays, rows, augmentation(), random.fork(number));
    const before = instruments && cell.budgets.includes(number + 1)
      ? Float32Array.from(step.arena.values.dataSync())
      : undefined;
    const images = toTensors(batch);
    const result = await step(images);
    images.images.release();
    images.labels.release();
    losses.push(result.loss);
    norms.push(result.gradientNorm);
    const done = number + 1;
    if (instruments && (done === early || cell.budgets.includes(done))) {
      gsnr.push(...instruments.gsnr(detector, step.arena, done));
    }
    if (!cell.budgets.includes(done)) continue;
    if (instruments && before) {
      // A plain step takes the gradient as it is, whatever clipping made of it here.
      const top = result.gradientNorms[result.gradientNorms.length - 1];
      const rateAsLong = lengthOfStep(before, step.arena.values.dataSync()) / top;
      radii.push({ ...instruments.radii(detector, done, cell.learningRate, gsnr), rateAsLong });
    }
    looks.push({
      step: done,
      auc: await ownAuc(detector, data.test),
      probeAuc: await probeAuc(detector, data),
      loss: mean(losses.slice(-recent)),
      gradientNorm: mean(norms.slice(-recent)),
      shares: sharesOf(shares),
    });
    shares.clear();
  }
  const seconds = (performance.now() - began) / 1000;
  return { looks, untrainedProbeAuc, gsnr, radii, seconds };
}

async function dataOf(cell: Cell): Promise<CellData> {
  const { family, strength, imageSize: size, trainPairs, testPairs, testedOn } = cell;
  const options = { family, strength, size };
  const clean = await matchedCrops({ ...options, split: "train", pairs: trainPairs });
  const test = await matchedCrops({ ...options, split: testedOn, pairs: testPairs });
  const random = new RandomStream(cell.seed).fork("label noise");
  return { train: withLabelNoise(clean, cell.labelNoise, random), clean, test };
}

/** Which parameters SAM climbs along; undefined for all. */
function perturbed(climb: Climb): ((name: string) => boolean) | undefined {
  if (climb === "all") return undefined;
  return (name) => climb === "head" ? groupOf(name) === "head" : groupOf(name).startsWith("block ");
}

/** A batch on the device, kept beyond scopes. */
function toTensors({ count, size, images, labels }: Batch): LabelledImages {
  return {
    images: keep(tensor(images, { shape: [count, 3, size, size] })),
    labels: keep(tensor(labels)),
  };
}

/** AUC of the detector's own read-out. */
async function ownAuc(detector: CoritDetector, set: CropSet): Promise<number> {
  const scores = new Float64Array(set.count);
  await forParts(set, set.count, (images, first) => {
    scores.set(detector.probabilities(images).dataSync(), first);
  });
  return rocAuc(scores, set.arrays.labels);
}

/** AUC of a linear probe that is fitted on the features of training crops, with their clean labels. */
async function probeAuc(detector: CoritDetector, { clean, test }: CellData): Promise<number> {
  const count = Math.min(clean.count, 2 * probePairs);
  const train = await featuresOf(detector, clean, count);
  const labels = clean.arrays.labels.subarray(0, count);
  const logits = probeLogits(train, labels, await featuresOf(detector, test, test.count));
  return rocAuc(logits, test.arrays.labels);
}

async function featuresOf(
  detector: CoritDetector,
  set: CropSet,
  count: number,
): Promise<Features> {
  const { width } = detector.backbone.config;
  const values = new Float32Array(count * width);
  await forParts(set, count, (images, first) => {
    values.set(detector.backbone.forward(images).dataSync(), first * width);
  });
  return { values, count, width };
}

/** Gives the first crops of a set, unchanged and in order: nothing here is computed over a batch. */
async function forParts(
  set: CropSet,
  count: number,
  body: (images: Tensor, first: number) => void,
): Promise<void> {
  const unchanged = augmentation({ flip: { probability: 0 } });
  for (let first = 0; first < count; first += scoredAtOnce) {
    const rows = Array.from(
      { length: Math.min(scoredAtOnce, count - first) },
      (_, at) => first + at,
    );
    const batch = emptyBatch(rows.length, set.size);
    await fillBatch(batch, set.arrays, rows, unchanged, new RandomStream(0));
    scoped(() =>
      body(tensor(batch.images, { shape: [rows.length, 3, set.size, set.size] }), first)
    );
  }
}

/** Adds the squared norm of every group's part of a flat vector. */
function addSquares(
  into: Map<string, number>,
  entries: readonly { readonly name: string; readonly offset: number; readonly size: number }[],
  flat: ArrayLike<number>,
): void {
  for (const { name, offset, size } of entries) {
    let squares = 0;
    for (let at = offset; at < offset + size; at++) squares += flat[at] ** 2;
    into.set(groupOf(name), (into.get(groupOf(name)) ?? 0) + squares);
  }
}

function sharesOf(squares: ReadonlyMap<string, number>): Record<string, number> {
  const total = [...squares.values()].reduce((sum, value) => sum + value, 0);
  return Object.fromEntries([...squares].map(([name, value]) => [name, value / total]));
}

function lengthOfStep(before: ArrayLike<number>, after: ArrayLike<number>): number {
  let squares = 0;
  for (let at = 0; at < before.length; at++) squares += (after[at] - before[at]) ** 2;
  return Math.sqrt(squares);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
