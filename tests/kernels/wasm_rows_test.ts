// The WebAssembly softmax and layer normalization, and their gradients, against plain float64 loops.

import { assertEquals, assertThrows } from "@std/assert";
import { DTypeError } from "../../errors.ts";
import type { TypedArray } from "../../kernels/kernel.ts";
import {
  assertClose,
  oddLengths,
  randomNumbers,
  runKernel,
  runOnThreads,
  wasmExecutor,
} from "./harness.ts";

/** Every odd length, few and many rows, long and short ones. */
const shapes = [0, 1, 5, 65].flatMap((rows) =>
  [...oddLengths, 2, 4, 16, 33].map((length) => ({ rows, length }))
).concat([
  { rows: 257, length: 65 },
  { rows: 5000, length: 12 },
  { rows: 2, length: 20_000 },
  { rows: 700, length: 192 },
]);

/** Applies a function to every row in float64. */
function byRow(x: TypedArray, length: number, rowFunction: (row: number[]) => number[]): number[] {
  const rows = length === 0 ? 0 : x.length / length;
  return Array.from(
    { length: rows },
    (_, row) => rowFunction([...x.subarray(row * length, (row + 1) * length)]),
  ).flat();
}

const add = (a: number, b: number) => a + b;

function softmaxOf(row: readonly number[], logarithm: boolean): number[] {
  const largest = Math.max(...row);
  const total = row.map((x) => Math.exp(x - largest)).reduce(add, 0);
  return row.map((x) => logarithm ? x - largest - Math.log(total) : Math.exp(x - largest) / total);
}

Deno.test("softmax and its logarithm agree with float64 loops", async () => {
  for (const { rows, length } of shapes) {
    const x = randomNumbers(rows * length, length, -6, 6);
    for (const logarithm of [false, true]) {
      const parameters = { rows, length, logarithm };
      const [y] = await runOnThreads("softmax", parameters, [{ data: x }], [{ count: x.length }]);
      const expected = byRow(x, length, (row) => softmaxOf(row, logarithm));
      const absolute = logarithm ? 2e-6 : 0;
      assertClose(y, expected, { relative: 2e-6, absolute }, `${rows}x${length}`);
    }
  }
});

Deno.test("softmax holds for large, distant and infinite scores", async () => {
  const rows = [
    [1e4, 1e4 - 1, -1e4, 0],
    [3e38, -1e37, 3e38, 1],
    [-Infinity, 0, -Infinity, 1],
    [-200, -100, -100, -300],
    [0, -86, -87, -95],
  ];
  const x = Float32Array.from(rows.flat());
  for (const logarithm of [false, true]) {
    const parameters = { rows: rows.length, length: 4, logarithm };
    const [y] = await runOnThreads("softmax", parameters, [{ data: x }], [{ count: x.length }]);
    const expected = rows.flatMap((row) => softmaxOf(row, logarithm));
    // Weights below 1e-38, the smallest normal number, may be 0.
    assertClose(y, expected, { relative: 2e-6, absolute: 1e-37 });
  }
});

Deno.test("softmax gives NaN for a row with a NaN or an infinity, and for that row only", async () => {
  const x = Float32Array.of(1, NaN, 2, 3, 4, 5, Infinity, 6, 7, 8, 9, 1);
  for (const logarithm of [false, true]) {
    const parameters = { rows: 4, length: 3, logarithm };
    const [y] = await runOnThreads("softmax", parameters, [{ data: x }], [{ count: 12 }]);
    const isNaNRow = [0, 1, 2, 3].map((row) => y.subarray(3 * row, 3 * row + 3).some(Number.isNaN));
    assertEquals(isNaNRow, [true, false, true, false]);
  }
});

Deno.test("the gradients of softmax and its logarithm agree with float64 loops", async () => {
  for (const { rows, length } of shapes) {
    const x = randomNumbers(rows * length, length + 1, -5, 5);
    const gradient = randomNumbers(rows * length, length + 2);
    for (const logarithm of [false, true]) {
      const y = Float32Array.from(byRow(x, length, (row) => softmaxOf(row, logarithm)));
      const parameters = { rows, length, logarithm };
      const operands = [{ data: y }, { data: gradient }];
      const results = [{ count: x.length }];
      const [actual] = await runOnThreads("softmaxBackward", parameters, operands, results);
      const magnitudes: number[] = [];
      const expected = byRow(y, length, (row) => {
        const start = magnitudes.length;
        const g = row.map((_, i) => gradient[start + i]);
        const terms = row.map((value, i) => logarithm ? g[i] : g[i] * value);
        const sum = terms.reduce(add, 0), magnitude = terms.map(Math.abs).reduce(add, 0);
        const factors = row.map((value) => logarithm ? Math.exp(value) : value);
        factors.forEach((factor, i) =>
          magnitudes.push(logarithm ? Math.abs(g[i]) + factor * magnitude : factor * magnitude)
        );
        return row.map((value, i) => logarithm ? g[i] - factors[i] * sum : value * (g[i] - sum));
      });
      // The difference may cancel: its error is relative to what is subtracted.
      actual.forEach((each, i) =>
        assertClose([each], [expected[i]], { relative: 1e-5, absolute: 3e-6 * (1 + magnitudes[i]) })
      );
    }
  }
});

/** Mean and reciprocal deviation of a row. */
function statisticsOf(row: readonly number[], epsilon: number): [number, number] {
  const mean = row.reduce(add, 0) / row.length;
  const variance = row.map((x) => (x - mean) ** 2).reduce(add, 0) / row.length;
  return [mean, 1 / Math.sqrt(variance + epsilon)];
}

Deno.test("layerNorm agrees with float64 loops", async () => {
  const epsilon = 1e-5;
  for (const { rows, length } of shapes) {
    const x = randomNumbers(rows * length, length + 3, -1, 3);
    const scale = randomNumbers(length, 4), bias = randomNumbers(length, 5);
    const operands = [x, scale, bias].map((data) => ({ data }));
    const parameters = { rows, length, epsilon };
    const [y] = await runOnThreads("layerNorm", parameters, operands, [{ count: x.length }]);
    const expected = byRow(x, length, (row) => {
      const [mean, reciprocal] = statisticsOf(row, epsilon);
      return row.map((value, i) => (value - mean) * reciprocal * scale[i] + bias[i]);
    });
    // Rows of very few elements may have a small deviation, which enlarges the rounding of x.
    const absolute = length < 16 ? 1e-3 : 1e-5;
    assertClose(y, expected, { relative: 1e-5, absolute }, `${rows}x${length}`);
  }
});

Deno.test("layerNorm keeps its accuracy far from 0", async () => {
  const rows = 3, length = 192, epsilon = 1e-5;
  // Multiples of 1/8 around 1000: exact in float32, so that only the kernel's own rounding counts.
  const x = randomNumbers(rows * length, 6).map((value) => 1000 + Math.round(8 * value) / 8);
  const ones = new Float32Array(length).fill(1), zeros = new Float32Array(length);
  const operands = [x, ones, zeros].map((data) => ({ data }));
  const [y] = await runOnThreads("layerNorm", { rows, length, epsilon }, operands, [{
    count: x.length,
  }]);
  const expected = byRow(x, length, (row) => {
    const [mean, reciprocal] = statisticsOf(row, epsilon);
    return row.map((value) => (value - mean) * reciprocal);
  });
  assertClose(y, expected, { absolute: 2e-4 });
});

Deno.test("the gradients of layerNorm agree with float64 loops", async () => {
  const epsilon = 1e-5;
  for (const { rows, length } of shapes) {
    const x = randomNumbers(rows * length, length + 7, -1, 3);
    const scale = randomNumbers(length, 8), gradient = randomNumbers(rows * length, 9);
    const operands = [x, scale, gradient].map((data) => ({ data }));
    const counts = [rows * length, length, length];
    const parameters = { rows, length, epsilon };
    const results = counts.map((count) => ({ count }));
    const actual = await runOnThreads("layerNormBackward", parameters, operands, results);
    const residual = randomNumbers(rows * length, 10);
    const [onto] = await runOnThreads("layerNormBackward", { ...parameters, residual: true }, [
      ...operands,
      { data: residual },
    ], results);
    assertEquals(onto, actual[0].map((value, i) => Math.fround(value + residual[i])));
    const scaleSums = new Float64Array(length), biasSums = new Float64Array(length);
    let start = 0;
    const sharpness: number[] = [];
    const expected = byRow(x, length, (row) => {
      const [mean, reciprocal] = statisticsOf(row, epsilon);
      const normalized = row.map((value) => (value - mean) * reciprocal);
      const g = row.map((_, i) => gradient[start + i]);
      const h = g.map((value, i) => value * scale[i]);
      const mean1 = h.reduce(add, 0) / length;
      const mean2 = h.map((value, i) => value * normalized[i]).reduce(add, 0) / length;
      g.forEach((value, i) => {
        scaleSums[i] += value * normalized[i];
        biasSums[i] += value;
        sharpness.push(reciprocal);
      });
      start += length;
      return h.map((value, i) => reciprocal * (value - mean1 - normalized[i] * mean2));
    });
    const what = `${rows}x${length}`;
    actual[0].forEach((value, i) => {
      // The rounding of x counts as much as the deviation is small.
      const absolute = 1e-5 * sharpness[i] * Math.max(1, sharpness[i] / 4);
      assertClose([value], [expected[i]], { relative: 1e-5, absolute }, what);
    });
    const absolute = 1e-5 * Math.sqrt(rows) * sharpness.reduce((a, b) => Math.max(a, b / 4), 1);
    assertClose(actual[1], scaleSums, { relative: 1e-5, absolute }, `${what} scale`);
    assertClose(actual[2], biasSums, { relative: 1e-5, absolute: 1e-5 * Math.sqrt(rows) }, what);
  }
});

Deno.test("softmax and layerNorm refuse integers by name", async () => {
  const executor = await wasmExecutor(1);
  const integers = { data: new Int32Array(4), dtype: "int32" as const };
  const floats = { data: new Float32Array(4) };
  const results = [{ count: 4 }];
  const rows = { rows: 2, length: 2 };
  assertThrows(
    () => runKernel(executor, "softmax", { ...rows, logarithm: false }, [integers], results),
    DTypeError,
    "softmax: computes in float32, got int32, float32",
  );
  assertThrows(
    () =>
      runKernel(
        executor,
        "layerNorm",
        { ...rows, epsilon: 1 },
        [floats, integers, floats],
        results,
      ),
    DTypeError,
    "layerNorm: computes in float32",
  );
});
