// Layers against closed forms: linear maps, norms, convolutions, dropping, initial values.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, ShapeError, ValueError } from "../../errors.ts";
import { gradients } from "../../autograd/mod.ts";
import {
  BatchNorm2d,
  classTokenReading,
  Conv2d,
  Dropout,
  DropPath,
  GroupNorm,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  LayerNorm,
  LayerScale,
  Linear,
  Mlp,
  MultiHeadAttention,
  normalValues,
  truncatedNormalValues,
  xavierNormal,
  xavierUniform,
} from "../../nn/mod.ts";
import { ones, RandomStream, randomUniform, type Tensor, tensor } from "../../tensor/mod.ts";
import { allDevices } from "../conformance/devices.ts";

const device = "reference";

function uniform(shape: number[], seed: number): Tensor {
  return randomUniform(shape, { random: new RandomStream(seed), low: -1, high: 1, device });
}

Deno.test("a linear layer is x weight' + bias, its activation after it", () => {
  const layer = new Linear(2, 2, { random: 0, device });
  layer.weight.value = tensor([[1, 2], [3, 4]], { device });
  layer.bias!.value = tensor([10, -100], { device });
  const x = tensor([[[1, 1], [2, -1]]], { device });
  assertEquals(layer.forward(x).toArray(), [[[13, -93], [10, -98]]]);
  assertEquals(layer.forward(x, "relu").toArray(), [[[13, 0], [10, 0]]]);
});

Deno.test("layer norm starts as plain standardization", () => {
  const [a, b] = new LayerNorm(2, { device, epsilon: 0 }).forward(tensor([[3, 7]], { device }))
    .dataSync();
  assertAlmostEquals(a, -1);
  assertAlmostEquals(b, 1);
});

Deno.test("group norm standardizes each group of channels", () => {
  const x = tensor([[[[1]], [[3]], [[10]], [[20]]]], { device });
  const y = new GroupNorm(2, 4, { device, epsilon: 0 }).forward(x).dataSync();
  [-1, 1, -1, 1].forEach((expected, at) => assertAlmostEquals(y[at], expected));
});

Deno.test("a convolution has PyTorch's parameter shapes and geometry", () => {
  const layer = new Conv2d(4, 6, [3, 1], {
    random: 0,
    device,
    stride: 2,
    padding: [1, 0],
    groups: 2,
  });
  assertEquals(layer.weight.shape, [6, 2, 3, 1]);
  assertEquals(layer.forward(ones([1, 4, 5, 5], { device })).shape, [1, 6, 3, 3]);
  assertThrows(() => new Conv2d(3, 6, 1, { random: 0, groups: 2 }), ShapeError, "groups");
});

for (const where of allDevices) {
  Deno.test(`batch norm uses the batch in training and running averages in evaluation on ${where}`, () => {
    const norm = new BatchNorm2d(1, { device: where, epsilon: 0, momentum: 0.5 });
    const x = tensor([[[[1, 2], [3, 6]]]], { device: where });
    // Mean 3; variance 14 / 4 of the population, 14 / 3 unbiased.
    assertAlmostEquals(norm.forward(x).dataSync()[3], 3 / Math.sqrt(3.5), 1e-6);
    assertEquals(norm.runningMean.value.toArray(), [0]);
    norm.afterFirstPass();
    assertAlmostEquals(norm.runningMean.value.item(), 1.5, 1e-6);
    assertAlmostEquals(norm.runningVar.value.item(), 0.5 + 0.5 * 14 / 3, 1e-6);
    assertEquals(norm.numBatchesTracked.value.toArray(), 1);
    norm.afterFirstPass();
    assertEquals(norm.numBatchesTracked.value.toArray(), 1);
    norm.evaluate();
    const deviation = Math.sqrt(0.5 + 7 / 3);
    assertAlmostEquals(norm.forward(x).dataSync()[3], 4.5 / deviation, 1e-6);
  });

  Deno.test(`dropout keeps the mean, follows its stream, and does nothing in evaluation on ${where}`, () => {
    const x = ones([40, 50], { device: where });
    const drop = new Dropout(0.25, 11);
    const y = drop.forward(x).dataSync();
    const kept = y.filter((value) => value !== 0);
    assert(kept.every((value) => Math.abs(value - 4 / 3) < 1e-6));
    assert(Math.abs(kept.length / 2000 - 0.75) < 0.03, `${kept.length} of 2000 were kept`);
    // The same seed drops the same values, on every device.
    assertEquals([...new Dropout(0.25, 11).forward(x).dataSync()], [...y]);
    const twin = new Dropout(0.25, 11).forward(ones([40, 50], { device })).dataSync();
    assertEquals(y.map((value) => value === 0 ? 0 : 1), y.map((_, at) => twin[at] === 0 ? 0 : 1));
    assert(drop.forward(x).dataSync().some((value, at) => value !== y[at]));
    assert(drop.evaluate().forward(x) === x);
  });
}

Deno.test("stochastic depth drops whole samples, and the gradient with them", () => {
  const x = ones([64, 3, 2], { device });
  const y = new DropPath(0.5, 5).forward(x);
  const rows = y.toArray() as number[][][];
  assert(rows.every((row) => row.flat().every((value) => value === row[0][0])));
  const dropped = rows.filter((row) => row[0][0] === 0).length;
  assert(dropped > 16 && dropped < 48, `${dropped} of 64 were dropped`);
  assertEquals(gradients(y.sum(), [x])[0].toArray(), y.toArray());
});

Deno.test("a rate of dropping lies in [0, 1)", () => {
  assertThrows(() => new Dropout(1, 0), ValueError, "[0, 1)");
  assertThrows(() => new DropPath(-0.1, 0), ValueError, "[0, 1)");
});

Deno.test("layer scale multiplies each feature", () => {
  const scale = new LayerScale(2, 0.5, { device });
  assertEquals(scale.forward(tensor([[2, 4]], { device })).toArray(), [[1, 2]]);
});

Deno.test("a perceptron is its two layers with the activation between them", () => {
  const mlp = new Mlp(3, 5, 2, { random: 7, device, activation: "tanh" });
  const x = uniform([4, 3], 1);
  const hidden = mlp.fc1.forward(x).tanh();
  assertEquals(mlp.forward(x).toArray(), mlp.fc2.forward(hidden).toArray());
});

Deno.test("heads divide the width", () => {
  assertThrows(() => new MultiHeadAttention(10, 3, { random: 0 }), ConfigError, "do not divide");
});

Deno.test("inspecting attention changes nothing and tells what the class token reads", () => {
  const [batch, tokens, width, heads] = [2, 5, 6, 2];
  const attention = new MultiHeadAttention(width, heads, { random: 3, device });
  attention.qkv.weight.value = uniform([3 * width, width], 4);
  const x = uniform([batch, tokens, width], 5);
  const { output, reading } = attention.inspect(x);
  assertEquals(output.toArray(), attention.forward(x).toArray());
  assertEquals(reading.origin, undefined);

  // The same by plain loops.
  const packed = attention.qkv.forward(x).toArray() as number[][][];
  const headWidth = width / heads;
  const expected = packed.map((sample) => {
    const sums = new Array<number>(tokens).fill(0);
    for (let head = 0; head < heads; head++) {
      const part = (token: number, which: number) =>
        sample[token].slice(
          which * width + head * headWidth,
          which * width + (head + 1) * headWidth,
        );
      const dot = (a: number[], b: number[]) =>
        a.reduce((sum, value, at) => sum + value * b[at], 0);
      const weights = sample.map((_, token) =>
        Math.exp(dot(part(0, 0), part(token, 1)) / Math.sqrt(headWidth))
      );
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      weights.forEach((weight, token) => {
        const value = part(token, 2);
        sums[token] += weight / total * Math.sqrt(dot(value, value));
      });
    }
    return sums;
  });
  const found = reading.toArray() as number[][];
  expected.flat().forEach((value, at) => assertAlmostEquals(found.flat()[at], value, 1e-12));
  assertEquals(classTokenReading(attention.qkv.forward(x), heads).toArray(), found);
});

/** Mean and standard deviation of many draws, and the largest magnitude. */
function spreadOf(initialize: Initializer, shape: number[]) {
  const values = initialize(shape, new RandomStream(9));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return {
    mean,
    deviation: Math.sqrt(variance),
    largest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  };
}

Deno.test("initial values have the spread that their papers give them", () => {
  const shape = [64, 32, 3, 3];
  const [inputs, outputs] = [32 * 9, 64 * 9];
  const cases: [string, Initializer, number, number][] = [
    ["Xavier normal", xavierNormal(), Math.sqrt(2 / (inputs + outputs)), Infinity],
    ["Xavier uniform", xavierUniform(2), 2 * Math.sqrt(2 / (inputs + outputs)), Infinity],
    ["Kaiming normal", kaimingNormal(), Math.sqrt(2 / inputs), Infinity],
    ["Kaiming outputs", kaimingNormal({ fan: "outputs" }), Math.sqrt(2 / outputs), Infinity],
    ["Kaiming uniform", kaimingUniform({ slope: 1 }), Math.sqrt(1 / inputs), Math.sqrt(3 / inputs)],
    ["normal", normalValues(0.3), 0.3, Infinity],
    ["truncated normal", truncatedNormalValues(0.02), 0.02, 2],
    // Conditioned on [-2, 2], a standard normal has variance 1 - 4 phi(2) / (2 Phi(2) - 1).
    ["cut normal", truncatedNormalValues(1), Math.sqrt(0.77373), 2],
  ];
  for (const [name, initialize, deviation, bound] of cases) {
    const { mean, deviation: found, largest } = spreadOf(initialize, shape);
    assert(Math.abs(mean) < 0.03 * deviation, `${name}: mean ${mean}`);
    assert(Math.abs(found / deviation - 1) < 0.02, `${name}: ${found} instead of ${deviation}`);
    assert(largest <= bound * (1 + 1e-6), `${name}: ${largest} is beyond ${bound}`);
  }
});

Deno.test("equal seeds give equal layers, each parameter from its own stream", () => {
  const [a, b] = [0, 0].map((random) => new Linear(8, 8, { random, device }));
  assertEquals(a.weight.value.toArray(), b.weight.value.toArray());
  const weights = [...a.weight.value.dataSync()].slice(0, 8);
  assert(weights.some((value, at) => value !== a.bias!.value.dataSync()[at]));
});
