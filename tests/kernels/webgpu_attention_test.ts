// WebGPU attention and its gradient against the reference executor.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DTypeError } from "../../errors.ts";
import type { AttentionLayout, TypedArray } from "../../kernels/kernel.ts";
import { WebGpuExecutor } from "../../kernels/webgpu/mod.ts";
import { randomNumbers, runKernel } from "./harness.ts";
import { reference, runOnClasses } from "./webgpu_classes.ts";
import { runOnWebGpu, testOnWebGpu } from "./webgpu_harness.ts";

/** Requires agreement within 1e-5 of the largest element. */
function assertNear(actual: TypedArray, expected: TypedArray, what: string): void {
  const largest = Array.from(expected).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  expected.forEach((value, i) => {
    const difference = Math.abs(actual[i] - value);
    assert(difference <= 1e-5 * largest, `${what} ${i}: ${actual[i]}, expected ${value}`);
  });
}

/** Compares both directions with the reference, as chosen for each class of adapters. */
function check(shape: Omit<AttentionLayout, "scale">, spread = 1, scale?: number): void {
  const layout = { ...shape, scale: scale ?? 1 / Math.sqrt(Math.max(1, shape.headWidth)) };
  const { batch, tokens, heads, headWidth } = layout;
  const rows = batch * heads * tokens, size = rows * headWidth;
  const x = { data: randomNumbers(3 * size, size + tokens, -spread, spread) };
  const gradient = { data: randomNumbers(size, size + headWidth, -1, 1) };
  const what = JSON.stringify(layout);
  const results = [{ count: size }, { count: rows }];
  const expected = runKernel(reference, "attention", layout, [x], results);
  for (const { adapterClass, actual } of runOnClasses("attention", layout, [x], results)) {
    assertNear(actual[0], expected[0], `${what} ${adapterClass} y`);
    assertNear(actual[1], expected[1], `${what} ${adapterClass} logSumExp`);
  }
  const operands = [x, { data: expected[0] }, { data: expected[1] }, gradient];
  const all = [{ count: 3 * size }];
  const [slope] = runKernel(reference, "attentionBackward", layout, operands, all);
  for (const { adapterClass, actual } of runOnClasses("attentionBackward", layout, operands, all)) {
    assertNear(actual[0], slope, `${what} ${adapterClass} gradient`);
  }
}

testOnWebGpu(
  "attention and its gradient agree with the reference for odd token counts and head widths",
  () => {
    for (const tokens of [0, 1, 3, 5, 65]) {
      for (const headWidth of [0, 1, 3, 5, 8, 20, 65]) {
        for (const causal of [false, true]) {
          check({ batch: 2, tokens, heads: 3, headWidth, causal });
        }
      }
    }
    check({ batch: 0, tokens: 5, heads: 2, headWidth: 4, causal: false });
  },
);

testOnWebGpu("attention of many tokens and of wide heads agrees", () => {
  for (const causal of [false, true]) {
    check({ batch: 1, tokens: 257, heads: 2, headWidth: 12, causal });
    check({ batch: 1, tokens: 17, heads: 1, headWidth: 1200, causal });
  }
});

testOnWebGpu("attention holds for scores far apart", () => {
  check({ batch: 1, tokens: 65, heads: 1, headWidth: 16, causal: false }, 6);
  check({ batch: 1, tokens: 257, heads: 1, headWidth: 16, causal: true }, 6);
});

testOnWebGpu("attention follows a negative scale", () => {
  check({ batch: 1, tokens: 9, heads: 1, headWidth: 4, causal: false }, 1, -3);
});

testOnWebGpu("attention keeps a NaN within its batch entry and head", () => {
  const layout = { batch: 2, tokens: 6, heads: 2, headWidth: 3, scale: 0.5, causal: false };
  const x = randomNumbers(3 * 72, 1);
  x[0] = NaN; // the first query of the first head
  const results = [{ count: 72 }, { count: 24 }];
  for (const { actual: [y] } of runOnClasses("attention", layout, [{ data: x }], results)) {
    y.forEach((value, i) => assertEquals(Number.isNaN(value), i < 3, `element ${i}`));
  }
});

testOnWebGpu("attention refuses integers by name", () => {
  const layout = { batch: 1, tokens: 1, heads: 1, headWidth: 1, scale: 1, causal: false };
  const integers = { data: new Int32Array(3), dtype: "int32" as const };
  assertThrows(
    () => runOnWebGpu("attention", layout, [integers], [{ count: 1 }, { count: 1 }]),
    DTypeError,
    "attention: computes in float32",
  );
});

testOnWebGpu("every way to cut attention that there is to choose from agrees", async () => {
  const executor = await WebGpuExecutor.create();
  assert(executor);
  const layout = { batch: 1, tokens: 21, heads: 2, headWidth: 12, scale: 0.3, causal: true };
  const size = layout.tokens * layout.heads * layout.headWidth;
  const x = { data: randomNumbers(3 * size, 1, -1, 1) };
  const gradient = { data: randomNumbers(size, 2, -1, 1) };
  const results = [{ count: size }, { count: layout.heads * layout.tokens }];
  const expected = runKernel(reference, "attention", layout, [x], results);
  const operands = [x, { data: expected[0] }, { data: expected[1] }, gradient];
  const all = [{ count: 3 * size }];
  const [slope] = runKernel(reference, "attentionBackward", layout, operands, all);
  const run = (): void => {
    const [y] = runKernel(executor, "attention", layout, [x], results);
    const [actual] = runKernel(executor, "attentionBackward", layout, operands, all);
    const taken = executor.choices.used.map((choice) => choice.taken).join(", ");
    assertNear(y, expected[0], `${taken} y`);
    assertNear(actual, slope, `${taken} gradient`);
  };
  run();
  const choices = executor.choices.used;
  assertEquals(choices.length, 2);
  for (const way of choices[0].ways) {
    executor.choices.override(Object.fromEntries(choices.map(({ key }) => [key, way])));
    run();
    assertEquals(executor.choices.used.map(({ taken }) => taken), [way, way]);
  }
  executor.close();
});
