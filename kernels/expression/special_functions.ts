// Special functions in float64 that JavaScript's Math lacks: the oracle's side of the scalar language.

const twoOverRootPi = 2 / Math.sqrt(Math.PI);

/** The error function by its series e^(-x^2) * sum of 2^n x^(2n+1) / (2n+1)!!: all terms of one sign, no cancellation. */
function errorFunctionSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return twoOverRootPi * Math.exp(-x * x) * sum;
}

/** erfc(x) for x >= 2 by its continued fraction (Abramowitz and Stegun 7.1.14). */
function complementByFraction(x: number): number {
  let fraction = 0;
  for (let n = 100; n > 0; n--) fraction = n / 2 / (x + fraction);
  // x^2 in two parts, the first one exact, so that the tail keeps its relative accuracy.
  const high = Math.fround(x);
  const exponential = Math.exp(-high * high) * Math.exp((high - x) * (high + x));
  return exponential / Math.sqrt(Math.PI) / (x + fraction);
}

/** The error function, to about 2e-16. */
export function errorFunction(x: number): number {
  if (Number.isNaN(x) || x === 0) return x;
  const magnitude = Math.abs(x);
  if (magnitude < 2) return errorFunctionSeries(x);
  const value = magnitude > 6 ? 1 : 1 - complementByFraction(magnitude);
  return x < 0 ? -value : value;
}

/** 1 - erf(x), to about 1e-13 relative, also in the tail. */
export function complementaryErrorFunction(x: number): number {
  if (x < 2 || Number.isNaN(x)) return 1 - errorFunction(x);
  return x > 28 ? 0 : complementByFraction(x);
}

/** The standard normal distribution function. */
export function normalDistribution(x: number): number {
  return 0.5 * complementaryErrorFunction(-x * Math.SQRT1_2);
}

/** The nearest integer, ties to even, with the sign of zero kept. */
export function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const fraction = x - floor;
  if (fraction === 0 || Number.isNaN(fraction)) return x;
  const up = fraction > 0.5 || (fraction === 0.5 && floor % 2 !== 0);
  const rounded = up ? floor + 1 : floor;
  return rounded === 0 && x < 0 ? -0 : rounded;
}

/** 1 / (1 + e^-x), exact in both tails. */
export function logistic(x: number): number {
  const exponential = Math.exp(-Math.abs(x));
  return (x < 0 ? exponential : 1) / (1 + exponential);
}

/** The derivative of the logistic function. */
export function logisticSlope(x: number): number {
  const exponential = Math.exp(-Math.abs(x));
  return exponential / (1 + exponential) ** 2;
}

/** The n for which x * 2^-n lies from sqrt(1/2) up to sqrt(2), for a finite x above 0. */
export function exponentOf(x: number): number {
  let exponent = Math.round(Math.log2(x)) + 0; // + 0: never -0
  // The logarithm is rounded: next to a border the quotient decides.
  while (x / 2 ** exponent >= Math.SQRT2) exponent++;
  while (x / 2 ** exponent < Math.SQRT1_2) exponent--;
  return exponent;
}

const singleView = new Float32Array(1);
const singleWord = new Int32Array(singleView.buffer);

/** The number rounded to float32 with the twelve low bits of its significand cleared: its square is exact. */
export function highBits(x: number): number {
  singleView[0] = x;
  singleWord[0] &= ~0xfff;
  return singleView[0];
}
