// One training step of a transformer encoder, beside the same step of the peers.

import { crossEntropy, recordingOn, scoped, type Tensor, tensor } from "../tensor/mod.ts";
import { slice } from "../tensor/operations/mod.ts";
import { LayerNorm, Linear, Module, Sequential, TransformerBlock } from "../nn/mod.ts";
import { adamW, sam, sgd, trainStep } from "../optim/mod.ts";
import { WebGpuExecutor } from "../kernels/webgpu/mod.ts";
import { defaultDevice, executorOf } from "../tensor/device.ts";
import { RandomStream } from "../tensor/random.ts";
import type { Contender } from "./measure.ts";

/** The encoder that every engine trains. */
export interface EncoderShape {
  readonly batch: number;
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
  readonly depth: number;
  readonly classes: number;
}

/** 1.78 million parameters, 11.7 GFLOP a step. */
export const encoderShape: EncoderShape = {
  batch: 16,
  tokens: 65,
  width: 192,
  heads: 3,
  depth: 4,
  classes: 2,
};

/** Pre-norm blocks, a norm, and a head on the first token. */
export class Encoder extends Module {
  readonly blocks: Sequential;
  readonly norm: LayerNorm;
  readonly head: Linear;

  constructor({ width, heads, depth, classes }: EncoderShape) {
    super();
    const random = new RandomStream(0);
    const blocks = Array.from(
      { length: depth },
      () => new TransformerBlock(width, heads, { random }),
    );
    this.blocks = new Sequential(blocks);
    this.norm = new LayerNorm(width);
    this.head = new Linear(width, classes, { random });
  }

  forward(tokens: Tensor): Tensor {
    return this.head.forward(this.norm.forward(slice(this.blocks.forward(tokens), undefined, 0)));
  }
}

/** FLOPs of one step: forward and twice as much backward, matrix products only. */
export function stepFlops({ batch, tokens, width, depth }: EncoderShape): number {
  const linear = 2 * 12 * width * width;
  const attention = 2 * 2 * tokens * width;
  return 3 * batch * tokens * depth * (linear + attention);
}

/** What the encoder is trained on. */
interface EncoderBatch {
  readonly tokens: Tensor;
  readonly target: Tensor;
}

function batchFor(shape: EncoderShape): EncoderBatch {
  const random = new RandomStream(1);
  const values = new Float32Array(shape.batch * shape.tokens * shape.width);
  random.fillNormal(values);
  return {
    tokens: tensor(values, { shape: [shape.batch, shape.tokens, shape.width] }),
    target: tensor(Int32Array.from({ length: shape.batch }, (_, i) => i % shape.classes)),
  };
}

function lossOf(model: Encoder, { tokens, target }: EncoderBatch): Tensor {
  return crossEntropy(model.forward(tokens), target);
}

/** Bytes of the tensors that the backward pass reads: inputs of operations that are not linear in them alone. */
function savedBytes(loss: Tensor, outside: ReadonlySet<Tensor>): number {
  const reads = (name: string, inputs: number) =>
    ["matmul", "layerNorm", "attention", "softmax"].includes(name) ||
    (name === "pointwise" && inputs === 1);
  const saved = new Set<Tensor>(), seen = new Set<Tensor>(), stack = [loss];
  for (let at = stack.pop(); at; at = stack.pop()) {
    if (seen.has(at) || !at.origin) continue;
    seen.add(at);
    const { name, inputs } = at.origin;
    for (const input of inputs) {
      if (reads(name, inputs.length) && !outside.has(input)) saved.add(input);
      stack.push(input);
    }
  }
  return [...saved].reduce((sum, each) => sum + 4 * each.size, 0);
}

/**
 * Bytes that one planned step needs at its peak, counted, and the least that it could: weights, gradient, optimizer
 * state and what the backward pass reads. On WebGPU the peak is all device memory that is held while steps are replayed,
 * beyond what was in use before: batch, unused ends of buffers and kernels' own memory included.
 */
export async function encoderMemory(
  shape: EncoderShape,
): Promise<{ readonly peak: number; readonly least: number }> {
  const executor = executorOf(defaultDevice());
  const before = executor instanceof WebGpuExecutor ? executor.bytesInUse : undefined;
  const model = new Encoder(shape);
  const optimizer = adamW({ learningRate: 1e-3 });
  const step = trainStep(model, optimizer, lossOf);
  const batch = batchFor(shape);
  const outside = new Set([...step.arena.parameters, batch.tokens, batch.target]);
  const saved = scoped(() => savedBytes(recordingOn(() => lossOf(model, batch)), outside));
  for (let i = 0; i < 3; i++) await step(batch);
  // Weights and gradient, and AdamW's two moments.
  const lasting = 4 * 4 * step.arena.values.size;
  const peak = executor instanceof WebGpuExecutor && before !== undefined
    ? executor.memory().reserved - before
    : lasting + step.temporaryBytes();
  return { peak, least: lasting + saved };
}

/** Our plain and SAM steps on fixed data. */
export function encoderSteps(shape: EncoderShape): { plain: Contender; withSam: Contender } {
  const batch = batchFor(shape);
  const contender = (optimizer: ReturnType<typeof sgd>): Contender => {
    const step = trainStep(new Encoder(shape), optimizer, lossOf);
    return async (count) => {
      const start = performance.now();
      for (let i = 0; i < count; i++) await step(batch);
      return (performance.now() - start) / count;
    };
  };
  return {
    plain: contender(sgd({ learningRate: 0.01 })),
    withSam: contender(sam(sgd({ learningRate: 0.01 }), { radius: 0.01 })),
  };
}
