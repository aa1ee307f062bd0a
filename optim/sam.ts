// Sharpness-aware minimization around any optimizer.

import { ConfigError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import { abs } from "../kernels/expression/functions.ts";
import { sqrt } from "../tensor/operations/pointwise.ts";
import { zeros } from "../tensor/create.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";
import { copyInto, update } from "../tensor/update.ts";
import { sumOver } from "./global_norm.ts";
import type { Optimizer, OptimizerState, Pass, StepContext } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { Scalars } from "./scalars.ts";

/** What a perturbation radius may depend on. */
export interface RadiusContext {
  /** Steps finished before this one. */
  readonly step: number;
  /** The loss before the climb. */
  readonly loss: number;
  /** The gradient's global norm before the climb. */
  readonly gradientNorm: number;
  /** The learning rate of this step. */
  readonly learningRate: number;
  /** The flat gradient before the climb, laid out as the arena. */
  readonly gradient: Tensor;
  /** The weights. */
  readonly arena: ParameterArena;
}

/** Options of {@linkcode sam}. */
export interface SamOptions {
  /** The perturbation radius rho, or what gives it for each step. At 0 the second pass is left out. */
  readonly radius: number | ((context: RadiusContext) => number);
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

// Inputs: weight, gradient, norm, radius, mask.
const [weight, gradient, norm, radius, mask] = [0, 1, 2, 3, 4].map((index) => input(index));
const reach = radius.div(norm.add(1e-12));
const climb = weight.add(gradient.mul(reach));
const maskedClimb = weight.add(gradient.mul(mask).mul(reach));
const adaptiveClimb = weight.add(weight.mul(weight).mul(gradient).mul(mask).mul(reach));
// Inputs: weight, gradient, mask.
const maskedGradient = input(1).mul(input(2));
const scaledGradient = abs(input(0)).mul(maskedGradient);

/**
 * Sharpness-aware minimization (Foret et al., 2021): climb by rho g / (|g| + 1e-12), jointly over all trained parameters,
 * take the gradient there, put the weights back as they were, bit for bit, and let the base optimizer step with it.
 *
 * @throws {ConfigError} At a step: the radius is negative or not finite.
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
  const { radius } = options;
  if (typeof radius === "number") checkRadius(radius);
  return new SharpnessAware(base, options);
}

function checkRadius(radius: number): void {
  if (Number.isFinite(radius) && radius >= 0) return;
  throw new ConfigError(`sam: the radius must be finite and not negative, but is ${radius}`);
}

class SharpnessAware implements SamOptimizer {
  readonly passes = 2;
  lastRadius = NaN;
  readonly #scalars = new Scalars(["radius"]);
  #saved: Tensor | undefined;
  #mask: Tensor | undefined;

  constructor(readonly base: Optimizer, readonly options: SamOptions) {}

  get name(): string {
    return `sam(${this.base.name})`;
  }

  get steps(): number {
    return this.base.steps;
  }

  get learningRate(): number {
    return this.base.learningRate;
  }

  attach(arena: ParameterArena): void {
    this.base.attach(arena);
    this.#scalars.attach(arena.values);
    this.#saved?.release();
    this.#saved = keep(zeros(arena.values.shape, arena.values));
    this.#mask?.release();
    const { perturb = () => true } = this.options;
    if (!arena.entries.some(({ name }) => perturb(name))) {
      throw new ConfigError("sam: perturb matches none of the trained parameters");
    }
    this.#mask = arena.perElement(({ name }) => perturb(name) ? 1 : 0);
  }

  *step(context: StepContext): Generator<void, void, Pass> {
    const { arena } = context;
    const first = yield;
    const rho = this.#radiusFor(first, arena);
    this.lastRadius = rho;
    let last = first;
    if (rho > 0) {
      const saved = this.#saved!;
      copyInto(saved, arena.values);
      try {
        this.#climb(arena, first, rho);
        last = yield;
      } finally {
        copyInto(arena.values, saved);
      }
    }
    // The base's first request is answered with the gradient of the top.
    const inner = this.base.step(context);
    try {
      inner.next();
      let asked = inner.next(last);
      while (!asked.done) asked = inner.next(yield);
    } finally {
      inner.return();
    }
  }

  #radiusFor(pass: Pass, arena: ParameterArena): number {
    const { radius } = this.options;
    if (typeof radius === "number") return radius;
    const { loss, gradientNorm, gradient } = pass;
    const { steps: step, learningRate } = this;
    const value = radius({ step, loss, gradientNorm, learningRate, gradient, arena });
    checkRadius(value);
    return value;
  }

  #climb({ values }: ParameterArena, { gradient, norm }: Pass, rho: number): void {
    const { adaptive = false, perturb } = this.options;
    const mask = this.#mask!;
    this.#scalars.set({ radius: rho });
    const [radius] = this.#scalars.tensors;
    if (!adaptive && !perturb) {
      update([values], [climb], [values, gradient, norm, radius]);
      return;
    }
    const formula = adaptive ? scaledGradient : maskedGradient;
    const flatMask = mask.size === 1 ? mask.expand(values.shape) : mask;
    const squares = sumOver([values, gradient, flatMask], formula.mul(formula));
    const expression = adaptive ? adaptiveClimb : maskedClimb;
    update([values], [expression], [values, gradient, sqrt(squares), radius, mask]);
  }

  state(): OptimizerState {
    return this.base.state();
  }

  restore(state: OptimizerState): void {
    this.base.restore(state);
  }
}
