// How one SAM step changes the loss, radius by radius: the curve whose zero is the local critical radius.

import { ValueError } from "../errors.ts";
import {
  dimensionOf,
  gradientAt,
  lossAt,
  type LossSurface,
  normOf,
  scaled,
} from "./loss_surface.ts";

/** What {@linkcode stepChange} is asked to do. */
export interface StepChangeOptions {
  /** The loss that has to fall. */
  readonly surface: LossSurface;
  /** The losses of single training batches, over the same parameters. */
  readonly batches: readonly LossSurface[];
  /** The learning rate of the step. */
  readonly learningRate: number;
  /** The radii. */
  readonly radii: readonly number[];
}

/** One point of the curve. */
export interface StepChange {
  /** The radius of the climb. */
  readonly radius: number;
  /** Mean change of the loss in one step, over batches; below 0 the step descends. */
  readonly change: number;
  /** Its standard error over batches; NaN with a single one. */
  readonly standardError: number;
}

/**
 * The expected change of the loss in one plain step at the gradient of SAM's point, L(w - eta h(rho)) - L(w), for each
 * radius. `localCriticalRadius` finds where it turns positive.
 *
 * @throws {ValueError} There are no batches, or the learning rate is not above 0.
 *
 * @example
 * ```ts
 * import { type LossSurface, stepChange } from "@corit/corit/instruments";
 * import { tensor } from "@corit/corit";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * // L = w^2 / 2 at w = 1: h = 1 + rho, and the step leads to 1 - eta (1 + rho).
 * const surface: LossSurface = {
 *   parameters: [tensor([1])],
 *   loss: ([w]) => w.square().sum().mul(0.5),
 * };
 * const [{ change }] = stepChange({ surface, batches: [surface], learningRate: 0.5, radii: [1] });
 * assertAlmostEquals(change, -0.5, 1e-6);
 * ```
 */
export function stepChange(options: StepChangeOptions): StepChange[] {
  const { surface, batches, learningRate, radii } = options;
  if (batches.length === 0) throw new ValueError("stepChange: there are no batches");
  if (!(learningRate > 0)) {
    throw new ValueError(`stepChange: learningRate must be above 0, but is ${learningRate}`);
  }
  const here = new Float64Array(dimensionOf(surface));
  const base = lossAt(surface, here);
  const directions = batches.map((batch) => {
    const climb = gradientAt(batch, here);
    return scaled(climb, 1 / (normOf(climb) || 1));
  });
  return radii.map((radius) => {
    const changes = batches.map((batch, at) => {
      const top = gradientAt(batch, scaled(directions[at], radius));
      return lossAt(surface, scaled(top, -learningRate)) - base;
    });
    const count = changes.length;
    const change = changes.reduce((sum, value) => sum + value, 0) / count;
    const squares = changes.reduce((sum, value) => sum + (value - change) ** 2, 0);
    return {
      radius,
      change,
      standardError: count < 2 ? NaN : Math.sqrt(squares / (count - 1) / count),
    };
  });
}
