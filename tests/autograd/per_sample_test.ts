// Statistics of single units' gradients against a plain loop of backward passes, one unit at a time.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { checkpoint, customGradient, gradients, perSampleStatistics } from "../../autograd/mod.ts";
import { GradientError, ShapeError } from "../../errors.ts";
import {
  BatchNorm2d,
  Conv2d,
  GroupNorm,
  LayerNorm,
  Linear,
  type Module,
  PatchEmbedding,
  TransformerBlock,
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
  scoped,
  slice,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";

/** What is allowed between sums and a loop's, relative to the largest element of each. */
const tolerances: readonly (readonly [Device, number])[] = [["reference", 1e-9], ["wasm", 1e-4]];

/** A computation of one loss for each sample. */
interface Case {
  readonly name: string;
  /** Parameters, and the losses of the samples `first` to `first + count - 1`. */
  make(device: Device): {
    readonly targets: readonly Tensor[];
    readonly losses: (first: number, count: number) => Tensor;
  };
}

const samples = 6;

function numbers(shape: readonly number[], seed: number, device: Device): Tensor {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  new RandomStream(seed).fillNormal(values);
  return tensor(values, { shape, device, dtype: executorOf(device).defaultDType });
}

/** One number for each sample that depends on every element in another way. */
function weigh(y: Tensor, seed = 9): Tensor {
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

const cases: readonly Case[] = [
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

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function assertNear(
  actual: Tensor,
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  const data = actual.dataSync();
  assertEquals(data.length, expected.length, what);
  const bound = tolerance * Math.max(largest(expected), 1e-3);
  data.forEach((value, at) => {
    assert(
      Math.abs(value - expected[at]) <= bound,
      `${what}: element ${at} is ${value}, a loop gives ${expected[at]}`,
    );
  });
}

/** Per target the gradients of every unit, each from a backward pass over that unit alone. */
function loop(
  { losses, targets }: ReturnType<Case["make"]>,
  samplesPerUnit: number,
): number[][][] {
  const byTarget: number[][][] = targets.map(() => []);
  for (let first = 0; first < samples; first += samplesPerUnit) {
    scoped(() => {
      const loss = losses(first, samplesPerUnit).mean();
      gradients(loss, targets).forEach((gradient, at) =>
        byTarget[at].push([...gradient.dataSync()])
      );
    });
  }
  return byTarget;
}

for (const [device, tolerance] of tolerances) {
  for (const each of cases) {
    Deno.test(`${device}: ${each.name} has the statistics of single backward passes`, () => {
      scoped(() => {
        for (const samplesPerUnit of [1, 2]) {
          const made = each.make(device);
          const units = samples / samplesPerUnit;
          const single = loop(made, samplesPerUnit);
          const found = perSampleStatistics(made.losses(0, samples), made.targets, {
            samplesPerUnit,
            norms: true,
          });
          const withGradients = perSampleStatistics(made.losses(0, samples), made.targets, {
            samplesPerUnit,
            gradients: true,
          });
          found.forEach(({ sum, squares, squaredNorms, gradients }, at) => {
            const what = `target ${at}, units of ${samplesPerUnit}`;
            const columns = (f: (value: number) => number) =>
              single[at][0].map((_, element) =>
                single[at].reduce((total, unit) => total + f(unit[element]), 0)
              );
            assertEquals(sum.shape, made.targets[at].shape);
            assertEquals(gradients, undefined);
            assertNear(sum, columns((value) => value), tolerance, `sum of ${what}`);
            assertNear(
              squares!,
              columns((value) => value * value),
              tolerance,
              `squares of ${what}`,
            );
            const norms = single[at].map((unit) => unit.reduce((total, g) => total + g * g, 0));
            assertNear(squaredNorms!, norms, tolerance, `norms of ${what}`);
            const own = withGradients[at].gradients!;
            assertEquals(own.shape, [units, ...made.targets[at].shape]);
            assertNear(own, single[at].flat(), tolerance, `gradients of ${what}`);
          });
        }
      });
    });
  }
}

Deno.test("a target that no loss depends on has statistics of zero", () => {
  const x = tensor([[1], [2]]), w = tensor([[3]]), other = tensor([1, 2]);
  const losses = x.matmul(w).reshape([2]);
  const [, zero] = perSampleStatistics(losses, [w, other], { norms: true, gradients: true });
  assertEquals(zero.squares!.toArray(), [0, 0]);
  assertEquals(zero.squaredNorms!.toArray(), [0, 0]);
  assertEquals(zero.gradients!.toArray(), [[0, 0], [0, 0]]);
});

Deno.test("what mixes the batch is refused by name", () => {
  const x = numbers([4, 3, 2, 2], 0, "reference");
  const conv = new Conv2d(3, 3, 1, { random: 0, device: "reference" });
  const norm = new BatchNorm2d(3, { device: "reference" });
  const targets = [conv.weight.value, norm.weight.value];
  const trained = weigh(norm.forward(conv.forward(x)));
  assertThrows(() => perSampleStatistics(trained, targets), GradientError, "batch norm");
  // Even where nothing that is asked for lies before the statistics.
  const first = weigh(norm.forward(x));
  assertThrows(() => perSampleStatistics(first, targets), GradientError, "single units");
  const w = numbers([3, 2], 1, "reference"), flat = numbers([4, 3], 2, "reference");
  const features = flat.matmul(w);
  const pairs = features.matmul(features, { transposeB: true });
  assertThrows(() => perSampleStatistics(pairs.sum(1), [w]), GradientError, "joins");
  const first2 = slice(features, [0, 2]).sum(1), last2 = slice(features, [2, 4]).sum(1);
  assertThrows(() => perSampleStatistics(first2.mul(last2), [w]), GradientError, "slice");
  assertThrows(
    () => perSampleStatistics(features.softmax(0).sum(1), [w]),
    GradientError,
    "softmax",
  );
});

Deno.test("one unit may do inside what it likes: a pair with the statistics of batch norm", () => {
  const x = numbers([2, 3, 2, 2], 0, "reference");
  const norm = new BatchNorm2d(3, { device: "reference" });
  const losses = weigh(norm.forward(x));
  const targets = [norm.weight.value];
  const [{ sum }] = perSampleStatistics(losses, targets, { samplesPerUnit: 2 });
  assertNear(sum, [...gradients(losses.mean(), targets)[0].dataSync()], 1e-12, "sum");
});

Deno.test("a parameter changed by more than its shape, and custom gradients, are refused", () => {
  const x = numbers([4, 3], 0, "reference"), w = numbers([3, 2], 1, "reference");
  const losses = x.matmul(w.mul(2)).sum(1);
  assertThrows(() => perSampleStatistics(losses, [w]), GradientError, "reshape and permute");
  const custom = customGradient([x, w], (a, b) => a.matmul(b), () => [undefined, undefined]);
  assertThrows(() => perSampleStatistics(custom.sum(1), [w]), GradientError, "custom gradient");
  assertThrows(() => perSampleStatistics(x, [w]), ShapeError, "losses [samples]");
  assertThrows(
    () => perSampleStatistics(x.sum(1), [w], { samplesPerUnit: 3 }),
    ShapeError,
    "whole units of 3",
  );
});

Deno.test("statistics leave nothing behind but what they return", () => {
  const executor = executorOf("reference");
  const x = numbers([4, 5, 3], 0, "reference"), w = numbers([3, 2], 1, "reference");
  const losses = x.matmul(w).tanh().matmul(w, { transposeB: true }).sum([1, 2]);
  const before = executor.memory().buffers;
  const [{ squares }] = perSampleStatistics(losses, [w]);
  assertEquals(squares!.shape, [3, 2]);
  assertEquals(executor.memory().buffers, before + 2);
});
