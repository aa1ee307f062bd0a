// Float32 approximations built on the exponential, written in the scalar language. The fits: polynomial.ts.

import { LN2_HIGH, LN2_LOW, polynomial } from "./polynomial.ts";
import { apply, constant, type Expression, type Operand } from "./expression.ts";
import { abs, clamp, lessThan, maximum, minimum, round, where } from "./functions.ts";

/** 2^n for an integer n from -127, where it is 0, to 127. */
function powerOfTwo(n: Expression): Expression {
  return apply("powerOfTwo", n);
}

/** (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2; the relative error of e^r is 3e-9. */
const expCoefficients = [
  0.001382089453,
  0.00836867094,
  0.04166826233,
  0.1666652113,
  0.4999999404,
];

/** The same with the error relative to e^r - 1: 4e-10. */
const expm1Coefficients = [
  0.0001994428894,
  0.001393267303,
  0.008333208039,
  0.04166648909,
  0.1666666716,
  0.5,
];

/** n = round(x / ln 2). */
function halvings(x: Expression): Expression {
  return round(x.mul(Math.LOG2E));
}

/** x - n ln 2. */
function remainder(x: Expression, n: Expression): Expression {
  return x.sub(n.mul(LN2_HIGH)).sub(apply("sameInteger", n).mul(LN2_LOW));
}

/** e^r for |r| <= ln(2) / 2. */
function expOfRemainder(r: Expression): Expression {
  return polynomial(r, expCoefficients).mul(r.mul(r)).add(r).add(1);
}

/** x * 2^n, in two factors: right through overflow and into the denormal numbers. */
function scale(x: Expression, n: Expression): Expression {
  const half = apply("floor", n.mul(0.5));
  return x.mul(powerOfTwo(half)).mul(powerOfTwo(n.sub(half)));
}

/** e^x from -104, where it is 0, to 89, where it is infinite. */
export function expLowering(x: Expression): Expression {
  const limited = clamp(x, -104, 89);
  const n = halvings(limited);
  return scale(expOfRemainder(remainder(limited, n)), n);
}

/** e^(high + low) for -104 <= high <= 89 and |low| far below |high|: for exponents known beyond float32. */
export function expOfSum(high: Expression, low: Expression): Expression {
  const n = halvings(high.add(low));
  return scale(expOfRemainder(remainder(high, n).add(low)), n);
}

/** e^(high + low) for -88.1 <= high <= 0; 0 below -87.7, where numbers become denormal and slow. */
export function expOfNegative(high: Expression, low: Operand = 0): Expression {
  const n = halvings(high.add(low));
  return expOfRemainder(remainder(high, n).add(low)).mul(powerOfTwo(n));
}

/** e^x - 1 = 2 (t p + (t - 1/2)) with t = 2^(n-1), p = e^r - 1: no overflow before the last factor. */
export function expm1Lowering(x: Expression): Expression {
  const limited = clamp(x, -30, 89);
  const n = halvings(limited);
  const r = remainder(limited, n);
  const p = polynomial(r, expm1Coefficients).mul(r.mul(r)).add(r);
  const t = powerOfTwo(n.sub(1));
  const value = t.mul(p).add(t.sub(0.5)).mul(2);
  return where(lessThan(abs(x), 1e-8), x, value); // keeps -0 and the denormal numbers
}

/** e^-|x|, which the functions below share; 0 from 87.7 on. */
export function expOfNegativeMagnitude(x: Expression): Expression {
  return expOfNegative(maximum(abs(x).neg(), -88));
}

/** 1 / (1 + e^-|x|), shared as well. */
function upperSigmoid(x: Expression): Expression {
  return constant(1).div(expOfNegativeMagnitude(x).add(1));
}

/** The logistic function. */
export function sigmoidLowering(x: Expression): Expression {
  return where(lessThan(x, 0), expOfNegativeMagnitude(x), 1).mul(upperSigmoid(x));
}

/** The derivative of the logistic function. */
export function sigmoidSlopeLowering(x: Expression): Expression {
  const upper = upperSigmoid(x);
  return expOfNegativeMagnitude(x).mul(upper).mul(upper);
}

/** (tanh(x) / x - 1) / x^2 in x^2, for |x| <= 0.625; the relative error of tanh is 5e-9. */
const tanhCoefficients = [
  -0.005692296661,
  0.02062816732,
  -0.05373651534,
  0.1333140582,
  -0.3333328068,
];

/** A polynomial near 0; elsewhere 1 - 2 e / (1 + e) with e = e^(-2|x|), whose error counts for less than half. */
export function tanhLowering(x: Expression): Expression {
  const magnitude = abs(x);
  // Above 10 the result is 1. A NaN passes: minimum and maximum keep it.
  const e = expOfNegative(minimum(magnitude, 10).mul(-2));
  const far = constant(1).sub(e.add(e).div(e.add(1)));
  const z = magnitude.mul(magnitude);
  const near = polynomial(z, tanhCoefficients).mul(z).mul(magnitude).add(magnitude);
  return apply("copySign", where(lessThan(magnitude, 0.625), near, far), x);
}
