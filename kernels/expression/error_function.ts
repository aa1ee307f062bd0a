// Float32 approximations of erf, erfc, the normal distribution and the Gaussian, written in the scalar
// language. The fits are described in polynomial.ts.

import { apply, constant, type Expression } from "./expression.ts";
import { expOfNegative } from "./exponential.ts";
import { polynomial } from "./polynomial.ts";
import { abs, lessThan, minimum, where } from "./functions.ts";

/** erf(x) / x - 1 in x^2, for |x| <= 0.85; the relative error of erf is 7e-9. */
const erfCoefficients = [
  -0.0006348518655,
  0.005057703704,
  -0.02680728771,
  0.1128286496,
  -0.3761259019,
  0.1283791661,
];

/** log(1 - erf(x)) for 0.85 <= x <= 4; the relative error of erf is 2e-9. */
const logErfcCoefficients = [
  0.0002036888909,
  -0.003117944114,
  0.02251930907,
  -0.1045262739,
  -0.6365187168,
  -1.128061056,
  -0.0001045261743,
];

/** A polynomial near 0, elsewhere 1 - e^(polynomial), where the exponential is below a quarter. */
export function erfLowering(x: Expression): Expression {
  const magnitude = abs(x);
  const z = magnitude.mul(magnitude);
  const near = polynomial(z, erfCoefficients).mul(magnitude).add(magnitude);
  const logarithm = polynomial(minimum(magnitude, 4), logErfcCoefficients);
  const far = constant(1).sub(expOfNegative(logarithm));
  return apply("copySign", where(lessThan(magnitude, 0.85), near, far), x);
}

/** e^(factor * x^2) for a factor of -1/2 or -1: x^2 as an exact square and a rest, since its rounding would be seen. */
function expOfSquare(magnitude: Expression, factor: number): Expression {
  const high = apply("highBits", magnitude);
  const square = high.mul(high).mul(factor); // exact
  const rest = magnitude.sub(high).mul(magnitude.add(high)).mul(factor);
  return expOfNegative(square, rest);
}

/** e^(-x^2 / 2); 0 from 13.25 on. */
export function gaussianLowering(x: Expression): Expression {
  return expOfSquare(minimum(abs(x), 13.27), -0.5);
}

/**
 * e^(t^2 / 2) (1 - cdf(t)) for 0 <= t <= 13.3 as a quotient of polynomials: all coefficients are positive, so that nothing
 * cancels. A minimax fit of the quotient (iterated linear programming); the relative error is 1.3e-8.
 */
const tailNumerator = [0.004021995235, 0.03999637812, 0.1813430488, 0.4357354939, 0.5];
const tailDenominator = [0.01008150447, 0.1002634093, 0.4644761384, 1.194635272, 1.669355869, 1];

/** e^(t^2 / 2) (1 - cdf(t)) for t >= 0. */
function scaledTail(t: Expression): Expression {
  return polynomial(t, tailNumerator).div(polynomial(t, tailDenominator));
}

/** The tail e^(-x^2 / 2) R(|x|) below 0, 1 minus it above. */
export function normalCdfLowering(x: Expression): Expression {
  const tail = gaussianLowering(x).mul(scaledTail(minimum(abs(x), 13.27)));
  return where(lessThan(x, 0), tail, constant(1).sub(tail));
}

/** 2 e^(-x^2) R(sqrt(2) |x|) above 0, 2 minus it below. */
export function erfcLowering(x: Expression): Expression {
  const magnitude = minimum(abs(x), 9.38);
  const exponential = expOfSquare(magnitude, -1);
  const tail = exponential.mul(scaledTail(magnitude.mul(Math.SQRT2)).mul(2));
  return where(lessThan(x, 0), constant(2).sub(tail), tail);
}
