// Float32 approximations built on the logarithm, written in the scalar language. The fits: polynomial.ts.

import { apply, constant, type Expression } from "./expression.ts";
import { expOfNegativeMagnitude, expOfSum } from "./exponential.ts";
import { LN2_HIGH, LN2_LOW, polynomial } from "./polynomial.ts";
import {
  abs,
  clamp,
  equal,
  floor,
  isFinite,
  isNaN,
  lessThan,
  logicalAnd,
  logicalNot,
  logicalOr,
  relu,
  where,
} from "./functions.ts";

/** (log(1 + f) - f + f^2 / 2) / f^3 from sqrt(1/2) - 1 to sqrt(2) - 1; the relative error of the logarithm is 6e-9. */
const logCoefficients = [
  -0.0763598755,
  0.1276212484,
  -0.1315972954,
  0.142016083,
  -0.1662340313,
  0.2000124007,
  -0.2500081956,
  0.3333333135,
];

/** The smallest normal float32. */
const SMALLEST_NORMAL = 1.1754943508222875e-38;

/** log(1 + f) + n ln 2, small terms first. */
function logOfParts(f: Expression, n: Expression): Expression {
  const z = f.mul(f);
  const rest = polynomial(f, logCoefficients).mul(f.mul(z)).add(n.mul(LN2_LOW)).sub(z.mul(0.5));
  return f.add(rest).add(n.mul(LN2_HIGH));
}

/** A positive x as m * 2^n with m from sqrt(1/2) to sqrt(2); denormal numbers are scaled up first. */
function split(x: Expression): { m: Expression; n: Expression } {
  const isDenormal = lessThan(x, SMALLEST_NORMAL);
  const normal = where(isDenormal, x.mul(2 ** 23), x);
  const n = apply("exponentOf", normal).sub(where(isDenormal, 23, 0));
  return { m: apply("significandOf", normal), n };
}

/** The natural logarithm. */
export function logLowering(x: Expression): Expression {
  const { m, n } = split(x);
  const above = where(isFinite(x), logOfParts(m.sub(1), n), x);
  return where(lessThan(0, x), above, where(equal(x, 0), -Infinity, NaN));
}

/**
 * log(1 + x): with 2^n near 1 + x, f = x 2^-n + (2^-n - 1) has one rounding only, where (1 + x) 2^-n - 1 would have
 * lost the low bits of x. 2^-n is kept as a quarter of 2^(2-n), which is normal for every n.
 */
export function log1pLowering(x: Expression): Expression {
  const sum = x.add(1);
  const n = apply("exponentOf", sum);
  const scale = apply("powerOfTwo", constant(2).sub(n));
  const f = x.mul(0.25).mul(scale).add(scale.mul(0.25).sub(1));
  const isTiny = lessThan(abs(x), 1e-8);
  // Powers of a tiny f would be denormal numbers, which are slow; the result is x itself, -0 included.
  const parts = logOfParts(where(isTiny, 0, f), n);
  const above = where(logicalOr(isTiny, logicalNot(isFinite(x))), x, parts);
  return where(lessThan(-1, x), above, where(equal(x, -1), -Infinity, NaN));
}

/** log(1 + e) for 0 <= e <= 1. */
function logOfOnePlusFraction(e: Expression): Expression {
  const isUpper = lessThan(Math.SQRT2 - 1, e);
  const upper = e.mul(0.5).sub(0.5); // (1 + e) / 2 = 1 + upper
  const f = where(isUpper, upper, e);
  // Powers of a tiny e would be denormal numbers, which are slow; there they count for nothing.
  const g = where(lessThan(e, 1e-10), 0, f);
  const z = g.mul(g);
  const low = where(isUpper, LN2_LOW, 0).sub(z.mul(0.5));
  const rest = polynomial(g, logCoefficients).mul(g.mul(z)).add(low);
  return f.add(rest).add(where(isUpper, LN2_HIGH, 0));
}

/** log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
export function softplusLowering(x: Expression): Expression {
  return relu(x).add(logOfOnePlusFraction(expOfNegativeMagnitude(x)));
}

/** x with twelve bits of significand, so that products of two such numbers are exact. */
function highBits(x: Expression): Expression {
  return apply("highBits", x);
}

/** log(x) for x > 0 as an unevaluated sum, about 27 bits right. */
function logAsSum(x: Expression): { high: Expression; low: Expression } {
  const { m, n } = split(x);
  const f = m.sub(1);
  const fHigh = highBits(f);
  const halfSquare = fHigh.mul(fHigh).mul(0.5); // exact
  const restOfSquare = f.sub(fHigh).mul(f.add(fHigh)).mul(0.5);
  const high = f.sub(halfSquare);
  const lost = f.sub(high).sub(halfSquare);
  const cube = f.mul(f).mul(f);
  const low = polynomial(f, logCoefficients).mul(cube).add(lost.sub(restOfSquare));
  const exponentPart = n.mul(LN2_HIGH); // exact, and 0 or larger than `high`
  const sum = exponentPart.add(high);
  const lostInSum = exponentPart.sub(sum).add(high);
  return { high: sum, low: low.add(n.mul(LN2_LOW)).add(lostInSum) };
}

/** a^b = e^(b log|a|) with the product known beyond float32, then what Math.pow prescribes at the borders. */
export function powLowering(a: Expression, b: Expression): Expression {
  const magnitude = abs(a);
  const { high, low } = logAsSum(magnitude);
  const bHigh = highBits(b), logHigh = highBits(high);
  const product = bHigh.mul(logHigh); // exact
  const rest = b.sub(bHigh).mul(high).add(bHigh.mul(high.sub(logHigh))).add(b.mul(low));
  const limited = clamp(product, -104, 89);
  const power = expOfSum(limited, where(equal(limited, product), rest, 0));

  // Of 0, infinity, or to the power of infinity: 0 or infinity, by whether base and exponent pull together.
  const pullsDown = lessThan(b, 0);
  const extreme = where(
    where(lessThan(magnitude, 1), pullsDown, logicalNot(pullsDown)),
    Infinity,
    0,
  );
  const hasInfiniteExponent = equal(abs(b), Infinity);
  const isExtreme = logicalOr(
    logicalOr(equal(magnitude, 0), equal(magnitude, Infinity)),
    hasInfiniteExponent,
  );
  const size = where(isExtreme, extreme, power);

  const isInteger = equal(floor(b), b);
  const half = b.mul(0.5);
  const isOdd = logicalAnd(isInteger, logicalNot(equal(floor(half), half)));
  const hasMinus = lessThan(apply("copySign", 1, a), 0); // of -0 too
  const signed = where(logicalAnd(isOdd, hasMinus), size.neg(), size);

  const isRootOfNegative = logicalAnd(
    logicalAnd(lessThan(a, 0), logicalNot(isInteger)),
    lessThan(magnitude, Infinity),
  );
  const isUndefined = logicalOr(
    logicalOr(isRootOfNegative, logicalAnd(equal(magnitude, 1), hasInfiniteExponent)),
    logicalOr(isNaN(a), isNaN(b)),
  );
  return where(equal(b, 0), 1, where(isUndefined, NaN, signed));
}
