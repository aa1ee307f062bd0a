// Float32 approximations of sine and cosine, written in the scalar language. The fits: polynomial.ts.

import { apply, type Expression } from "./expression.ts";
import { polynomial } from "./polynomial.ts";
import { abs, clamp, floor, lessThan, notEqual, round, where } from "./functions.ts";

/** (sin(r) / r - 1) / r^2 in r^2, for |r| <= pi / 4; the relative error of the sine is 4e-9. */
const sineCoefficients = [-0.0001951828308, 0.008332189173, -0.1666665524];

/** (cos(r) - 1 + r^2 / 2) / r^4 in r^2, for |r| <= pi / 4; the relative error of the cosine is 1e-10. */
const cosineCoefficients = [2.443232734e-5, -0.001388730947, 0.04166664556];

/**
 * pi / 2 in four parts, the first three of at most eleven bits: n times each of them is exact for |n| up to 2^13, that is
 * for |x| up to 12,867 (Cody and Waite, Software Manual for the Elementary Functions, 1980).
 */
const halfPiParts = [1.5703125, 4.837512969970703e-4, 7.549533620476723e-8, 2.5633440682570896e-12];

/** sin(x + quarterTurns * pi / 2). */
function sineOfQuarterTurns(x: Expression, quarterTurns: number): Expression {
  const n = round(x.mul(2 / Math.PI));
  const same = apply("sameInteger", n);
  const reduced = halfPiParts.reduce(
    (rest, part, index) => rest.sub((index % 2 === 0 ? n : same).mul(part)),
    x,
  );
  const r = clamp(reduced, -0.8, 0.8); // keeps the result in [-1, 1] where the reduction has lost all digits
  const half = n.add(quarterTurns).mul(0.5);
  const halfTurns = floor(half);
  const isOdd = notEqual(halfTurns, half);
  const pairs = halfTurns.mul(0.5);
  const isNegative = notEqual(floor(pairs), pairs);
  const z = r.mul(r);
  const sine = polynomial(z, sineCoefficients).mul(z).mul(r).add(r);
  const cosine = polynomial(z, cosineCoefficients).mul(z.mul(z)).sub(z.mul(0.5)).add(1);
  const value = where(isOdd, cosine, sine);
  return where(isNegative, value.neg(), value);
}

/** The sine; -0 for -0. */
export function sinLowering(x: Expression): Expression {
  return where(lessThan(abs(x), 1e-4), x, sineOfQuarterTurns(x, 0));
}

/** The cosine. */
export function cosLowering(x: Expression): Expression {
  return sineOfQuarterTurns(x, 1);
}
