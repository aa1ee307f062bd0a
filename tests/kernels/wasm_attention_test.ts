// WebAssembly attention and its gradient against plain float64 loops.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DTypeError, UnsupportedError } from "../../errors.ts";
import type { AttentionLayout, TypedArray } from "../../kernels/kernel.ts";
import { randomNumbers, runKernel, runOnThreads, wasmExecutor } from "./harness.ts";

/** Float64 results of both directions. */
interface Expected {
  readonly y: Float64Array;
  readonly logSumExp: Float64Array;
  readonly gradient: Float64Array;
}

/** Attention and its gradient, written out. */
function expectedAttention(layout: AttentionLayout, x: TypedArray, g: TypedArray): Expected {
  const { batch, tokens, heads, headWidth, scale, causal } = layout;
  const y = new Float64Array(batch * tokens * heads * headWidth);
  const logSumExp = new Float64Array(batch * heads * tokens);
  const gradient = new Float64Array(3 * y.length);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const at = (token: number, part: number) =>
        (((b * tokens + token) * 3 + part) * heads + h) * headWidth;
      const out = (token: number) => ((b * tokens + token) * heads + h) * headWidth;
      for (let i = 0; i < tokens; i++) {
        const reach = causal ? i + 1 : tokens;
        const scores = Array.from({ length: reach }, (_, j) => {
          let sum = 0;
          for (let d = 0; d < headWidth; d++) sum += x[at(i, 0) + d] * x[at(j, 1) + d];
          return scale * sum;
        });
        const largest = scores.reduce((a, c) => Math.max(a, c), -Infinity);
        const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
        logSumExp[(b * heads + h) * tokens + i] = largest + Math.log(total);
        const weights = scores.map((score) => Math.exp(score - largest) / total);
        weights.forEach((weight, j) => {
          for (let d = 0; d < headWidth; d++) y[out(i) + d] += weight * x[at(j, 2) + d];
        });
        let share = 0;
        for (let d = 0; d < headWidth; d++) share += g[out(i) + d] * y[out(i) + d];
        weights.forEach((weight, j) => {
          let reached = 0;
          for (let d = 0; d < headWidth; d++) reached += g[out(i) + d] * x[at(j, 2) + d];
          const slope = scale * weight * (reached - share);
          for (let d = 0; d < headWidth; d++) {
            gradient[at(i, 0) + d] += slope * x[at(j, 1) + d];
            gradient[at(j, 1) + d] += slope * x[at(i, 0) + d];
            gradient[at(j, 2) + d] += weight * g[out(i) + d];
          }
        });
      }
    }
  }
  return { y, logSumExp, gradient };
}

/** Requires agreement within `tolerance` of the largest element. */
function assertNear(actual: TypedArray, expected: Float64Array, tolerance: number, what: string) {
  const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  expected.forEach((value, i) => {
    const difference = Math.abs(actual[i] - value);
    assert(difference <= tolerance * largest, `${what} ${i}: ${actual[i]}, expected ${value}`);
  });
}

/** Runs both directions on 1, 2 and 3 threads and compares them with the loops. */
async function check(shape: Omit<AttentionLayout, "scale">, spread = 1): Promise<void> {
  const layout = { ...shape, scale: 1 / Math.sqrt(Math.max(1, shape.headWidth)) };
  const { batch, tokens, heads, headWidth } = layout;
  const size = batch * tokens * heads * headWidth, rows = batch * heads * tokens;
  const x = randomNumbers(3 * size, size + tokens, -spread, spread);
  const g = randomNumbers(size, size + headWidth, -1, 1);
  const expected = expectedAttention(layout, x, g);
  const what = JSON.stringify(layout);
  const results = [{ count: size }, { count: rows }];
  const [y, logSumExp] = await runOnThreads("attention", layout, [{ data: x }], results);
  assertNear(y, expected.y, 1e-5, `${what} y`);
  assertNear(logSumExp, expected.logSumExp, 1e-5, `${what} logSumExp`);
  const operands = [
    { data: x },
    { data: y },
    { data: logSumExp },
    { data: g },
  ];
  const [gradient] = await runOnThreads("attentionBackward", layout, operands, [{
    count: 3 * size,
  }]);
  assertNear(gradient, expected.gradient, 1e-5, `${what} gradient`);
}

Deno.test("attention and its gradient agree with float64 loops for odd token counts and head widths", async () => {
  for (const tokens of [0, 1, 3, 5, 65]) {
    for (const headWidth of [0, 1, 3, 5, 8, 20, 65]) {
      for (const causal of [false, true]) {
        await check({ batch: 2, tokens, heads: 3, headWidth, causal });
      }
    }
  }
  await check({ batch: 0, tokens: 5, heads: 2, headWidth: 4, causal: false });
});

Deno.test("attention agrees where queries and keys are cut into blocks", async () => {
  // 257 tokens are three blocks of rows; 700 also three blocks of keys.
  for (const causal of [false, true]) {
    await check({ batch: 1, tokens: 257, heads: 2, headWidth: 9, causal });
    await check({ batch: 1, tokens: 700, heads: 1, headWidth: 5, causal });
  }
});

Deno.test("attention agrees for heads so wide that blocks become small", async () => {
  await check({ batch: 1, tokens: 23, heads: 1, headWidth: 3001, causal: true });
  await check({ batch: 1, tokens: 17, heads: 1, headWidth: 12_000, causal: true });
});

Deno.test("attention holds for scores far apart", async () => {
  await check({ batch: 1, tokens: 65, heads: 1, headWidth: 16, causal: false }, 6);
  await check({ batch: 1, tokens: 700, heads: 1, headWidth: 16, causal: true }, 6);
});

Deno.test("attention follows a negative scale", async () => {
  const layout = { batch: 1, tokens: 9, heads: 1, headWidth: 4, scale: -3, causal: false };
  const x = randomNumbers(3 * 36, 1), g = randomNumbers(36, 2);
  const expected = expectedAttention(layout, x, g);
  const results = [{ count: 36 }, { count: 9 }];
  const [y, logSumExp] = await runOnThreads("attention", layout, [{ data: x }], results);
  assertNear(y, expected.y, 1e-5, "y");
  assertNear(logSumExp, expected.logSumExp, 1e-5, "logSumExp");
});

Deno.test("attention keeps a NaN within its batch entry and head", async () => {
  const layout = { batch: 2, tokens: 6, heads: 2, headWidth: 3, scale: 0.5, causal: false };
  const x = randomNumbers(3 * 72, 1);
  x[0] = NaN; // the first query of the first head
  const results = [{ count: 72 }, { count: 24 }];
  const [y] = await runOnThreads("attention", layout, [{ data: x }], results);
  y.forEach((value, i) => assertEquals(Number.isNaN(value), i < 3, `element ${i}`));
});

Deno.test("attention refuses integers, and heads that do not fit a thread's memory", async () => {
  const executor = await wasmExecutor(1);
  const layout = { batch: 1, tokens: 1, heads: 1, headWidth: 1, scale: 1, causal: false };
  const results = [{ count: 1 }, { count: 1 }];
  const integers = { data: new Int32Array(3), dtype: "int32" as const };
  assertThrows(
    () => runKernel(executor, "attention", layout, [integers], results),
    DTypeError,
    "attention: computes in float32",
  );
  const wide = { ...layout, headWidth: 50_000 };
  assertThrows(
    () => runKernel(executor, "attention", wide, [{ data: new Float32Array(3) }], results),
    UnsupportedError,
    "heads of width 50000 need",
  );
});
