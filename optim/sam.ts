// Sharpness-aware minimization around any optimizer.

import type { Optimizer, Pass } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { type SamOptimizer, type SamOptions, SharpnessAware } from "./sharpness_aware.ts";

/**
 * Sharpness-aware minimization (Foret et al., 2021): climb by rho g / (|g| + 1e-12), jointly over all trained parameters,
 * take the gradient there, put the weights back as they were, bit for bit, and let the base optimizer step with it.
 *
 * @throws {ConfigError} The radius is negative or not finite; at a step, where it follows from one.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { adamW, sam, trainStep } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const model = new Linear(2, 1, { random: 0 });
 * const optimizer = sam(adamW({ learningRate: 1e-3, weightDecay: 0.05 }), { radius: 0.01 });
 * const step = trainStep(model, optimizer, (m, x) => m.forward(x).square().mean());
 * const { losses } = await step(tensor([[1, 2]]));
 * assertEquals(losses.length, 2); // before the climb, and at its top
 * ```
 */
export function sam(base: Optimizer, options: SamOptions): SamOptimizer {
  return new Sam("sam", base, options);
}

class Sam extends SharpnessAware {
  protected *passAt(
    rho: number,
    first: Pass,
    arena: ParameterArena,
  ): Generator<void, Pass, Pass> {
    if (rho === 0) return first;
    return yield* this.climb.top(arena, first.gradient, [rho], first.norm);
  }
}
