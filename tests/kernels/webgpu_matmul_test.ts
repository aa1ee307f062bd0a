// The WebGPU matrix product against the reference executor, over awkward shapes, layouts and both classes of adapters.

import { assert, assertThrows } from "@std/assert";
import { DTypeError } from "../../errors.ts";
import * as scalar from "../../kernels/expression/mod.ts";
import type { KernelParameters } from "../../kernels/kernel.ts";
import { assertClose, oddLengths, randomNumbers, runKernel } from "./harness.ts";
import { compareClasses, reference, runOnClasses } from "./webgpu_classes.ts";
import { runOnWebGpu, testOnWebGpu } from "./webgpu_harness.ts";

type Parameters = KernelParameters["matmul"];

/** A product of single contiguous matrices, with what differs. */
function product(rows: number, columns: number, depth: number, rest: Partial<Parameters> = {}) {
  return {
    batch: [],
    batchStridesA: [],
    batchStridesB: [],
    rows,
    columns,
    depth,
    transposeA: false,
    transposeB: false,
    bias: false,
    ...rest,
  } satisfies Parameters;
}

/** Elements from the first to the last one that a batch of matrices touches. */
function extent(batch: readonly number[], strides: readonly number[], matrix: number): number {
  if (batch.includes(0) || matrix === 0) return 0;
  return batch.reduce((sum, length, axis) => sum + (length - 1) * strides[axis], matrix);
}

/** Compares a product with the reference; the tolerance is relative to the sum of magnitudes of what is added. */
function check(parameters: Parameters): void {
  const { batch, batchStridesA, batchStridesB, rows, columns, depth, bias } = parameters;
  const operands = [
    randomNumbers(extent(batch, batchStridesA, rows * depth), 1),
    randomNumbers(extent(batch, batchStridesB, depth * columns), 2),
    ...(bias ? [randomNumbers(columns, 3)] : []),
  ];
  const count = batch.reduce((total, length) => total * length, rows * columns);
  const [expected, magnitudes] = [operands, operands.map((each) => each.map(Math.abs))].map((
    each,
  ) => runKernel(reference, "matmul", parameters, each.map((data) => ({ data })), [{ count }])[0]);
  const bound = operands.map((data) => ({ data }));
  for (const { adapterClass, actual } of runOnClasses("matmul", parameters, bound, [{ count }])) {
    actual[0].forEach((value, i) => {
      const difference = Math.abs(value - expected[i]);
      assert(
        difference <= 1e-6 * magnitudes[i],
        `${JSON.stringify(parameters)} ${adapterClass}, element ${i}: ${value}, expected ${
          expected[i]
        }`,
      );
    });
  }
}

const flags = [false, true];

testOnWebGpu("matmul agrees with the reference for every odd shape, transposed or not", () => {
  for (const rows of oddLengths) {
    for (const columns of oddLengths) {
      for (const depth of oddLengths) {
        const work = rows * columns * depth;
        for (const transposeA of flags) {
          for (const transposeB of flags) {
            if (work > 65 ** 3 && (transposeA || !transposeB)) continue;
            check(product(rows, columns, depth, { transposeA, transposeB }));
          }
        }
      }
    }
  }
});

testOnWebGpu("matmul agrees for shapes of every tile, with and without a split depth", () => {
  const shapes = [
    [140, 72, 390],
    [32, 10, 256],
    [10, 16, 1300],
    [1, 300, 900],
    [4, 70, 2100],
    [600, 3, 70],
    [200, 520, 24],
  ] as const;
  for (const [rows, columns, depth] of shapes) {
    for (const transposeA of flags) {
      for (const transposeB of flags) {
        check(product(rows, columns, depth, { transposeA, transposeB, bias: transposeA }));
      }
    }
  }
});

testOnWebGpu("matmul of more tiles than one axis of a grid holds agrees", () => {
  check(product(5, 3, 2, { batch: [66_000], batchStridesA: [0], batchStridesB: [6] }));
});

testOnWebGpu("matmul of depth 0 is the bias, or 0", () => {
  for (const [rows, columns] of [[7, 9], [2, 9], [9, 2], [100, 100]]) {
    check(product(rows, columns, 0, { bias: true }));
    check(product(rows, columns, 0));
  }
});

testOnWebGpu("matmul adds a bias to every row", () => {
  for (const columns of oddLengths) {
    for (const rows of [13, 3, 1]) check(product(rows, columns, 9, { bias: true }));
  }
});

testOnWebGpu("matmul steps through batches by their strides, repeating where they are 0", () => {
  for (const [rows, columns, depth] of [[5, 9, 7], [3, 20, 6], [65, 65, 33], [20, 1, 8]]) {
    const a = rows * depth, b = depth * columns;
    const batches: Pick<Parameters, "batch" | "batchStridesA" | "batchStridesB">[] = [
      { batch: [4], batchStridesA: [a], batchStridesB: [b] },
      { batch: [4], batchStridesA: [a], batchStridesB: [0] },
      { batch: [4], batchStridesA: [0], batchStridesB: [b] },
      { batch: [2, 3], batchStridesA: [a, 2 * a], batchStridesB: [b, 0] },
      { batch: [2, 1, 3], batchStridesA: [0, 0, a], batchStridesB: [3 * b, b, b] },
      {
        batch: [2, 2, 2, 2],
        batchStridesA: [0, a, 0, 2 * a],
        batchStridesB: [b, 0, 2 * b, 0],
      },
      { batch: [0], batchStridesA: [a], batchStridesB: [b] },
    ];
    for (const batch of batches) {
      for (const transposeA of flags) {
        for (const transposeB of flags) {
          const rest = { ...batch, transposeA, transposeB, bias: transposeA !== transposeB };
          check(product(rows, columns, depth, rest));
        }
      }
    }
  }
});

testOnWebGpu("matmul splits the depth of a batch whose axes do not join", () => {
  const a = 5 * 900, b = 900 * 6;
  check(product(5, 6, 900, {
    batch: [2, 2, 2, 2],
    batchStridesA: [0, a, 0, 2 * a],
    batchStridesB: [b, 0, 2 * b, 0],
    bias: true,
  }));
});

testOnWebGpu("matmul's epilogue sees the product with its bias and further operands", () => {
  const epilogue = [scalar.gelu(scalar.input(0)), scalar.input(0).mul(scalar.input(1)).sub(1)];
  for (const [rows, columns, depth] of [[13, 21, 17], [3, 9, 900], [130, 40, 20], [40, 40, 900]]) {
    const [a, b, bias, more] = [rows * depth, depth * columns, columns, rows * columns]
      .map((count, i) => ({ data: randomNumbers(count, i) }));
    for (const withBias of flags) {
      const parameters = { ...product(rows, columns, depth), bias: withBias, epilogue };
      const results = epilogue.map(() => ({ count: rows * columns }));
      const bound = withBias ? [a, b, bias, more] : [a, b, more];
      const tolerance = { absolute: 1e-6 * (depth + 3) * 8, relative: 1e-5 };
      compareClasses("matmul", parameters, bound, results, tolerance);
    }
  }
});

testOnWebGpu("matmul lets infinities through in their own row and column only", () => {
  const rows = 7, columns = 11, depth = 6;
  const a = randomNumbers(rows * depth, 1), b = randomNumbers(depth * columns, 2);
  a[3 * depth + 2] = Infinity;
  b[4 * columns + 5] = Infinity;
  const operands = [{ data: a }, { data: b }];
  const results = [{ count: rows * columns }];
  for (
    const { actual: [values] } of runOnClasses(
      "matmul",
      product(rows, columns, depth),
      operands,
      results,
    )
  ) {
    values.forEach((value, i) => {
      const isTouched = Math.floor(i / columns) === 3 || i % columns === 5;
      assert(Number.isFinite(value) !== isTouched, `element ${i}: ${value}`);
    });
  }
});

testOnWebGpu("matmul reads one buffer as both operands", () => {
  const data = randomNumbers(81, 5);
  const [actual] = runOnWebGpu("matmul", product(9, 9, 9), [{ data }, { data }], [{ count: 81 }]);
  const [expected] = runKernel(reference, "matmul", product(9, 9, 9), [{ data }, { data }], [{
    count: 81,
  }]);
  assertClose(actual, expected, { absolute: 1e-5 });
});

testOnWebGpu("matmul refuses integers by name", () => {
  const operands = [{ data: new Int32Array(4), dtype: "int32" as const }, {
    data: new Float32Array(4),
  }];
  assertThrows(
    () => runOnWebGpu("matmul", product(2, 2, 2), operands, [{ count: 4 }]),
    DTypeError,
    "matmul: computes in float32, got int32, float32, float32",
  );
});
