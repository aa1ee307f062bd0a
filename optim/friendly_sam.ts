// F-SAM: the climb goes along what a batch's gradient has beyond the running mean, its noise.

import { ConfigError, StateError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import { copyInto, update } from "../tensor/update.ts";
import { ArenaVector } from "./arena_vector.ts";
import type { Optimizer, OptimizerState, Pass } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { ScratchVector } from "./scratch_vector.ts";
import { type SamOptimizer, type SamOptions, SharpnessAware } from "./sharpness_aware.ts";

/** Options of {@linkcode friendlySam}. */
export interface FriendlySamOptions extends SamOptions {
  /** How much of the running mean is taken away from the gradient; 0 is SAM. 1 by default. */
  readonly sigma?: number;
  /** Share of the running mean that is kept at each step, in [0, 1); 0.9 by default. */
  readonly decay?: number;
}

/**
 * Friendly SAM (Li et al., 2024): climb along g - sigma m, where m is the exponential mean of the batches' gradients up
 * to the step before, and step with the gradient there. As in the authors' code m starts at the first gradient, and the
 * first climb is SAM's own.
 *
 * @throws {ConfigError} The radius or sigma is negative or not finite, or the decay lies outside of [0, 1).
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { friendlySam, sgd, trainStep } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = friendlySam(sgd({ learningRate: 0.1 }), { radius: 0.05, decay: 0.6 });
 * const step = trainStep(new Linear(2, 1, { random: 0 }), optimizer, (m, x) =>
 *   m.forward(x).square().mean());
 * assertEquals((await step(tensor([[1, 2]]))).losses.length, 2);
 * ```
 */
export function friendlySam(base: Optimizer, options: FriendlySamOptions): SamOptimizer {
  const { sigma = 1, decay = 0.9 } = options;
  if (!(sigma >= 0 && Number.isFinite(sigma))) {
    throw new ConfigError(`friendlySam: sigma is finite and not negative, but is ${sigma}`);
  }
  if (!(decay >= 0 && decay < 1)) {
    throw new ConfigError(`friendlySam: the decay lies in [0, 1), but is ${decay}`);
  }
  return new FriendlySam(base, options, sigma, decay);
}

class FriendlySam extends SharpnessAware {
  readonly #mean = new ArenaVector("friendlySam.mean");
  readonly #direction = new ScratchVector();
  /** Whether a gradient has gone into the mean. */
  #started = false;

  constructor(
    base: Optimizer,
    options: SamOptions,
    readonly sigma: number,
    readonly decay: number,
  ) {
    super("friendlySam", base, options);
  }

  override attach(arena: ParameterArena): void {
    super.attach(arena);
    this.#mean.attach(arena);
    this.#direction.attach(arena);
  }

  protected *passAt(
    rho: number,
    pass: Pass,
    arena: ParameterArena,
  ): Generator<void, Pass, Pass> {
    const { gradient } = pass;
    const mean = this.#mean.values;
    const direction = this.#direction.values;
    if (this.#started) {
      // Inputs: mean, gradient. The direction sees the mean from before.
      const noise = input(1).sub(input(0).mul(this.sigma));
      const next = input(0).mul(this.decay).add(input(1).mul(1 - this.decay));
      update([direction, mean], [noise, next], [mean, gradient]);
    } else {
      copyInto(direction, gradient);
      copyInto(mean, gradient);
      this.#started = true;
    }
    if (rho === 0) return pass;
    return yield* this.climb.top(arena, direction, [rho]);
  }

  override state(): OptimizerState {
    const { tensors, numbers } = this.base.state();
    return {
      tensors: { ...tensors, ...this.#mean.state() },
      numbers: { ...numbers, "friendlySam.started": this.#started ? 1 : 0 },
    };
  }

  override restore(state: OptimizerState): void {
    const started = state.numbers["friendlySam.started"];
    if (started !== 0 && started !== 1) {
      throw new StateError(
        "restore: the state is not one of friendlySam; it lacks friendlySam.started",
      );
    }
    this.base.restore(state);
    this.#mean.restore(state.tensors);
    this.#started = started === 1;
  }
}
