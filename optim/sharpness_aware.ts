// What the optimizers of the SAM family share: a base optimizer, a radius, and passes that are handed on.

import { Climb } from "./climb.ts";
import { globalNorm } from "./global_norm.ts";
import {
  type Optimizer,
  type OptimizerState,
  type Pass,
  passWith,
  type StepContext,
} from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { checkRadius, type Radius, radiusAt } from "./radius.ts";

/** Options of {@linkcode sam}, and of every optimizer of its family. */
export interface SamOptions {
  /** The perturbation radius rho, or what gives it for each step. At 0 the second pass is left out. */
  readonly radius: Radius;
  /** Measures the radius in units of the weights: eps = rho w^2 g / | |w| g | (ASAM; Kwon et al., 2021); false by default. */
  readonly adaptive?: boolean;
  /** Climbs along these parameters only, by name; all by default. The radius is the norm over them. */
  readonly perturb?: (name: string) => boolean;
}

/** An optimizer that climbs before it steps. */
export interface SamOptimizer extends Optimizer {
  /** The optimizer that steps. */
  readonly base: Optimizer;
  /** The radius of the last step; NaN before the first. */
  readonly lastRadius: number;
}

/** Lets an optimizer step with a pass that has been made already; what it asks for beyond goes out. */
export function* stepWith(
  base: Optimizer,
  context: StepContext,
  pass: Pass,
): Generator<void, void, Pass> {
  const inner = base.step(context);
  try {
    inner.next();
    let asked = inner.next(pass);
    while (!asked.done) asked = inner.next(yield);
  } finally {
    inner.return();
  }
}

/** A pass after its gradient was changed in place: its norm on the device is that of the new gradient. */
export function withChangedGradient(pass: Pass): Pass {
  return passWith(pass, { norm: globalNorm(pass.gradient) });
}

/** An optimizer of the family: finds the pass that the base steps with. */
export abstract class SharpnessAware implements SamOptimizer {
  readonly passes = 2;
  lastRadius = NaN;
  protected readonly climb: Climb;

  constructor(
    readonly kind: string,
    readonly base: Optimizer,
    readonly options: SamOptions,
  ) {
    const { radius, adaptive, perturb = () => true } = options;
    if (typeof radius === "number") checkRadius(kind, radius);
    this.climb = new Climb(kind, {
      adaptive,
      groupOf: (name) => perturb(name) ? "perturbed" : undefined,
    });
  }

  get name(): string {
    return `${this.kind}(${this.base.name})`;
  }

  get steps(): number {
    return this.base.steps;
  }

  get learningRate(): number {
    return this.base.learningRate;
  }

  attach(arena: ParameterArena): void {
    this.base.attach(arena);
    this.climb.attach(arena);
  }

  *step(context: StepContext): Generator<void, void, Pass> {
    const first = yield;
    const rho = this.#radiusFor(first, context.arena);
    this.lastRadius = rho;
    yield* stepWith(this.base, context, yield* this.passAt(rho, first, context.arena));
  }

  /** The pass that the base steps with: of radius `rho` around where `first` was taken. */
  protected abstract passAt(
    rho: number,
    first: Pass,
    arena: ParameterArena,
  ): Generator<void, Pass, Pass>;

  #radiusFor(pass: Pass, arena: ParameterArena): number {
    const { steps: step, learningRate } = this;
    const value = radiusAt(this.options.radius, {
      step,
      learningRate,
      gradient: pass.gradient,
      get loss(): number {
        return pass.loss;
      },
      get gradientNorm(): number {
        return pass.gradientNorm;
      },
      arena,
    });
    checkRadius(this.kind, value);
    return value;
  }

  state(): OptimizerState {
    return this.base.state();
  }

  restore(state: OptimizerState): void {
    this.base.restore(state);
  }
}
