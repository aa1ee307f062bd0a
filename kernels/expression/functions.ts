/**
 * The functions of the scalar language: from `abs` to `gelu`. Each builds an expression; nothing is computed.
 *
 * @example A new activation, its value and its derivative
 * ```ts
 * import { derivative, evaluate, input, softplus, tanh } from "@corit/corit/kernels";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const x = input(0);
 * const mish = x.mul(tanh(softplus(x)));
 * assertAlmostEquals(evaluate(mish, [1]), 0.8650983882673103);
 * assertAlmostEquals(evaluate(derivative(mish, 0), [0]), 0.6);
 * ```
 *
 * @module
 */

import { apply, constant, type Expression, type Operand, toExpression } from "./expression.ts";

/** |x|. Its derivative at 0 is 0. */
export function abs(x: Operand): Expression {
  return apply("abs", x);
}

/** The square root; NaN below 0. */
export function sqrt(x: Operand): Expression {
  return apply("sqrt", x);
}

/** 1 / sqrt(x). */
export function rsqrt(x: Operand): Expression {
  return apply("rsqrt", x);
}

/** x * x. */
export function square(x: Operand): Expression {
  const factor = toExpression(x);
  return factor.mul(factor);
}

/** 1 / x. */
export function reciprocal(x: Operand): Expression {
  return constant(1).div(x);
}

/** The largest integer not above x. Its derivative is 0, like that of all steps. */
export function floor(x: Operand): Expression {
  return apply("floor", x);
}

/** The smallest integer not below x. */
export function ceil(x: Operand): Expression {
  return apply("ceil", x);
}

/** The nearest integer, ties to even (as PyTorch and WGSL do, unlike `Math.round`). */
export function round(x: Operand): Expression {
  return apply("round", x);
}

/** The integer next to x toward 0. */
export function trunc(x: Operand): Expression {
  return apply("trunc", x);
}

/** -1, 0 or 1; NaN for NaN. */
export function sign(x: Operand): Expression {
  return apply("sign", x);
}

/** The smaller; NaN where either is NaN. Equal operands get half of the derivative each. */
export function minimum(a: Operand, b: Operand): Expression {
  return apply("minimum", a, b);
}

/** The larger; NaN where either is NaN. Equal operands get half of the derivative each. */
export function maximum(a: Operand, b: Operand): Expression {
  return apply("maximum", a, b);
}

/**
 * x held between two bounds, numbers or expressions. The derivative at the bounds is 1, outside 0.
 *
 * @example
 * ```ts
 * import { clamp, evaluate, input } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const bounded = clamp(input(0), -1, 1);
 * assertEquals([-3, 0.5, 3].map((x) => evaluate(bounded, [x])), [-1, 0.5, 1]);
 * ```
 */
export function clamp(x: Operand, low: Operand, high: Operand): Expression {
  return apply("clamp", x, low, high);
}

/** 1 where a < b, else 0. */
export function lessThan(a: Operand, b: Operand): Expression {
  return apply("lessThan", a, b);
}

/** 1 where a <= b, else 0. */
export function lessEqual(a: Operand, b: Operand): Expression {
  return apply("lessEqual", a, b);
}

/** 1 where a > b, else 0. */
export function greaterThan(a: Operand, b: Operand): Expression {
  return apply("lessThan", b, a);
}

/** 1 where a >= b, else 0. */
export function greaterEqual(a: Operand, b: Operand): Expression {
  return apply("lessEqual", b, a);
}

/** 1 where a = b, else 0. */
export function equal(a: Operand, b: Operand): Expression {
  return apply("equal", a, b);
}

/** 1 where a differs from b, else 0. */
export function notEqual(a: Operand, b: Operand): Expression {
  return apply("notEqual", a, b);
}

/** 1 where both are true (not 0), else 0. */
export function logicalAnd(a: Operand, b: Operand): Expression {
  return apply("logicalAnd", a, b);
}

/** 1 where either is true (not 0), else 0. */
export function logicalOr(a: Operand, b: Operand): Expression {
  return apply("logicalOr", a, b);
}

/** 1 where x is 0, else 0. */
export function logicalNot(x: Operand): Expression {
  return apply("logicalNot", x);
}

/** 1 where x is NaN, else 0; tested on the bits. */
export function isNaN(x: Operand): Expression {
  return apply("isNaN", x);
}

/** 1 where x is neither NaN nor infinite, else 0; tested on the bits. */
export function isFinite(x: Operand): Expression {
  return apply("isFinite", x);
}

/**
 * a where the condition is true (not 0), else b. What is not chosen has derivative 0, even where its own is infinite.
 *
 * @example
 * ```ts
 * import { derivative, evaluate, greaterThan, input, log, where } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const x = input(0);
 * const guarded = where(greaterThan(x, 0), log(x), 0);
 * assertEquals(evaluate(guarded, [-1]), 0);
 * assertEquals(evaluate(derivative(guarded, 0), [0]), 0);
 * ```
 */
export function where(condition: Operand, a: Operand, b: Operand): Expression {
  return apply("where", condition, a, b);
}

/** e^x. */
export function exp(x: Operand): Expression {
  return apply("exp", x);
}

/** e^x - 1, exact near 0. */
export function expm1(x: Operand): Expression {
  return apply("expm1", x);
}

/** The natural logarithm; -Infinity at 0, NaN below. */
export function log(x: Operand): Expression {
  return apply("log", x);
}

/** log(1 + x), exact near 0. */
export function log1p(x: Operand): Expression {
  return apply("log1p", x);
}

/**
 * a to the power b, as `Math.pow`: a negative base has a real power only for integer exponents (else NaN).
 * Small constant exponents become products, quotients and roots. In float32, results are within 2 ulps for exponents up to 10,
 * within 9 for bases near 1 and exponents up to 80.
 *
 * @example
 * ```ts
 * import { evaluate, input, pow } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(evaluate(pow(input(0), 3), [-2]), -8);
 * assertEquals(evaluate(pow(input(0), 0.4), [-2]), NaN);
 * ```
 */
export function pow(a: Operand, b: Operand): Expression {
  const base = toExpression(a), exponent = toExpression(b);
  if (exponent.operation !== "constant") return apply("pow", base, exponent);
  switch (exponent.value) {
    case 0:
      return constant(1);
    case 1:
      return base;
    case 2:
      return square(base);
    case 3:
      return square(base).mul(base);
    case 4:
      return square(square(base));
    case 0.5:
      return sqrt(base);
    case -0.5:
      return rsqrt(base);
    case -1:
      return reciprocal(base);
    case -2:
      return reciprocal(square(base));
    default:
      return apply("pow", base, exponent);
  }
}

/** The sine; in float32 exact to rounding up to |x| = 10,000 and falling off beyond 100,000. */
export function sin(x: Operand): Expression {
  return apply("sin", x);
}

/** The cosine; in float32 exact to rounding up to |x| = 10,000 and falling off beyond 100,000. */
export function cos(x: Operand): Expression {
  return apply("cos", x);
}

/** The hyperbolic tangent. */
export function tanh(x: Operand): Expression {
  return apply("tanh", x);
}

/** The logistic function 1 / (1 + e^-x), relatively exact in both tails. */
export function sigmoid(x: Operand): Expression {
  return apply("sigmoid", x);
}

/** sigmoid(x) * sigmoid(-x), the derivative of the logistic function, without cancellation. */
export function sigmoidSlope(x: Operand): Expression {
  return apply("sigmoidSlope", x);
}

/** log(1 + e^x). */
export function softplus(x: Operand): Expression {
  return apply("softplus", x);
}

/** The error function. */
export function erf(x: Operand): Expression {
  return apply("erf", x);
}

/** 1 - erf(x), relatively exact in the tail. */
export function erfc(x: Operand): Expression {
  return apply("erfc", x);
}

/** The standard normal distribution function, relatively exact in the lower tail. */
export function normalCdf(x: Operand): Expression {
  return apply("normalCdf", x);
}

/** e^(-x^2/2), relatively exact in the tails. */
export function gaussian(x: Operand): Expression {
  return apply("gaussian", x);
}

/** max(x, 0). Its derivative at 0 is 0. */
export function relu(x: Operand): Expression {
  return apply("relu", x);
}

/** x above 0, slope * x elsewhere. */
export function leakyRelu(x: Operand, slope = 0.01): Expression {
  const value = toExpression(x);
  return where(greaterThan(value, 0), value, value.mul(slope));
}

/** x above 0, alpha * (e^x - 1) elsewhere (Clevert, Unterthiner, Hochreiter, 2016). */
export function elu(x: Operand, alpha = 1): Expression {
  // The exponential sees no positive x: its overflow there would be 0 * infinity in the derivatives.
  return relu(x).add(expm1(clamp(x, -Infinity, 0)).mul(alpha));
}

/** x * sigmoid(x), also called swish. */
export function silu(x: Operand): Expression {
  return toExpression(x).mul(sigmoid(x));
}

/** x times the normal distribution function: the exact GELU (Hendrycks and Gimpel, 2016), right in the lower tail too. */
export function gelu(x: Operand): Expression {
  return toExpression(x).mul(normalCdf(x));
}

/** The tanh approximation of GELU: 0.5 x (1 + tanh u) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
export function geluTanh(x: Operand): Expression {
  const value = toExpression(x);
  const scale = 2 * Math.sqrt(2 / Math.PI);
  const argument = value.mul(square(value).mul(scale * 0.044715).add(scale));
  return value.mul(sigmoid(argument)); // as a sigmoid, the derivative does not cancel in the tails
}

/** x * sigmoid(1.702 x), the activation of OpenAI's CLIP. */
export function geluQuick(x: Operand): Expression {
  const value = toExpression(x);
  return value.mul(sigmoid(value.mul(1.702)));
}
