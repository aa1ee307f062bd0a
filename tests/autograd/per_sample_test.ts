// Statistics of single units' gradients against a plain loop of backward passes, one unit at a time.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { customGradient, gradients, perSampleStatistics } from "../../autograd/mod.ts";
import { GradientError, ShapeError } from "../../errors.ts";
import * as layers from "../../nn/mod.ts";
import { BatchNorm2d, Conv2d, Module } from "../../nn/mod.ts";
import { type Device, executorOf, scoped, slice, type Tensor, tensor } from "../../tensor/mod.ts";
import { allDevices } from "../conformance/devices.ts";
import { type Case, cases, kinds, numbers, samples, weigh } from "./per_sample_cases.ts";

/** What is allowed between sums and a loop's, relative to the largest element of each. */
const toleranceOf = (device: Device): number => device === "reference" ? 1e-9 : 1e-4;

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

for (const device of allDevices) {
  const tolerance = toleranceOf(device);
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

Deno.test("every kind of layer there is has gone through a case", () => {
  const missing = Object.entries(layers)
    .filter(([, each]) => typeof each === "function" && each.prototype instanceof Module)
    .map(([name]) => name)
    // Abstract, and one whose operations are a case of their own.
    .filter((name) => !["RandomMask", "SingularComponent"].includes(name) && !kinds.has(name));
  assertEquals(missing, []);
});

Deno.test("GSNR of units is that of a loop, for every device", () => {
  for (const device of allDevices) {
    scoped(() => {
      const made = cases.at(-1)!.make(device);
      const found = perSampleStatistics(made.losses(0, samples), made.targets);
      const single = loop(made, 1);
      const ratios = (sums: ArrayLike<number>, squares: ArrayLike<number>) =>
        Array.from(sums, (sum, at) => {
          const mean = sum / samples, noise = (squares[at] - sum * mean) / (samples - 1);
          return noise > 0 ? (mean * mean - noise / samples) / noise : 0;
        });
      // Where an element's noise is rounding there is no ratio to compare.
      found.forEach(({ sum, squares }, at) => {
        const columns = (f: (value: number) => number) =>
          single[at][0].map((_, i) => single[at].reduce((total, unit) => total + f(unit[i]), 0));
        const expectedSquares = columns((value) => value * value);
        const floor = largest(expectedSquares) * 1e-3;
        const expected = ratios(columns((value) => value), expectedSquares);
        ratios(sum.dataSync(), squares!.dataSync()).forEach((ratio, i) => {
          if (expectedSquares[i] < floor || Math.abs(expected[i]) > 10) return;
          assert(Math.abs(ratio - expected[i]) < 10 * toleranceOf(device), `${device} ${at} ${i}`);
        });
      });
    });
  }
});

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
