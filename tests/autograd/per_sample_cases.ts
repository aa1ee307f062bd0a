// Computations of one loss for each sample, through every kind of layer: for statistics of single units' gradients.

import { checkpoint } from "../../autograd/mod.ts";
import {
  BatchNorm2d,
  ClipImageEncoder,
  Conv2d,
  GroupNorm,
  LayerNorm,
  Linear,
  Mlp,
  type Module,
  MultiHeadAttention,
  PatchEmbedding,
  Sequential,
  TransformerBlock,
  tune,
  VisionTransformer,
} from "../../nn/mod.ts";
import {
  convTranspose2d,
  crossEntropy,
  type Device,
  embedding,
  executorOf,
  gelu,
  layerNorm,
  matmul,
  narrow,
  RandomStream,
  rmsNorm,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";

/** Every kind of layer that a case has gone through. */
export const kinds: Set<string> = new Set<string>();

/** A computation of one loss for each sample. */
export interface Case {
  readonly name: string;
  /** Parameters, and the losses of the samples `first` to `first + count - 1`. */
  make(device: Device): {
    readonly targets: readonly Tensor[];
    readonly losses: (first: number, count: number) => Tensor;
  };
}

/** How many samples a case has. */
export const samples = 6;

/** Normal numbers of a shape. */
export function numbers(shape: readonly number[], seed: number, device: Device): Tensor {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  new RandomStream(seed).fillNormal(values);
  return tensor(values, { shape, device, dtype: executorOf(device).defaultDType });
}

/** One number for each sample that depends on every element in another way. */
export function weigh(y: Tensor, seed = 9): Tensor {
  const [count] = y.shape;
  const weights = numbers([1, ...y.shape.slice(1)], seed, y.device);
  return y.mul(weights).add(y.mul(y).mul(0.3)).reshape([count, -1]).sum(1);
}

/** A function of a batch of inputs and of parameters that are given by their shapes. */
function ofShapes(
  name: string,
  inputShape: readonly number[],
  shapes: readonly (readonly number[])[],
  compute: (x: Tensor, parameters: readonly Tensor[], first: number) => Tensor,
): Case {
  return {
    name,
    make(device) {
      const x = numbers([samples, ...inputShape], 1, device);
      const targets = shapes.map((shape, at) => numbers(shape, 20 + at, device));
      return {
        targets,
        losses: (first, count) => weigh(compute(narrow(x, 0, first, count), targets, first)),
      };
    },
  };
}

/** A layer or model over a batch of inputs. */
function ofModule<Kind extends Module>(
  name: string,
  inputShape: readonly number[],
  create: (device: Device) => Kind,
  forward: (module: Kind, x: Tensor, first: number, count: number) => Tensor,
): Case {
  return {
    name,
    make(device) {
      const module = create(device);
      for (const each of module.namedModules().values()) kinds.add(each.constructor.name);
      const named = [...module.namedParameters().values()];
      // Initial biases and scales of 0 and 1 would hide mistakes.
      named.forEach((parameter, at) => {
        const noise = numbers(parameter.shape, at, device).mul(0.1);
        parameter.value = parameter.value.add(noise).detach();
      });
      const x = numbers([samples, ...inputShape], 1, device).detach();
      return {
        targets: named.map((parameter) => parameter.value),
        losses: (first, count) => forward(module, narrow(x, 0, first, count), first, count),
      };
    },
  };
}

/** The cases; the last is a whole vision transformer. */
export const cases: readonly Case[] = [
  ofModule(
    "linear with bias, one row a sample",
    [4],
    (device) => new Linear(4, 3, { random: 0, device }),
    (layer, x) => weigh(layer.forward(x)),
  ),
  ofModule(
    "linear over tokens",
    [5, 7],
    (device) => new Linear(7, 9, { random: 0, device }),
    (layer, x) => weigh(layer.forward(x, "gelu")),
  ),
  ofModule(
    "linear without bias over a grid of tokens",
    [2, 3, 4],
    (device) => new Linear(4, 6, { random: 0, device, bias: false }),
    (layer, x) => weigh(layer.forward(x)),
  ),
  ofShapes(
    "a matrix that is not transposed",
    [3, 4],
    [[4, 5], [5]],
    (x, [w, bias]) => matmul(x, w, { bias }),
  ),
  ofShapes("a matrix on the left, shared by the batch", [4, 3], [[5, 4]], (x, [w]) => matmul(w, x)),
  ofShapes(
    "a transposed matrix on the left",
    [3, 4],
    [[4, 5]],
    (x, [w]) => matmul(w, x, { transposeA: true, transposeB: true }),
  ),
  ofShapes("one matrix a head", [2, 3, 4], [[2, 4, 5]], (x, [w]) => matmul(x, w)),
  ofShapes(
    "tokens first: the units on the second axis",
    [3, 4],
    [[4, 5], [5]],
    (x, [w, bias]) => matmul(x.permute([1, 0, 2]), w, { bias }).permute([1, 0, 2]),
  ),
  ofShapes(
    "tokens as rows of one matrix",
    [3, 4],
    [[4, 5]],
    (x, [w]) => matmul(x.reshape([-1, 4]), w).reshape([x.shape[0], 3, 5]),
  ),
  ofModule(
    "layer norm",
    [5, 7],
    (device) => new LayerNorm(7, { device }),
    (layer, x) => weigh(layer.forward(x)),
  ),
  ofShapes("layer norm with a scale alone", [5, 7], [[7]], (x, [scale]) => layerNorm(x, { scale })),
  ofShapes("root mean square norm", [7], [[7]], (x, [scale]) => rmsNorm(x, { scale })),
  ofModule(
    "convolution",
    [2, 6, 5],
    (device) => new Conv2d(2, 3, 3, { random: 0, device, stride: 2, padding: 1 }),
    (layer, x) => weigh(layer.forward(x)),
  ),
  ofModule(
    "convolution in groups",
    [4, 5, 5],
    (device) => new Conv2d(4, 6, 3, { random: 0, device, groups: 2 }),
    (layer, x) => weigh(layer.forward(x)),
  ),
  ofShapes(
    "transposed convolution",
    [3, 4, 4],
    [[3, 2, 3, 3], [2]],
    (x, [weight, bias]) => convTranspose2d(x, weight, { bias, stride: 2 }),
  ),
  ofModule(
    "group norm",
    [4, 3, 3],
    (device) => new GroupNorm(2, 4, { device }),
    (layer, x) => weigh(layer.forward(x)),
  ),
  ofModule(
    "batch norm by running statistics",
    [3, 4, 4],
    (device) => new BatchNorm2d(3, { device }).evaluate(),
    (layer, x) => weigh(layer.forward(x)),
  ),
  ofModule(
    "patch embedding",
    [3, 8, 8],
    (device) => new PatchEmbedding(4, 6, { random: 0, device, inputs: ["rgb", "log-dct"] }),
    (layer, x) => weigh(layer.forward(x)),
  ),
  ofShapes(
    "an embedding table, indices within a sample repeating",
    [1],
    [[5, 3]],
    (x, [table], first) => {
      const index = Int32Array.from(
        { length: 4 * x.shape[0] },
        (_, at) => ((4 * first + at) ** 2) % 5,
      );
      return embedding(table, tensor(index, { shape: [x.shape[0], 4], device: x.device }))
        .mul(x.reshape([-1, 1, 1]));
    },
  ),
  ofShapes(
    "a class token and positions",
    [3, 4],
    [[1, 1, 4], [1, 4, 4]],
    (x, [token, positions]) => {
      const tokens = token.expand([x.shape[0], 1, 4]);
      return tokens.add(x.sum(1, { keepAxes: true }).mul(tokens)).add(positions).tanh();
    },
  ),
  ofShapes(
    "a weight used twice",
    [3, 4],
    [[4, 4]],
    (x, [w]) => matmul(gelu(matmul(x, w)), w, { transposeB: true }),
  ),
  ofShapes(
    "a weight tied to a table, and a scale used twice",
    [4],
    [[5, 4], [4]],
    (x, [w, scale], first) => {
      const index = Int32Array.from({ length: x.shape[0] }, (_, at) => (first + at) % 3);
      const rows = embedding(w, tensor(index, { device: x.device }));
      return matmul(x.mul(scale).add(rows).tanh().mul(scale), w, { transposeB: true });
    },
  ),
  ofShapes("a weight multiplied by itself elementwise", [4], [[4]], (x, [w]) => {
    const y = x.mul(w);
    return y.mul(w);
  }),
  ofModule(
    "a multilayer perceptron behind attention, their dropout switched off",
    [4, 8],
    (device) =>
      new Sequential([
        new MultiHeadAttention(8, 2, { random: 0, device, dropout: 0.3 }),
        new Mlp(8, 12, 8, { random: 1, device, dropout: 0.3 }),
      ]).evaluate(),
    (both, x) => weigh(both.forward(x)),
  ),
  ofModule(
    "low-rank updates beside the weights, branches dropped in training alone",
    [3, 8, 8],
    (device) => {
      const encoder = VisionTransformer.create({
        imageSize: 8,
        patchSize: 4,
        width: 8,
        heads: 2,
        depth: 1,
        dropPath: 0.2,
        classes: 2,
        device,
      });
      tune(encoder, { way: "low-rank", rank: 2 });
      return encoder.evaluate();
    },
    (encoder, x) => weigh(encoder.forward(x)),
  ),
  ofShapes(
    "a singular component: two vectors and the value between them",
    [3, 4],
    [[2, 4], [2, 1], [2, 3]],
    (x, [right, value, left]) => {
      const along = matmul(x, right, { transposeB: true }).reshape([x.shape[0], 3, 2, 1]);
      return along.mul(value).mul(left).reshape([x.shape[0], 3, 6]);
    },
  ),
  ofModule(
    "a small image encoder of CLIP, with its projection",
    [3, 8, 8],
    (device) =>
      ClipImageEncoder.create({
        model: "clip-vit-b32",
        imageSize: 8,
        patchSize: 4,
        width: 8,
        depth: 1,
        heads: 2,
        projection: 6,
        device,
      }),
    (clip, x) => weigh(clip.project(clip.forward(x))),
  ),
  ofModule(
    "a checkpointed transformer block",
    [5, 8],
    (device) => new TransformerBlock(8, 2, { random: 0, device, layerScale: 0.5 }),
    (block, x) => {
      const captured = [...block.namedParameters().values()].map(({ value }) => value);
      return weigh(checkpoint((y) => block.forward(y), [x], captured));
    },
  ),
  ofModule(
    "a small vision transformer",
    [3, 16, 16],
    (device) =>
      VisionTransformer.create({
        imageSize: 16,
        patchSize: 8,
        width: 16,
        heads: 2,
        depth: 2,
        mlpRatio: 2,
        layerScale: 0.3,
        classes: 3,
        device,
      }),
    (vit, x, first, count) => {
      const labels = Int32Array.from({ length: count }, (_, at) => (first + at) % 3);
      const target = tensor(labels, { device: x.device });
      return crossEntropy(vit.forward(x), target, { reduction: "none" });
    },
  ),
];
