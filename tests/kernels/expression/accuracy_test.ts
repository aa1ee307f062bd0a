// Functions and their derivatives in float32 on the WebAssembly backend against float64.

import { assertEquals } from "@std/assert";
import { derivatives } from "../../../kernels/expression/derivative.ts";
import { type Expression, input } from "../../../kernels/expression/expression.ts";
import { functionRows } from "../../../kernels/expression/function_rows.ts";
import * as functions from "../../../kernels/expression/functions.ts";
import { toFunction } from "../../../kernels/expression/to_function.ts";
import { runKernel, wasmExecutor } from "../harness.ts";
import { assertWithin, isNearKink, samplePoints } from "./sampling.ts";

const [x, y] = [input(0), input(1)];

/** Float32 values of expressions at points, by the pointwise kernel. */
async function onWasm(
  expressions: readonly Expression[],
  points: readonly Float32Array[],
): Promise<Float32Array[]> {
  const executor = await wasmExecutor(1);
  const count = points[0].length;
  return runKernel(
    executor,
    "pointwise",
    { expressions, shape: [count], inputStrides: points.map(() => [1]) },
    points.map((data) => ({ data })),
    expressions.map(() => ({ count })),
  ) as Float32Array[];
}

for (const row of functionRows) {
  Deno.test(`${row.name} and its derivative are as exact as their row says`, async () => {
    const value = row.build(x, y);
    const slopes = derivatives(value, [0, 1].slice(0, row.inputs));
    const exact = toFunction([value, ...slopes], 2);
    for (const [number, domain] of row.domains.entries()) {
      const points = samplePoints(domain, 30_000, 17 * number + 1);
      const results = await onWasm([value, ...slopes], points);
      const at = (index: number) => points.map((each) => each[index]);
      const exactValues = Array.from(points[0], (_, index) => exact(at(index)));
      results.forEach((result, output) => {
        assertWithin(
          result,
          (index) => exactValues[index][output],
          output === 0 ? row.value : row.derivative,
          (index) => `${row.name}, derivative ${output}, at ${at(index)}`,
        );
      });
    }
  });
}

/** Numbers at the borders of float32 and of the functions' definitions. */
const special = Float32Array.of(
  ...[NaN, Infinity, -Infinity, 0, -0, 1, -1, 2, -2, 0.5, -0.5, 3, -3],
  ...[1e-40, -1e-40, 1e-45, 3.4e38, -3.4e38, 88.72284, 88.8, -103.9, -104.5, 1e-20, -1e-20],
);

/** Whether a float32 result is right at a special point: exact zeros, infinities and NaN, and a small relative error. */
function isRight(actual: number, wanted: number): boolean {
  const near = Math.fround(wanted);
  if (Object.is(actual, near)) return true;
  // Numbers below 1e-37 may be 0, with the right sign; the largest ones may be infinite.
  if (Math.abs(wanted) < 1e-37) return Math.abs(actual) < 1e-37;
  return Math.abs(actual - wanted) <= 2e-6 * Math.abs(wanted);
}

Deno.test("NaN, infinities, zeros and denormal numbers give what float64 gives", async () => {
  const names = [
    ...["exp", "expm1", "log", "log1p", "tanh", "erf", "erfc", "normalCdf", "gaussian"],
    ...["sigmoid", "sigmoidSlope", "softplus", "silu", "gelu", "geluTanh", "geluQuick", "relu"],
    ...["abs", "sign", "sqrt", "rsqrt", "floor", "ceil", "round", "trunc", "isNaN", "isFinite"],
    ...["logicalNot", "square", "reciprocal"],
  ] as const;
  for (const name of names) {
    const expression = functions[name](x);
    const exact = toFunction([expression], 1);
    const [results] = await onWasm([expression], [special]);
    results.forEach((result, index) => {
      const wanted = exact([special[index]])[0];
      assertEquals(
        isRight(result, wanted),
        true,
        `${name}(${special[index]}): ${result}, ${wanted}`,
      );
    });
  }
});

Deno.test("odd functions keep the sign of zero, and tiny arguments all their bits", async () => {
  const tiny = Float32Array.of(-0, 1e-40, -1e-40, 1e-30, -1e-12);
  for (const name of ["expm1", "log1p", "tanh", "sin"] as const) {
    const [results] = await onWasm([functions[name](x)], [tiny]);
    results.forEach((result, index) => assertEquals(Object.is(result, tiny[index]), true, name));
  }
});

Deno.test("sine and cosine of large arguments stay in [-1, 1], those of infinities are NaN", async () => {
  const large = Float32Array.of(1e5, -1e6, 1e9, 1e20, -3e38, Infinity, -Infinity, NaN);
  for (const results of await onWasm([functions.sin(x), functions.cos(x)], [large])) {
    results.forEach((result, index) => {
      if (index < 5) assertEquals(Math.abs(result) <= 1, true, `${large[index]}: ${result}`);
      else assertEquals(result, NaN);
    });
  }
});

Deno.test("powers of special numbers are those of Math.pow", async () => {
  const values = [...special, 7, 8, 1 / 3, 16777216, 1e-10, 2.5, -2.5];
  const pairs = values.flatMap((a) => values.map((b) => [a, b]));
  const points = [0, 1].map((index) => Float32Array.from(pairs, (pair) => pair[index]));
  const [results] = await onWasm([functions.pow(x, y)], points);
  results.forEach((result, index) => {
    const [a, b] = points.map((each) => each[index]);
    const wanted = Math.pow(a, b);
    const allowed = 1e-6 * Math.abs(wanted);
    const isSame = Object.is(result, Math.fround(wanted)) ||
      (Math.abs(result - wanted) <= allowed && Math.sign(result) === Math.sign(wanted)) ||
      (Math.abs(wanted) < 1e-37 && Math.abs(result - wanted) < 1e-44);
    assertEquals(isSame, true, `${a} ^ ${b}: ${result} instead of ${wanted}`);
  });
});

Deno.test("constant powers are products and roots, and general powers agree with them", async () => {
  const [points] = samplePoints([{ low: 0.01, high: 50 }], 5_000, 3);
  for (const exponent of [2, 3, 4, 0.5, -0.5, -1, -2]) {
    const [results] = await onWasm([functions.pow(x, exponent)], [points]);
    const exact = (index: number) => Math.pow(points[index], exponent);
    assertWithin(results, exact, { ulps: 2.1 }, (index) => `${points[index]} ^ ${exponent}`);
  }
});

Deno.test("kinks are where the rows say", () => {
  for (const row of functionRows.filter(({ kinks }) => kinks)) {
    assertEquals(isNearKink(row, [row.kinks![0], 0], 1e-9), true);
    assertEquals(isNearKink(row, [row.kinks![0] + 0.1, 0], 1e-9), false);
  }
});
