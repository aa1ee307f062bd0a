// LookSAM: SAM's second pass only every k steps; in between, what it added is used again.

import { ConfigError, StateError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import { copyInto, update } from "../tensor/update.ts";
import { ArenaVector } from "./arena_vector.ts";
import { globalNorm, sumOver } from "./global_norm.ts";
import type { Optimizer, OptimizerState, Pass } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { ScratchVector } from "./scratch_vector.ts";
import {
  type SamOptimizer,
  type SamOptions,
  SharpnessAware,
  withChangedGradient,
} from "./sharpness_aware.ts";

/** Options of {@linkcode lookSam}. */
export interface LookSamOptions extends SamOptions {
  /** Steps from one climb to the next; 5 by default. */
  readonly every?: number;
  /** Weight of the part that is used again; 0.7 by default. */
  readonly alpha?: number;
}

const tiny = 1e-12;
// Inputs: gradient at the top, first gradient, their inner product, |first|.
const [top, first, inner, firstNorm] = [0, 1, 2, 3].map((index) => input(index));
const vertical = top.sub(inner.mul(first).div(firstNorm.mul(firstNorm).add(tiny)));

/**
 * LookSAM (Liu et al., 2022): every k-th step is SAM's, and keeps g_v, the part of the gradient at the top that is
 * perpendicular to the first gradient. The other steps take one pass, and step with g + alpha |g| / |g_v| g_v.
 *
 * @throws {ConfigError} The radius or alpha is negative or not finite, or k is no whole number of at least 1.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { lookSam, sgd, trainStep } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = lookSam(sgd({ learningRate: 0.1 }), { radius: 0.05, every: 2 });
 * const step = trainStep(new Linear(2, 1, { random: 0 }), optimizer, (m, x) =>
 *   m.forward(x).square().mean());
 * const x = tensor([[1, 2]]);
 * assertEquals([(await step(x)).losses.length, (await step(x)).losses.length], [2, 1]);
 * ```
 */
export function lookSam(base: Optimizer, options: LookSamOptions): SamOptimizer {
  const { every = 5, alpha = 0.7 } = options;
  if (!(Number.isInteger(every) && every >= 1)) {
    throw new ConfigError(`lookSam: every is a whole number of at least 1, but is ${every}`);
  }
  if (!(alpha >= 0 && Number.isFinite(alpha))) {
    throw new ConfigError(`lookSam: alpha is finite and not negative, but is ${alpha}`);
  }
  return new LookSam(base, options, every, alpha);
}

class LookSam extends SharpnessAware {
  readonly #vertical = new ArenaVector("lookSam.vertical");
  readonly #first = new ScratchVector();
  /** Whether a vertical part is known. */
  #looked = false;

  constructor(
    base: Optimizer,
    options: SamOptions,
    readonly every: number,
    readonly alpha: number,
  ) {
    super("lookSam", base, options);
  }

  override attach(arena: ParameterArena): void {
    super.attach(arena);
    this.#vertical.attach(arena);
    this.#first.attach(arena);
  }

  protected *passAt(
    rho: number,
    pass: Pass,
    arena: ParameterArena,
  ): Generator<void, Pass, Pass> {
    // Without a climb there is nothing to use again: a warm start is the base's own.
    if (rho === 0) {
      this.#looked = false;
      return pass;
    }
    const kept = this.#vertical.values;
    if (this.#looked && this.steps % this.every !== 0) {
      const weighted = input(0).add(
        input(1).mul(input(2).div(input(3).add(tiny))).mul(this.alpha),
      );
      const { gradient, norm } = pass;
      update([gradient], [weighted], [gradient, kept, norm, globalNorm(kept)]);
      return withChangedGradient(pass);
    }
    const before = this.#first.values;
    copyInto(before, pass.gradient);
    const above = yield* this.climb.top(arena, pass.gradient, [rho], pass.norm);
    const product = sumOver([above.gradient, before], top.mul(first));
    update([kept], [vertical], [above.gradient, before, product, globalNorm(before)]);
    this.#looked = true;
    return above;
  }

  override state(): OptimizerState {
    const { tensors, numbers } = this.base.state();
    return {
      tensors: { ...tensors, ...this.#vertical.state() },
      numbers: { ...numbers, "lookSam.looked": this.#looked ? 1 : 0 },
    };
  }

  override restore(state: OptimizerState): void {
    const looked = state.numbers["lookSam.looked"];
    if (looked !== 0 && looked !== 1) {
      throw new StateError("restore: the state is not one of lookSam; it lacks lookSam.looked");
    }
    this.base.restore(state);
    this.#vertical.restore(state.tensors);
    this.#looked = looked === 1;
  }
}
