// What the float32 approximations share.
//
// Their polynomials are minimax fits of the relative error of the whole function (linear programming on 1,500
// Chebyshev points, function values to 40 digits), the coefficients rounded to float32 one after the other, lowest
// first, the others refitted each time. What they achieve when computed in float32 is listed in function_rows.ts.

import { constant, type Expression } from "./expression.ts";

/** A polynomial by Horner's rule; coefficients from the highest power down. */
export function polynomial(x: Expression, coefficients: readonly number[]): Expression {
  const [first, ...rest] = coefficients;
  return rest.reduce((sum, coefficient) => sum.mul(x).add(coefficient), constant(first));
}

/** ln 2 in two parts, the first one of nine bits, so that n * first is exact for |n| below 2^15. */
export const LN2_HIGH: number = 0.693359375;
/** The rest of ln 2. */
export const LN2_LOW: number = -2.12194440e-4;
