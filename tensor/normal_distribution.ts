// The normal distribution function and its inverse, in double precision.

/**
 * The probability that a standard normal number is at most `x`; absolute error below 1e-15.
 *
 * Source: Marsaglia, "Evaluating the Normal Distribution", Journal of Statistical Software 11(4), 2004.
 */
export function normalCumulative(x: number): number {
  if (x < -8.3) return 0;
  if (x > 8.3) return 1;
  let sum = x, term = x, previous = 0;
  for (let i = 3; sum !== previous; i += 2) {
    previous = sum;
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** Evaluates a polynomial, highest power first. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let value = 0;
  for (const coefficient of coefficients) value = value * x + coefficient;
  return value;
}

/**
 * The `x` below which a standard normal number falls with probability `p`; relative error about 1e-16, infinite at 0 and 1.
 *
 * Source: Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution" (PPND16), Applied Statistics 37(3), 1988.
 */
export function inverseNormalCumulative(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return q * polynomial(r, CENTRE[0]) / polynomial(r, CENTRE[1]);
  }
  const tail = q < 0 ? p : 1 - p;
  if (tail <= 0) return q < 0 ? -Infinity : Infinity;
  const r = Math.sqrt(-Math.log(tail));
  const x = r <= 5
    ? polynomial(r - 1.6, MIDDLE[0]) / polynomial(r - 1.6, MIDDLE[1])
    : polynomial(r - 5, FAR[0]) / polynomial(r - 5, FAR[1]);
  return q < 0 ? -x : x;
}

// Numerator and denominator of AS 241's three rational approximations.
const CENTRE = [
  [
    2509.0809287301226727,
    33430.575583588128105,
    67265.770927008700853,
    45921.953931549871457,
    13731.693765509461125,
    1971.5909503065514427,
    133.14166789178437745,
    3.387132872796366608,
  ],
  [
    5226.495278852545925,
    28729.085735721942674,
    39307.89580009271061,
    21213.794301586595867,
    5394.1960214247511077,
    687.1870074920579083,
    42.313330701600911252,
    1,
  ],
] as const;
const MIDDLE = [
  [
    7.7454501427834140764e-4,
    0.0227238449892691845833,
    0.24178072517745061177,
    1.27045825245236838258,
    3.64784832476320460504,
    5.7694972214606914055,
    4.6303378461565452959,
    1.42343711074968357734,
  ],
  [
    1.05075007164441684324e-9,
    5.475938084995344946e-4,
    0.0151986665636164571966,
    0.14810397642748007459,
    0.68976733498510000455,
    1.6763848301838038494,
    2.05319162663775882187,
    1,
  ],
] as const;
const FAR = [
  [
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    0.0012426609473880784386,
    0.026532189526576123093,
    0.29656057182850489123,
    1.7848265399172913358,
    5.4637849111641143699,
    6.6579046435011037772,
  ],
  [
    2.04426310338993978564e-15,
    1.4215117583164458887e-7,
    1.8463183175100546818e-5,
    7.868691311456132591e-4,
    0.0148753612908506148525,
    0.13692988092273580531,
    0.59983220655588793769,
    1,
  ],
] as const;
