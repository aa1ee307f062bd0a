// Temperature scaling: one number that makes a detector's probabilities mean what they say.

import { logLoss } from "./calibration.ts";
import type { Numbers } from "./metrics.ts";

/** Temperatures that are tried: beyond them a detector is guessing, or certain, whatever it says. */
const LOWEST = Math.log(0.05), HIGHEST = Math.log(20);

/** Share of an interval that golden-section search keeps. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Probabilities at another temperature: sigmoid(logit(p) / temperature).
 *
 * Above 1 they move towards one half, below 1 away from it; their order and the side of one half stay.
 * Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
 *
 * @example
 * ```ts
 * import { atTemperature } from "@corit/corit/evaluation";
 * import { assertAlmostEquals } from "@std/assert";
 * const [low, middle] = atTemperature([0.2, 0.5], 2);
 * assertAlmostEquals(low, 1 / 3);
 * assertAlmostEquals(middle, 0.5);
 * ```
 */
export function atTemperature(probabilities: Numbers, temperature: number): Float64Array {
  return Float64Array.from(probabilities, (probability) => {
    if (temperature === 1 || probability <= 0 || probability >= 1) return probability;
    const logit = Math.log(probability) - Math.log1p(-probability);
    return 1 / (1 + Math.exp(-logit / temperature));
  });
}

/**
 * The temperature at which probabilities fit their labels best (least log loss), from 0.05 to 20: fit it on validation,
 * never on test.
 *
 * `weights` `[samples]` as for `logLoss`. Log loss has one minimum over the inverse temperature, which golden-section
 * search finds to six digits.
 *
 * @throws {ShapeError | ValueError | DataError} as `logLoss`.
 *
 * @example
 * ```ts
 * import { fitTemperature } from "@corit/corit/evaluation";
 * import { assert } from "@std/assert";
 * // Says 0.9 and is right in three of four cases: too sure of itself.
 * assert(fitTemperature([0.9, 0.9, 0.9, 0.9, 0.1], [1, 1, 1, 0, 0]) > 1);
 * ```
 */
export function fitTemperature(probabilities: Numbers, labels: Numbers, weights?: Numbers): number {
  const cost = (logarithm: number): number =>
    logLoss(atTemperature(probabilities, Math.exp(logarithm)), labels, weights);
  let low = LOWEST, high = HIGHEST;
  let left = high - GOLDEN * (high - low), right = low + GOLDEN * (high - low);
  let leftCost = cost(left), rightCost = cost(right);
  while (high - low > 1e-6) {
    if (leftCost <= rightCost) {
      [high, right, rightCost] = [right, left, leftCost];
      left = high - GOLDEN * (high - low);
      leftCost = cost(left);
    } else {
      [low, left, leftCost] = [left, right, rightCost];
      right = low + GOLDEN * (high - low);
      rightCost = cost(right);
    }
  }
  return Math.exp((low + high) / 2);
}
