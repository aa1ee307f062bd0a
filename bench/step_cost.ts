// What one training step of a vision transformer costs, counted from its plan: floating-point operations, bytes and launches
// by kernel family.
//
// A large encoder need not be run for it. Blocks are alike, and so are a batch's images, so every count is
// a + b depth + c batch + d depth batch; steps of one and two blocks on two and three images tell all four.

import {
  crossEntropy,
  type Device,
  startProfile,
  stopProfile,
  type Tensor,
  tensor,
  zeros,
} from "../tensor/mod.ts";
import { VisionTransformer } from "../nn/mod.ts";
import { type Optimizer, sgd, trainStepSync } from "../optim/mod.ts";

/** An encoder as its papers name it. */
export interface EncoderSize {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
}

/** ViT-B/16 (Dosovitskiy et al., 2021). */
export const vitBase: EncoderSize = {
  imageSize: 224,
  patchSize: 16,
  width: 768,
  depth: 12,
  heads: 12,
};

/** ViT-L/14, the encoder of CLIP (Radford et al., 2021). */
export const vitLarge: EncoderSize = {
  imageSize: 224,
  patchSize: 14,
  width: 1024,
  depth: 24,
  heads: 16,
};

/** One kind of operation with the shapes of one kind, as often as a step runs it. */
export interface OperationCost {
  /** The operation: the kernel family. */
  readonly name: string;
  /** Floating-point operations of all runs. */
  readonly flops: number;
  /** Bytes read and written by all runs. */
  readonly bytes: number;
  /** Kernel launches. */
  readonly launches: number;
}

/** Adds AdamW's step over the parameters: reads weight, gradient and two moments, writes all but the gradient; the norm. */
function optimizerCost(parameters: number): OperationCost[] {
  return [
    { name: "optimizer (AdamW)", flops: 15 * parameters, bytes: 7 * 4 * parameters, launches: 1 },
    { name: "gradient norm", flops: 2 * parameters, bytes: 4 * parameters, launches: 2 },
  ];
}

/** A step of an encoder on a device, on black images: what is in them does not change what it costs. */
export function encoderStep(
  size: EncoderSize,
  batch: number,
  optimizer: Optimizer,
  device: Device,
): { readonly step: () => void; readonly parameters: number; readonly release: () => void } {
  const { imageSize } = size;
  const model = VisionTransformer.create({
    ...size,
    inputs: ["rgb"],
    pooling: "token",
    ...{ classes: 2, seed: 0, device },
  });
  const step = trainStepSync(
    model,
    optimizer,
    (vit: VisionTransformer, { images, labels }: { images: Tensor; labels: Tensor }) =>
      crossEntropy(vit.forward(images), labels),
  );
  const images = zeros([batch, 3, imageSize, imageSize], { device });
  const labels = tensor(Int32Array.from({ length: batch }, (_, at) => at % 2), { device });
  return {
    step: () => void step({ images, labels }),
    parameters: model.parameterCount(),
    release: () => [images, labels, ...step.arena.parameters].forEach((each) => each.release()),
  };
}

/** The operations of a planned step's pass, counted by running it. */
export function passCost(
  size: EncoderSize,
  batch: number,
): { readonly families: ReadonlyMap<string, OperationCost>; readonly parameters: number } {
  const { step, parameters, release } = encoderStep(size, batch, sgd({ learningRate: 0 }), "wasm");
  // Recorded in two runs; the third replays.
  for (let run = 0; run < 2; run++) step();
  const profile = startProfile();
  try {
    step();
  } finally {
    stopProfile();
    release();
  }
  return {
    parameters,
    families: byName(profile.operations.map(({ name, flops, bytes, runs }) => ({
      // What follows a kernel within the same launch belongs to it.
      name: name.split(" + ")[0],
      flops: flops * runs,
      bytes: bytes * runs,
      launches: runs,
    }))),
  };
}

/** Sums by name. */
function byName(costs: readonly OperationCost[]): Map<string, OperationCost> {
  const sums = new Map<string, OperationCost>();
  for (const { name, flops, bytes, launches } of costs) {
    const sum = sums.get(name) ?? { name, flops: 0, bytes: 0, launches: 0 };
    sums.set(name, {
      name,
      flops: sum.flops + flops,
      bytes: sum.bytes + bytes,
      launches: sum.launches + launches,
    });
  }
  return sums;
}

/** What a step of AdamW costs, by kernel family, and the encoder's parameters. */
export function stepCost(
  size: EncoderSize,
  batch: number,
): { readonly families: readonly OperationCost[]; readonly parameters: number } {
  // A single image is a special case: some of its operations need no sum over the batch.
  const counted = [1, 2].map((depth) =>
    [2, 3].map((images) => passCost({ ...size, depth }, images))
  );
  const extrapolate = (of: (depth: number, images: number) => number): number => {
    const [one, two] = [0, 1].map((depth) =>
      of(depth, 0) + (batch - 2) * (of(depth, 1) - of(depth, 0))
    );
    return one + (size.depth - 1) * (two - one);
  };
  const names = new Set(counted.flat().flatMap(({ families }) => [...families.keys()]));
  const families = [...names].map((name): OperationCost => {
    const total = (key: "flops" | "bytes" | "launches"): number =>
      extrapolate((depth, images) => counted[depth][images].families.get(name)?.[key] ?? 0);
    return { name, flops: total("flops"), bytes: total("bytes"), launches: total("launches") };
  });
  const parameters = extrapolate((depth, images) => counted[depth][images].parameters);
  return { parameters, families: [...families, ...optimizerCost(parameters)] };
}

/** What a processor can do at most. */
export interface Limits {
  readonly name: string;
  /** Bytes a second. */
  readonly bandwidth: number;
  /** Float32 operations a second. */
  readonly flops: number;
}

/** Published limits; without the units for matrices of lower precision, which WGSL does not reach. */
export const publishedLimits: readonly Limits[] = [
  // NVIDIA's data sheet of the H100 SXM: 3.35 TB/s, 67 TFLOP/s of FP32.
  { name: "H100", bandwidth: 3.35e12, flops: 67e12 },
  // Apple gives 120 GB/s; its ten cores of 128 lanes make 4.1 TFLOP/s at the reported 1.6 GHz.
  { name: "M4", bandwidth: 120e9, flops: 4.1e12 },
];

/** Seconds that a processor needs at least: for the numbers, or for the memory, whichever takes longer. */
export function rooflineSeconds({ flops, bytes }: OperationCost, limits: Limits): number {
  return Math.max(flops / limits.flops, bytes / limits.bandwidth);
}
