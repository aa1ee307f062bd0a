// The WebAssembly matrix product against plain float64 loops, over awkward shapes, layouts and thread counts.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DTypeError } from "../../errors.ts";
import * as scalar from "../../kernels/expression/mod.ts";
import type { KernelParameters } from "../../kernels/kernel.ts";
import { PACKED_FLOATS, planProduct } from "../../kernels/wasm/matmul_plan.ts";
import {
  assertClose,
  oddLengths,
  randomNumbers,
  randomSource,
  runKernel,
  runOnThreads,
  wasmExecutor,
} from "./harness.ts";

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

/** The product in float64, with the sum of magnitudes that bounds its rounding error. */
function expectedProduct(p: Parameters, a: Float32Array, b: Float32Array, bias: Float32Array) {
  const { batch, rows, columns, depth } = p;
  const count = batch.reduce((total, length) => total * length, 1);
  const values = new Float64Array(count * rows * columns);
  const magnitudes = new Float64Array(values.length);
  for (let entry = 0; entry < count; entry++) {
    let startA = 0, startB = 0, rest = entry;
    for (let axis = batch.length - 1; axis >= 0; axis--) {
      const index = rest % batch[axis];
      rest = Math.floor(rest / batch[axis]);
      startA += index * p.batchStridesA[axis];
      startB += index * p.batchStridesB[axis];
    }
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = p.bias ? bias[j] : 0, magnitude = Math.abs(sum);
        for (let k = 0; k < depth; k++) {
          const left = a[startA + (p.transposeA ? k * rows + i : i * depth + k)];
          const right = b[startB + (p.transposeB ? j * depth + k : k * columns + j)];
          sum += left * right;
          magnitude += Math.abs(left * right);
        }
        values[(entry * rows + i) * columns + j] = sum;
        magnitudes[(entry * rows + i) * columns + j] = magnitude;
      }
    }
  }
  return { values, magnitudes };
}

/** Runs a product on 1, 2 and 3 threads and compares it with float64 loops. */
async function check(p: Parameters, what: string): Promise<void> {
  const { batch, rows, columns, depth } = p;
  const a = randomNumbers(extent(batch, p.batchStridesA, rows * depth), 1);
  const b = randomNumbers(extent(batch, p.batchStridesB, depth * columns), 2);
  const bias = randomNumbers(columns, 3);
  const { values, magnitudes } = expectedProduct(p, a, b, bias);
  const operands = p.bias ? [a, b, bias] : [a, b];
  const results = [{ count: values.length }];
  const [actual] = await runOnThreads("matmul", p, operands.map((data) => ({ data })), results);
  for (let i = 0; i < values.length; i++) {
    const difference = Math.abs(actual[i] - values[i]);
    // Sums of float32 numbers: errors relative to the sum of magnitudes.
    if (!(difference <= 1e-6 * magnitudes[i])) {
      throw new Error(`${what}, element ${i}: ${actual[i]}, expected ${values[i]}`);
    }
  }
}

const flags = [false, true];

Deno.test("matmul agrees with float64 loops for every odd shape, transposed or not", async () => {
  for (const rows of oddLengths) {
    for (const columns of oddLengths) {
      for (const depth of oddLengths) {
        // The largest shapes once each: what they add is in the next test.
        const small = rows * columns * depth <= 65 * 65 * 65;
        for (const transposeA of flags) {
          for (const transposeB of flags) {
            if (!small && transposeA !== transposeB) continue;
            const p = product(rows, columns, depth, { transposeA, transposeB });
            await check(p, `${rows}x${columns}x${depth} ${transposeA} ${transposeB}`);
          }
        }
      }
    }
  }
});

Deno.test("matmul agrees where blocks, panels and the depth are cut", async () => {
  const shapes = [
    [640, 72, 390],
    [131, 517, 100],
    [130, 24, 1100],
    [22, 300, 900],
    [6, 1200, 390],
    [321, 9, 20],
  ] as const;
  for (const [rows, columns, depth] of shapes) {
    for (const transposeA of flags) {
      for (const transposeB of flags) {
        const p = product(rows, columns, depth, { transposeA, transposeB, bias: transposeA });
        await check(p, `${rows}x${columns}x${depth} ${transposeA} ${transposeB}`);
      }
    }
  }
});

Deno.test("matmul of four rows or columns and fewer agrees at any width and depth", async () => {
  for (const few of [1, 2, 3, 4]) {
    for (const width of [1, 7, 33, 600]) {
      for (const depth of [1, 6, 300]) {
        for (const transposeA of flags) {
          for (const transposeB of flags) {
            const rest = { transposeA, transposeB, bias: depth % 2 === 0 };
            await check(product(few, width, depth, rest), `${few}x${width}x${depth}`);
            await check(product(width, few, depth, rest), `${width}x${few}x${depth}`);
          }
        }
      }
    }
  }
  await check(product(2, 5, 40_000), "a depth beyond what is copied at once");
  await check(product(2, 5, 40_000, { transposeB: true }), "the same, transposed");
});

Deno.test("matmul of depth 0 is the bias, or 0", async () => {
  for (const [rows, columns] of [[7, 9], [2, 9], [9, 2], [100, 100]]) {
    await check(product(rows, columns, 0, { bias: true }), "bias");
    await check(product(rows, columns, 0), "zero");
  }
});

Deno.test("matmul adds a bias to every row", async () => {
  for (const columns of oddLengths) {
    await check(product(13, columns, 9, { bias: true }), `13x${columns}x9`);
    await check(product(3, columns, 9, { bias: true }), `3x${columns}x9`);
  }
});

Deno.test("matmul steps through batches by their strides, repeating where they are 0", async () => {
  for (const [rows, columns, depth] of [[5, 9, 7], [3, 20, 6], [65, 65, 33], [20, 1, 8]]) {
    const a = rows * depth, b = depth * columns;
    const batches: Pick<Parameters, "batch" | "batchStridesA" | "batchStridesB">[] = [
      { batch: [4], batchStridesA: [a], batchStridesB: [b] },
      { batch: [4], batchStridesA: [a], batchStridesB: [0] },
      { batch: [4], batchStridesA: [0], batchStridesB: [b] },
      { batch: [2, 3], batchStridesA: [a, 2 * a], batchStridesB: [b, 0] },
      { batch: [2, 3], batchStridesA: [0, a], batchStridesB: [3 * b, b] },
      { batch: [2, 1, 3], batchStridesA: [3 * a, 17, a], batchStridesB: [0, 17, 0] },
      { batch: [0, 3], batchStridesA: [a, a], batchStridesB: [b, b] },
    ];
    for (const batch of batches) {
      for (const transposeA of flags) {
        for (const transposeB of flags) {
          const rest = { ...batch, transposeA, transposeB, bias: transposeA !== transposeB };
          await check(product(rows, columns, depth, rest), `${rows}x${columns}x${depth}`);
        }
      }
    }
  }
});

Deno.test("matmul of a batch of large matrices agrees", async () => {
  const batch = { batch: [3], batchStridesA: [330 * 40], batchStridesB: [40 * 150] };
  for (const transposeB of flags) {
    await check(product(330, 150, 40, { ...batch, transposeB, bias: true }), "batch of large");
  }
});

Deno.test("matmul's epilogue sees the product with its bias and further operands", async () => {
  const epilogue = [scalar.gelu(scalar.input(0)), scalar.input(0).mul(scalar.input(1)).sub(1)];
  const finish = scalar.toFunction(epilogue, 2);
  for (const [rows, columns] of [[13, 21], [2, 9], [150, 40]]) {
    const p = product(rows, columns, 17, { bias: true });
    const a = randomNumbers(rows * 17, 1), b = randomNumbers(17 * columns, 2);
    const bias = randomNumbers(columns, 3), more = randomNumbers(rows * columns, 4);
    const { values } = expectedProduct(p, a, b, bias);
    const expected = Array.from(values, (value, i) => finish([value, more[i]]));
    const operands = [a, b, bias, more].map((data) => ({ data }));
    const results = epilogue.map(() => ({ count: rows * columns }));
    const actual = await runOnThreads("matmul", { ...p, epilogue }, operands, results);
    actual.forEach((each, result) =>
      assertClose(each, expected.map((values) => values[result]), {
        absolute: 5e-5,
        relative: 1e-5,
      })
    );
  }
});

Deno.test("matmul lets infinities and NaNs through in their own row and column only", async () => {
  const rows = 7, columns = 11, depth = 6;
  const a = randomNumbers(rows * depth, 1), b = randomNumbers(depth * columns, 2);
  a[3 * depth + 2] = NaN;
  b[4 * columns + 5] = Infinity;
  const p = product(rows, columns, depth);
  const { values } = expectedProduct(p, a, b, new Float32Array());
  const operands = [{ data: a }, { data: b }];
  const [actual] = await runOnThreads("matmul", p, operands, [{ count: rows * columns }]);
  assertClose(actual, values, { absolute: 1e-5, relative: 1e-5 });
});

Deno.test("a product's plan covers it, fits the scratch, and cuts the depth alike for any threads", () => {
  const next = randomSource(7);
  const draw = (maximum: number) => Math.floor(maximum ** next());
  for (let i = 0; i < 500; i++) {
    const [rows, columns, depth] = [draw(5000), draw(5000), draw(20_000)];
    const shape = {
      count: draw(100),
      rows,
      columns,
      depth,
      transposeA: next() < 0.5,
      transposeB: next() < 0.5,
    };
    const plans = [1, 2, 16].map((threads) => planProduct(shape, threads));
    for (const plan of plans) {
      assert(plan.blockRows * plan.rowBlocks >= rows);
      assert(plan.blockColumns * plan.columnBlocks >= columns);
      assert(plan.blockDepth * plan.depthBlocks >= depth);
      const rightColumns = { packed: plan.blockColumns, direct: 8, shared: 0 }[plan.right];
      assert((plan.blockRows + rightColumns) * plan.blockDepth <= PACKED_FLOATS);
      assert(plan.right !== "direct" || !shape.transposeB);
      assertEquals(plan.blockDepth, plans[0].blockDepth);
    }
  }
});

Deno.test("a huge right operand is not copied as a whole", () => {
  const flags = { transposeA: false, transposeB: true };
  const shape = { count: 1, rows: 5000, columns: 50_000, depth: 4096, ...flags };
  assertEquals(planProduct(shape, 2).right, "packed");
  assertEquals(planProduct({ ...shape, columns: 500 }, 2).right, "shared");
});

Deno.test("matmul refuses integers by name", async () => {
  const executor = await wasmExecutor(1);
  const operands = [{ data: new Int32Array(4), dtype: "int32" as const }, {
    data: new Float32Array(4),
  }];
  assertThrows(
    () => runKernel(executor, "matmul", product(2, 2, 2), operands, [{ count: 4 }]),
    DTypeError,
    "matmul: computes in float32, got int32, float32, float32",
  );
});
