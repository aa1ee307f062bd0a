// Exported ONNX files: onnxruntime computes with them what we compute.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { runOnce } from "../../bench/run_once.ts";
import { CoritDetector, type DetectorOptions } from "../../corit/mod.ts";
import { FileError, UnsupportedError } from "../../errors.ts";
import { ClipImageEncoder } from "../../nn/mod.ts";
import { Dropout } from "../../nn/dropout.ts";
import {
  abs,
  argmax,
  clamp,
  concat,
  cumsum,
  elu,
  exp,
  expm1,
  flip,
  floor,
  gather,
  gelu,
  greater,
  log1p,
  logicalAnd,
  logSoftmax,
  max,
  min,
  notEqual,
  pointwise,
  pow,
  RandomStream,
  round,
  rsqrt,
  sign,
  slice,
  softplus,
  sort,
  square,
  sum,
  type Tensor,
  tensor,
  to,
  where,
} from "../../tensor/mod.ts";
import { encodeOnnx, saveOnnx } from "../../weights/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";

/** Grey levels, [batch, 3, size, size]. */
function noise(shape: readonly number[], seed = 5): Float32Array {
  const random = new RandomStream(seed);
  const length = shape.reduce((product, each) => product * each, 1);
  return Float32Array.from({ length }, () => random.integer(256));
}

/** A function, the shape of what it takes, and how near onnxruntime comes. */
interface Exported {
  readonly name: string;
  readonly compute: (x: Tensor) => Tensor;
  readonly shape: readonly number[];
}

const tiny: DetectorOptions = {
  ...{ imageSize: 32, patchSize: 8, width: 24, depth: 3, heads: 2, seed: 4 },
  inputs: ["rgb", "log-dct"],
};

/** A detector of some kind. */
function detector(name: string, options: DetectorOptions): Exported {
  const made = CoritDetector.create({ ...tiny, ...options });
  return { name, compute: (x) => made.probabilities(x), shape: [3, 3, 32, 32] };
}

const clip = ClipImageEncoder.create({
  ...{ imageSize: 32, patchSize: 8, width: 24, depth: 2, heads: 2, projection: 8, seed: 1 },
}).evaluate();

/** What detectors do not use, on numbers of both signs. */
function others(x: Tensor): Tensor {
  const v = x.sub(128).div(40);
  const { values } = sort(v, { axis: 1 });
  const chosen = gather(v, tensor(Int32Array.of(2, 0, 1, 1), { shape: [1, 4] }).expand([5, 4]), 1);
  const flags = where(logicalAnd(greater(v, 0), notEqual(round(v), 1)), floor(v), sign(v));
  const parts = [
    values,
    chosen,
    flags,
    flip(v, 1),
    slice(v, undefined, [1, 3]),
    cumsum(v, 1),
    clamp(v, -1, 0.5).add(abs(v)),
    exp(v.neg()).add(expm1(v)).add(log1p(square(v))),
    pow(abs(v).add(0.1), 1.3).mul(rsqrt(square(v).add(1))),
    gelu(v).add(gelu(v, "tanh")).add(elu(v)).add(softplus(v)),
    logSoftmax(v),
    to(argmax(v, 1), "float32").reshape([5, 1]),
    max(v, 1, { keepAxes: true }).sub(min(v, 1, { keepAxes: true })),
    sum(square(v), 1, { keepAxes: true }),
  ];
  return concat(parts, 1);
}

const exported: Exported[] = [
  detector("a vision transformer", { kind: "vit" }),
  detector("a vision transformer with a class token", { kind: "vit", pooling: "token" }),
  detector("CoRIT's hierarchy", {}),
  detector("all of CoRIT by prototypes", { proxy: "prototype", rrm: true, rsi: true }),
  detector("all of CoRIT by attention", { proxy: "attention", rrm: true, rsi: true }),
  detector("all of CoRIT by another view", { proxy: "view", rrm: true, rsi: true }),
  detector("all of CoRIT by neighbours, high-pass input", {
    ...{ proxy: "neighbour", rrm: true, rsi: true, inputs: ["rgb", "high-pass"] },
  }),
  { name: "a CLIP encoder", compute: (x) => clip.forward(x), shape: [2, 3, 32, 32] },
  { name: "other operations", compute: others, shape: [5, 4] },
];

Deno.test("onnxruntime computes with exported files what we compute", async () => {
  const results = await runOnce(
    "onnx_run.ts",
    exported.map(({ compute, shape }) => ({
      model: encodeOnnx(compute, { shape }),
      input: noise(shape),
      shape,
    })),
  );
  for (const [at, { name, compute, shape }] of exported.entries()) {
    const ours = compute(tensor(noise(shape), { shape }));
    const { output } = results[at];
    assertEquals(output.shape, ours.shape, name);
    const floor = magnitudeOf(output.data);
    assertClose(ours.dataSync(), output.data, { tolerance: 1e-5, floor }, name);
  }
});

Deno.test("what a graph cannot say is refused by name", async () => {
  const shape = [2, 3];
  const refuses = (compute: (x: Tensor) => Tensor, words: string) =>
    assertThrows(() => encodeOnnx(compute, { shape }), UnsupportedError, words);
  refuses((x) => x.dataSync()[0] > 0 ? x : x.neg(), "decides on values");
  const dropout = new Dropout(0.5, new RandomStream(0));
  refuses((x) => dropout.forward(x), "random");
  const bits = pointwise((x) => x.add(1));
  await assertRejects(() => saveOnnx("/nowhere/x.onnx", bits, { shape }), FileError, "/nowhere");
});
