// The functions of the scalar language as rows of data: where each is tested and how exact it is in float32.
//
// The bounds are guarantees, a little above what was measured on the WebAssembly backend over each interval (dense
// random sampling against float64), with fused multiply-add or without.

import type { Expression } from "./expression.ts";
import * as functions from "./functions.ts";

/** From where to where a function is tested. */
export interface Interval {
  /** The lower end. */
  readonly low: number;
  /** The upper end. */
  readonly high: number;
  /** Whether points are spread evenly in the logarithm, between positive numbers, instead of evenly. */
  readonly logarithmic?: boolean;
}

/** An error bound: the sum of both. */
export interface ErrorBound {
  /** Units in the last place of the exact result. */
  readonly ulps: number;
  /** An absolute error; 0 unless given. */
  readonly absolute?: number;
}

/** One function. */
export interface FunctionRow {
  /** What tests call it. */
  readonly name: string;
  /** The expression of the function's inputs, which are as many as it declares. */
  readonly build: (x: Expression, y: Expression) => Expression;
  /** How many inputs it reads. */
  readonly inputs: 1 | 2;
  /** Where it is tested: lists of one interval for each input. */
  readonly domains: readonly (readonly Interval[])[];
  /** How far float32 results are from the exact ones. */
  readonly value: ErrorBound;
  /** The same of the first derivatives, over the same domains. */
  readonly derivative: ErrorBound;
  /** Where the derivative does not exist, as values of the first input (less the second where there are two). */
  readonly kinks?: readonly number[];
}

/** An interval, evenly. */
function between(low: number, high: number): Interval {
  return { low, high };
}

/** An interval of positive numbers, evenly in the logarithm. */
function magnitudes(low: number, high: number): Interval {
  return { low, high, logarithmic: true };
}

/** A row of one input. */
function unary(
  name: string,
  build: (x: Expression) => Expression,
  domains: readonly Interval[],
  value: ErrorBound,
  derivative: ErrorBound,
  kinks?: readonly number[],
): FunctionRow {
  return {
    name,
    build,
    inputs: 1,
    domains: domains.map((each) => [each]),
    value,
    derivative,
    kinks,
  };
}

/** A row of two inputs. */
function binary(
  name: string,
  build: (x: Expression, y: Expression) => Expression,
  domains: readonly (readonly Interval[])[],
  value: ErrorBound,
  derivative: ErrorBound,
  kinks?: readonly number[],
): FunctionRow {
  return { name, build, inputs: 2, domains, value, derivative, kinks };
}

/** Correctly rounded, or exact. */
const rounded: ErrorBound = { ulps: 0.501 };
const middle = between(-6, 6);
const nearZero = magnitudes(1e-30, 1);
const positive = magnitudes(1e-37, 1e37);
const pairs = [[middle, middle]];

/** Every function, with what is known of it. */
// deno-fmt-ignore
export const functionRows: readonly FunctionRow[] = [
  binary("add", (x, y) => x.add(y), pairs, rounded, rounded),
  binary("sub", (x, y) => x.sub(y), pairs, rounded, rounded),
  binary("mul", (x, y) => x.mul(y), pairs, rounded, rounded),
  binary("div", (x, y) => x.div(y), [[middle, between(0.1, 6)]], rounded, { ulps: 2 }),
  unary("neg", (x) => x.neg(), [middle], rounded, rounded),
  unary("abs", functions.abs, [middle], rounded, rounded, [0]),
  unary("square", functions.square, [middle], rounded, rounded),
  unary("reciprocal", functions.reciprocal, [between(0.1, 6)], rounded, { ulps: 2 }),
  unary("sqrt", functions.sqrt, [positive], rounded, { ulps: 1.6 }),
  unary("rsqrt", functions.rsqrt, [magnitudes(1e-20, 1e20)], { ulps: 1.6 }, { ulps: 5 }),
  unary("sign", functions.sign, [middle], rounded, rounded, [0]),
  unary("clamp", (x) => functions.clamp(x, -1, 2), [middle], rounded, rounded, [-1, 2]),
  binary("minimum", functions.minimum, pairs, rounded, rounded, [0]),
  binary("maximum", functions.maximum, pairs, rounded, rounded, [0]),
  binary("where", (x, y) => functions.where(functions.lessThan(x, y), x.mul(y), y), pairs, rounded, rounded, [0]),

  unary("exp", functions.exp, [between(-103, 88.7), between(-1, 1)], { ulps: 1.2 }, { ulps: 1.2 }),
  unary("expm1", functions.expm1, [between(-30, 88.7), between(-1, 1), nearZero], { ulps: 1.7 }, { ulps: 1.2 }),
  unary("log", functions.log, [between(0.5, 2), positive], { ulps: 1.1 }, rounded),
  unary("log1p", functions.log1p, [between(-0.999, 3), positive, nearZero], { ulps: 1.7 }, { ulps: 1.6 }),
  // The derivative by the base is exponent * base^(exponent - 1), whose exponent is rounded.
  binary("pow", functions.pow, [[magnitudes(1e-3, 1e3), between(-10, 10)], [magnitudes(1e-15, 1e15), between(-1, 1)]], { ulps: 2 }, { ulps: 90, absolute: 1e-6 }),
  binary("pow near 1", functions.pow, [[between(0.5, 2), between(-80, 80)]], { ulps: 9 }, { ulps: 90 }),
  unary("sin", functions.sin, [between(-4, 4), between(-1e4, 1e4), nearZero], { ulps: 2.9 }, { ulps: 2.9 }),
  unary("cos", functions.cos, [between(-4, 4), between(-1e4, 1e4), nearZero], { ulps: 2.9 }, { ulps: 2.9 }),
  unary("tanh", functions.tanh, [between(-10, 10), between(-1, 1), nearZero], { ulps: 1.7 }, { ulps: 6 }),
  unary("sigmoid", functions.sigmoid, [between(-87, 87), middle, nearZero], { ulps: 3.2 }, { ulps: 5.5 }),
  unary("sigmoidSlope", functions.sigmoidSlope, [between(-87, 87), middle], { ulps: 5.5 }, { ulps: 8 }),
  unary("softplus", functions.softplus, [between(-87, 87), middle, nearZero], { ulps: 2 }, { ulps: 3.2 }),
  unary("erf", functions.erf, [between(-5, 5), between(-1, 1), nearZero], { ulps: 1.4 }, { ulps: 5 }),
  unary("erfc", functions.erfc, [middle, between(6, 9.2), nearZero], { ulps: 9 }, { ulps: 5 }),
  unary("normalCdf", functions.normalCdf, [middle, between(-13, 13), nearZero], { ulps: 8 }, { ulps: 2.2 }),
  unary("gaussian", functions.gaussian, [middle, between(-13, 13), nearZero], { ulps: 1.4 }, { ulps: 2.2 }),

  unary("relu", functions.relu, [middle], rounded, rounded, [0]),
  unary("leakyRelu", (x) => functions.leakyRelu(x, 0.1), [middle], { ulps: 1 }, rounded, [0]),
  unary("elu", (x) => functions.elu(x, 1.5), [middle, nearZero], { ulps: 2.5 }, { ulps: 2 }, [0]),
  unary("silu", functions.silu, [middle, between(-80, 80), nearZero], { ulps: 4 }, { ulps: 4, absolute: 3e-7 }),
  unary("gelu", functions.gelu, [middle, between(-13, 13), nearZero], { ulps: 8 }, { ulps: 4, absolute: 3e-7 }),
  unary("geluTanh", functions.geluTanh, [middle, between(-10, 10), nearZero], { ulps: 4, absolute: 1e-7 }, { ulps: 4, absolute: 5e-7 }),
  unary("geluQuick", functions.geluQuick, [middle, between(-40, 40), nearZero], { ulps: 4, absolute: 1e-7 }, { ulps: 4, absolute: 5e-7 }),
];
