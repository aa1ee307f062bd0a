// The unbiased estimate of a group's gradient signal-to-noise ratio from sums over units, and its jackknife interval.

/** What is summed over the units of one stratum; all units are one stratum where noise is not taken within classes. */
export interface StratumSums {
  /** |sum of g|^2. */
  readonly squaredSum: number;
  /** Sum of |g|^2. */
  readonly sumOfSquares: number;
  /** Units in it. */
  readonly units: number;
  /** Its share in the mean: of all units, unless some are left out. */
  readonly weight: number;
}

/** Signal, noise and their ratio. */
export interface Estimate {
  readonly signal: number;
  readonly noise: number;
  readonly gsnr: number;
  readonly plugIn: number;
}

/**
 * With mean m and unbiased variance v: E |m|^2 = |E g|^2 + v / M, so the signal is |m|^2 - v / M. With strata of weights
 * w_c, m is the sum of w_c m_c, v that of w_c v_c, and what is subtracted that of w_c^2 v_c / M_c: the shares of the
 * strata are fixed, not drawn.
 *
 * @param squaredMean |m|^2.
 */
export function estimate(squaredMean: number, strata: readonly StratumSums[]): Estimate {
  let noise = 0, ofMean = 0;
  for (const { squaredSum, sumOfSquares, units, weight } of strata) {
    const variance = (sumOfSquares - squaredSum / units) / (units - 1);
    noise += weight * variance;
    ofMean += weight * weight * variance / units;
  }
  const signal = squaredMean - ofMean;
  const ratio = (value: number) => noise > 0 ? value / noise : NaN;
  return { signal, noise, gsnr: ratio(signal), plugIn: ratio(squaredMean) };
}

/** Standard error and 95 % interval from the estimates that leave one shard out; NaN with fewer than two. */
export function jackknife(
  value: number,
  without: readonly number[],
): { standardError: number; interval: [low: number, high: number] } {
  const shards = without.length;
  const centre = add(without) / shards;
  const spread = add(without.map((each) => (each - centre) ** 2));
  const standardError = shards < 2 ? NaN : Math.sqrt((shards - 1) / shards * spread);
  return {
    standardError,
    interval: [value - 1.96 * standardError, value + 1.96 * standardError],
  };
}

/** The sum of numbers. */
export function add(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** The inner product of two vectors. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
