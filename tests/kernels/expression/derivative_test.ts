// Derivatives of first and second order against central differences in float64, and the choices at kinks.

import { assert, assertAlmostEquals, assertEquals, assertStrictEquals } from "@std/assert";
import { derivative, derivatives } from "../../../kernels/expression/derivative.ts";
import {
  constant,
  evaluate,
  type Expression,
  input,
} from "../../../kernels/expression/expression.ts";
import { functionRows } from "../../../kernels/expression/function_rows.ts";
import * as functions from "../../../kernels/expression/functions.ts";
import { toFunction } from "../../../kernels/expression/to_function.ts";
import { isNearKink, samplePoints } from "./sampling.ts";

const [x, y, z] = [input(0), input(1), input(2)];

/** Requires `slope` to be the derivative of `expression` by an input, by central differences at a point. */
function assertSlope(
  value: (inputs: readonly number[]) => number[],
  index: number,
  point: readonly number[],
  what: string,
): void {
  const step = 1e-4 * Math.max(1e-2, Math.abs(point[index]));
  const moved = (by: number) => value(point.map((each, i) => i === index ? each + by : each))[0];
  const central = (by: number) => (moved(by) - moved(-by)) / (2 * by);
  const difference = (4 * central(step) - central(2 * step)) / 3; // the error is of fourth order
  const [center, slope] = value(point);
  const allowed = 1e-6 * Math.abs(difference) + 1e-8 + 1e-13 * Math.abs(center) / step;
  assert(
    Math.abs(slope - difference) <= allowed,
    `${what} at ${point}: ${slope}, by differences ${difference}`,
  );
}

for (const row of functionRows) {
  Deno.test(`derivatives of ${row.name} agree with differences, also those of derivatives`, () => {
    const first = row.build(x, y);
    const ways = Array.from({ length: row.inputs }, (_, index) => index);
    for (const domain of row.domains) {
      const moderate = domain.map(({ low, high, ...rest }) => ({
        ...rest,
        low: rest.logarithmic ? Math.max(low, 1e-2) : Math.max(low, -12),
        high: rest.logarithmic ? Math.min(high, 1e2) : Math.min(high, 12),
      }));
      const points = samplePoints(moderate, 100, 7);
      for (const a of ways) {
        const slope = derivative(first, a);
        const value = toFunction([first, slope], 2);
        const second = ways.map((b) => toFunction([slope, derivative(slope, b)], 2));
        for (let index = 0; index < 100; index++) {
          const point = points.map((each) => each[index]);
          if (isNearKink(row, point, 1e-3)) continue;
          assertSlope(value, a, point, `derivative ${a} of ${row.name}`);
          for (const b of ways) {
            assertSlope(second[b], b, point, `derivative ${a} ${b} of ${row.name}`);
          }
        }
      }
    }
  });
}

/** The derivative of a function of one input at a point. */
function slopeAt(build: (x: Expression) => Expression, point: number): number {
  return evaluate(derivative(build(x), 0), [point]);
}

Deno.test("at kinks the derivative is PyTorch's", () => {
  assertEquals(slopeAt(functions.abs, 0), 0);
  assertEquals(slopeAt(functions.relu, 0), 0);
  assertEquals(slopeAt((each) => functions.leakyRelu(each, 0.1), 0), 0.1);
  assertEquals(slopeAt((each) => functions.elu(each, 1.5), 0), 1.5);
  assertEquals(slopeAt((each) => functions.clamp(each, -1, 1), -1), 1);
  assertEquals(slopeAt((each) => functions.clamp(each, -1, 1), 1), 1);
  assertEquals(slopeAt((each) => functions.clamp(each, -1, 1), 1.001), 0);
  for (const extremum of [functions.maximum, functions.minimum]) {
    const both = derivatives(extremum(x, y), [0, 1]);
    assertEquals(both.map((each) => evaluate(each, [2, 2])), [0.5, 0.5]);
  }
  assertEquals(derivatives(functions.maximum(x, y), [0, 1]).map((e) => evaluate(e, [1, 2])), [
    0,
    1,
  ]);
  assertEquals(derivatives(functions.minimum(x, y), [0, 1]).map((e) => evaluate(e, [1, 2])), [
    1,
    0,
  ]);
  assertEquals(slopeAt((each) => functions.pow(each, 3.5), 0), 0);
  const power = functions.pow(x, y);
  assertEquals(evaluate(derivative(power, 0), [0, 0]), 0);
  assertEquals(evaluate(derivative(power, 1), [0, 2]), 0);
});

Deno.test("the bounds of clamp get the derivative where they hold", () => {
  const bounded = functions.clamp(x, y, z);
  const at = (point: number[]) =>
    derivatives(bounded, [0, 1, 2]).map((each) => evaluate(each, point));
  assertEquals(at([-3, -1, 1]), [0, 1, 0]);
  assertEquals(at([0.5, -1, 1]), [1, 0, 0]);
  assertEquals(at([3, -1, 1]), [0, 0, 1]);
});

Deno.test("a branch not taken lets no NaN through, of any order", () => {
  const guarded = functions.where(functions.lessThan(0, x), functions.log(x), 0);
  assertEquals(evaluate(derivative(guarded, 0), [0]), 0);
  let slope: Expression = functions.elu(x);
  for (let order = 1; order <= 3; order++) {
    slope = derivative(slope, 0);
    assertEquals(evaluate(slope, [1000]), order === 1 ? 1 : 0);
    assertAlmostEquals(evaluate(slope, [-1]), Math.exp(-1), 1e-12);
  }
});

Deno.test("derivatives at 0 are right to the fourth order, where other forms break", () => {
  // Taylor coefficients times factorials.
  const known: Readonly<Record<string, readonly number[]>> = {
    tanh: [1, 0, -2, 0],
    sigmoid: [1 / 4, 0, -1 / 8, 0],
    softplus: [1 / 2, 1 / 4, 0, -1 / 8],
    gaussian: [0, -1, 0, 3],
    expm1: [1, 1, 1, 1],
    log1p: [1, -1, 2, -6],
  };
  for (const [name, values] of Object.entries(known)) {
    let slope: Expression = functions[name as "tanh"](x);
    for (const value of values) {
      slope = derivative(slope, 0);
      assertAlmostEquals(evaluate(slope, [0]), value, 1e-12, name);
    }
  }
});

Deno.test("tails keep their relative accuracy: tanh at 20, GELU at -30", () => {
  const slope = slopeAt(functions.tanh, 20);
  assertAlmostEquals(slope / (4 * Math.exp(-40)), 1, 1e-12);
  assertEquals(Number.isFinite(slopeAt(functions.geluTanh, -1e4)), true);
  // x times the density, to the order of 1 / x^2.
  const tail = slopeAt(functions.gelu, -30) / (-30 * Math.exp(-450) / Math.sqrt(2 * Math.PI));
  assertAlmostEquals(tail, 1 - 1 / 900, 1e-5);
});

Deno.test("what does not move has derivative 0, and a seed multiplies", () => {
  for (const name of ["floor", "ceil", "round", "trunc", "sign", "isNaN", "logicalNot"] as const) {
    assertStrictEquals(derivative(functions[name](x), 0), constant(0));
  }
  assertStrictEquals(derivative(functions.exp(x), 1), constant(0));
  assertStrictEquals(derivative(functions.exp(x), 0, z), functions.exp(x).mul(z));
  const [byX, byY, byZ] = derivatives(x.mul(y), [0, 1, 2], z);
  assertEquals([byX, byY, byZ].map((each) => each.key), ["(x1*x2)", "(x0*x2)", "0"]);
});

Deno.test("an input that is used along several paths gets the sum", () => {
  const expression = functions.exp(x).mul(x).add(x.div(y)).sub(functions.sin(x.mul(y)));
  const slope = evaluate(derivative(expression, 0), [0.7, 1.3]);
  const wanted = Math.exp(0.7) * 1.7 + 1 / 1.3 - 1.3 * Math.cos(0.7 * 1.3);
  assertAlmostEquals(slope, wanted, 1e-14);
});
