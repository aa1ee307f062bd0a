// Effort: a weight taken apart is the same weight; what learns is its last singular component and nothing else.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { ConfigError, NumericError } from "../../errors.ts";
import {
  addSingularComponent,
  frozenBlocks,
  Linear,
  mergeSingularComponents,
  mergeTuned,
  singularLengthLoss,
  tune,
  VisionTransformer,
} from "../../nn/mod.ts";
import { lastSingularTriple } from "../../nn/singular.ts";
import {
  copyInto,
  matmul,
  mul,
  RandomStream,
  randomUniform,
  sub,
  sum,
  type Tensor,
  transpose,
} from "../../tensor/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";

const device = "reference";

function draw(shape: readonly number[], seed: number): Tensor {
  return randomUniform([...shape], { random: new RandomStream(seed), low: -1, high: 1, device });
}

/** An orthogonal matrix from reflections, row by row. */
function orthogonal(size: number, random: RandomStream): number[][] {
  const matrix = Array.from(
    { length: size },
    (_, i) => Array.from({ length: size }, (_, j): number => i === j ? 1 : 0),
  );
  for (let reflection = 0; reflection < size; reflection++) {
    const axis = Array.from({ length: size }, () => random.normal());
    const length = Math.hypot(...axis);
    for (const row of matrix) {
      const along = 2 * row.reduce((total, value, at) => total + value * axis[at], 0) / length ** 2;
      row.forEach((_, at) => row[at] -= along * axis[at]);
    }
  }
  return matrix;
}

/** U diag(values) V' with random U [rows, n] and V [columns, n]. */
function matrixOf(values: readonly number[], rows: number, columns: number, seed: number) {
  const random = new RandomStream(seed);
  const u = orthogonal(rows, random), v = orthogonal(columns, random);
  const matrix = new Float64Array(rows * columns);
  values.forEach((value, k) => {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) matrix[i * columns + j] += u[i][k] * value * v[j][k];
    }
  });
  return { matrix, u, v };
}

for (const [rows, columns] of [[12, 12], [20, 9], [7, 16]]) {
  Deno.test(`the last singular triple of a ${rows} x ${columns} matrix is the one it was made with`, () => {
    const count = Math.min(rows, columns);
    // Close neighbours: 0.02 and 0.021.
    const values = [0.02, 0.021, ...Array.from({ length: count - 2 }, (_, k) => 0.5 + k)];
    const { matrix, u, v } = matrixOf(values, rows, columns, rows);
    const { left, value, right } = lastSingularTriple(matrix, rows, columns);
    assertAlmostEquals(value, 0.02, 1e-9);
    const alongLeft = left.reduce((total, each, at) => total + each * u[at][0], 0);
    const alongRight = right.reduce((total, each, at) => total + each * v[at][0], 0);
    assertAlmostEquals(Math.abs(alongLeft), 1, 1e-6);
    assertAlmostEquals(Math.abs(alongRight), 1, 1e-6);
    assertEquals(Math.sign(alongLeft), Math.sign(alongRight));
  });
}

Deno.test("a matrix without full rank, or with NaN, has no last component to train", () => {
  const { matrix } = matrixOf([0, 1, 2, 3], 4, 4, 1);
  assertThrows(() => lastSingularTriple(matrix, 4, 4), NumericError, "rank");
  assertThrows(() => lastSingularTriple(new Float64Array(4).fill(NaN), 2, 2), NumericError);
});

/** The weight a layer stands for. */
function wholeWeight(layer: Linear): Tensor {
  return layer.singular ? layer.weight.value.add(layer.singular.product()) : layer.weight.value;
}

Deno.test("a layer taken apart is the layer it was, and put together has its names again", () => {
  const layer = new Linear(6, 18, { random: 1, device });
  const x = draw([5, 6], 2);
  const names = [...layer.namedParameters().keys()];
  const before = layer.forward(x).dataSync();
  const weight = layer.weight.value.dataSync().slice();
  const close = (found: ArrayLike<number>, wanted: ArrayLike<number>, what: string) =>
    assertClose(found, wanted, { tolerance: 1e-14, floor: magnitudeOf(wanted) }, what);
  addSingularComponent(layer, 3);
  close(wholeWeight(layer).dataSync(), weight, "weight");
  close(layer.forward(x).dataSync(), before, "output");
  // Each part of 6 x 6 lost one of its six singular values: what is left has a null vector, the right one.
  const { left, right } = layer.singular!;
  for (let part = 0; part < 3; part++) {
    const rows = layer.weight.value.slice([6 * part, 6 * part + 6]);
    const image = matmul(rows, transpose(right.value.slice([part, part + 1]))).dataSync();
    assert(image.every((value) => Math.abs(value) < 1e-7), "the right vector's image");
    const back = matmul(left.value.slice([part, part + 1]), rows).dataSync();
    assert(back.every((value) => Math.abs(value) < 1e-7), "the left vector's image");
  }
  assertEquals(mergeSingularComponents(layer), 1);
  assertEquals([...layer.namedParameters().keys()], names);
  close(layer.weight.value.dataSync(), weight, "merged");
});

Deno.test("the component's gradients are those of the weight it stands for", () => {
  const layer = new Linear(4, 8, { random: 3, device });
  addSingularComponent(layer, 2);
  const { left, value, right } = layer.singular!;
  const x = draw([5, 4], 4), outputGradient = draw([5, 8], 5);
  const parts = [left.value, value.value, right.value];
  const found = gradients(sum(mul(layer.forward(x), outputGradient)), parts);
  // d loss / d W = G' x, part by part; W = u s v'.
  const ofWeight = matmul(transpose(outputGradient), x);
  for (let part = 0; part < 2; part++) {
    const block = ofWeight.slice([4 * part, 4 * part + 4]);
    const row = (tensor: Tensor) => tensor.slice([part, part + 1]);
    const [u, s, v] = parts.map(row);
    const wanted = [
      mul(matmul(v, transpose(block)), s),
      matmul(matmul(u, block), transpose(v)),
      mul(matmul(u, block), s),
    ];
    wanted.forEach((tensor, at) => {
      const values = tensor.dataSync();
      const options = { tolerance: 1e-10, floor: magnitudeOf(values) };
      assertClose(row(found[at]).dataSync(), values, options, ["left", "value", "right"][at]);
    });
  }
});

Deno.test("tuned by effort, each attention weight may change by one component beside the frozen rest", () => {
  const options = { imageSize: 8, patchSize: 4, width: 8, depth: 3, heads: 2 } as const;
  const model = VisionTransformer.create({ ...options, preset: "tiny", device });
  const tuned = tune(model, { way: "effort", blocks: 2 });
  // Four weights [8, 8] in each of two blocks, 8 + 1 + 8 numbers each; and the head.
  assertEquals(tuned.count, 2 * 4 * 17 + 2 * 8 + 2);
  assertEquals(frozenBlocks(model), 1);
  const layer = model.blocks[2].attn.proj;
  const frozen = layer.weight.value.dataSync().slice();
  const { left, value, right } = layer.singular!;
  for (const [at, cell] of [left, value, right].entries()) {
    copyInto(cell.value, cell.value.add(draw(cell.shape, 10 + at).mul(0.3)));
  }
  assertEquals([...layer.weight.value.dataSync()], [...frozen]);
  // What was added is of rank one: every 2 x 2 minor is zero.
  const added = sub(wholeWeight(layer), layer.weight.value).toArray() as number[][];
  for (let i = 1; i < 8; i++) {
    for (let j = 1; j < 8; j++) {
      assertAlmostEquals(added[0][0] * added[i][j], added[0][j] * added[i][0], 1e-12);
    }
  }
  assertThrows(() => tune(model, { way: "low-rank" }), ConfigError, "merge");
  assertEquals(mergeTuned(model), 4);
});

Deno.test("the length loss is 0 where all vectors have length 1, and says how far they are from it", () => {
  const layer = new Linear(4, 4, { random: 7, device });
  assertEquals(singularLengthLoss(layer), undefined);
  addSingularComponent(layer, 1);
  assertAlmostEquals(singularLengthLoss(layer)!.item(), 0, 1e-12);
  copyInto(layer.singular!.left.value, layer.singular!.left.value.mul(2));
  assertAlmostEquals(singularLengthLoss(layer)!.item(), 9, 1e-9);
});
