// GSAM: the step follows the gradient at the top, less a part of the first gradient that is perpendicular to it.

import { ConfigError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import { copyInto, update } from "../tensor/update.ts";
import { globalNorm, sumOver } from "./global_norm.ts";
import type { Optimizer, Pass } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { ScratchVector } from "./scratch_vector.ts";
import {
  type SamOptimizer,
  type SamOptions,
  SharpnessAware,
  withChangedGradient,
} from "./sharpness_aware.ts";

/** Options of {@linkcode gsam}. */
export interface GsamOptions extends SamOptions {
  /** Weight of the surrogate gap; 0 is SAM. 0.1 by default. */
  readonly alpha?: number;
}

// Inputs: gradient at the top, first gradient, their inner product, |top|, |first|.
const [top, first, inner, topNorm, firstNorm] = [0, 1, 2, 3, 4].map((index) => input(index));
const tiny = 1e-12;
const cosine = inner.div(topNorm.mul(firstNorm).add(tiny));
const perpendicular = first.sub(cosine.mul(firstNorm).mul(top).div(topNorm.add(tiny)));

/**
 * Surrogate gap guided SAM (Zhuang et al., 2022): climb as SAM does, and step with g_top - alpha g_perp, where g_perp is
 * the part of the first gradient that is perpendicular to the one at the top. Both the loss at the top and its distance
 * to the loss before are minimized. The authors let the radius follow the learning rate: `radiusFollowingRate`.
 *
 * @throws {ConfigError} The radius or alpha is negative or not finite.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { gsam, sgd, trainStep } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = gsam(sgd({ learningRate: 0.1 }), { radius: 0.05, alpha: 0.2 });
 * const step = trainStep(new Linear(2, 1, { random: 0 }), optimizer, (m, x) =>
 *   m.forward(x).square().mean());
 * assertEquals((await step(tensor([[1, 2]]))).losses.length, 2);
 * ```
 */
export function gsam(base: Optimizer, options: GsamOptions): SamOptimizer {
  const { alpha = 0.1 } = options;
  if (!(alpha >= 0 && Number.isFinite(alpha))) {
    throw new ConfigError(`gsam: alpha is finite and not negative, but is ${alpha}`);
  }
  return new Gsam(base, options, alpha);
}

class Gsam extends SharpnessAware {
  readonly #first = new ScratchVector();

  constructor(base: Optimizer, options: SamOptions, readonly alpha: number) {
    super("gsam", base, options);
  }

  override attach(arena: ParameterArena): void {
    super.attach(arena);
    this.#first.attach(arena);
  }

  protected *passAt(
    rho: number,
    pass: Pass,
    arena: ParameterArena,
  ): Generator<void, Pass, Pass> {
    if (rho === 0) return pass;
    const kept = this.#first.values;
    copyInto(kept, pass.gradient);
    const above = yield* this.climb.top(arena, pass.gradient, [rho], pass.norm);
    const { gradient } = above;
    const product = sumOver([gradient, kept], top.mul(first));
    update([gradient], [top.sub(perpendicular.mul(this.alpha))], [
      gradient,
      kept,
      product,
      above.norm,
      globalNorm(kept),
    ]);
    return withChangedGradient(above);
  }
}
