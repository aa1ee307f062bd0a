// SAM whose radius is held at a fraction of the critical one, which is estimated anew along the way.

import { ConfigError, StateError } from "../errors.ts";
import { Climb } from "./climb.ts";
import type { Optimizer, OptimizerState, Pass, StepContext } from "./optimizer.ts";
import type { ArenaEntry, ParameterArena } from "./parameters.ts";
import { checkRadius, type RadiusContext } from "./radius.ts";
import { type SamOptimizer, stepWith } from "./sharpness_aware.ts";

/** Parameters that climb together, as an estimator of the critical radius sees them. */
export interface GuidedGroup {
  /** The group's name; `all` where there is only one. */
  readonly name: string;
  /** Its parameters. */
  readonly entries: readonly ArenaEntry[];
}

/** Options of {@linkcode corGuidedSam}. */
export interface CorGuidedOptions {
  /**
   * Estimates the critical radius at the weights of the moment, perturbing the group alone: 0 where no step descends,
   * `Infinity` where every one does. It leaves the weights and the gradient as they are.
   */
  readonly criticalRadius: (context: RadiusContext, group: GuidedGroup) => number;
  /** The radius as a share of the critical one; 0.5 by default. */
  readonly fraction?: number;
  /** Steps from one estimate to the next; 50 by default. */
  readonly every?: number;
  /** The largest radius of a group, also where the critical one is infinite; 0.1 by default. */
  readonly maximum?: number;
  /** The group of a parameter, such as its block, which climbs by its own radius; all are one group by default. */
  readonly groupOf?: (name: string) => string | undefined;
  /** Measures radii in units of the weights (ASAM); false by default. */
  readonly adaptive?: boolean;
}

const radiusPrefix = "corGuidedSam.radius.";

/** The optimizer that {@linkcode corGuidedSam} makes. */
export interface CorGuidedOptimizer extends SamOptimizer {
  /** The radius of each group; empty before the first estimate. */
  readonly radii: Readonly<Record<string, number>>;
}

/**
 * COR-guided SAM (**ours**): rho = min(maximum, fraction * critical radius), estimated anew every k steps, for all
 * parameters together or for each group by itself. With groups, each climbs by its own radius along its own part of the
 * gradient, so that `lastRadius`, the length of the whole climb, is the root of the sum of squares.
 *
 * @throws {ConfigError} An option is outside of its range; at a step: an estimate is negative or NaN.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { corGuidedSam, sgd, trainStep } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = corGuidedSam(sgd({ learningRate: 0.1 }), {
 *   criticalRadius: ({ gradientNorm }) => 0.01 * gradientNorm,
 *   fraction: 0.5,
 *   every: 10,
 * });
 * const step = trainStep(new Linear(2, 1, { random: 0 }), optimizer, (m, x) =>
 *   m.forward(x).square().mean());
 * const { gradientNorm } = await step(tensor([[1, 2]]));
 * assertEquals(optimizer.lastRadius, 0.5 * (0.01 * gradientNorm));
 * ```
 */
export function corGuidedSam(base: Optimizer, options: CorGuidedOptions): CorGuidedOptimizer {
  const { fraction = 0.5, every = 50, maximum = 0.1 } = options;
  if (!(fraction > 0 && Number.isFinite(fraction))) {
    throw new ConfigError(`corGuidedSam: the fraction is above 0, but is ${fraction}`);
  }
  if (!(Number.isInteger(every) && every >= 1)) {
    throw new ConfigError(`corGuidedSam: every is a whole number of at least 1, but is ${every}`);
  }
  checkRadius("corGuidedSam", maximum);
  return new CorGuided(base, options, fraction, every, maximum);
}

class CorGuided implements CorGuidedOptimizer {
  readonly passes = 2;
  readonly #climb: Climb;
  #radii: Record<string, number> = {};

  constructor(
    readonly base: Optimizer,
    readonly options: CorGuidedOptions,
    readonly fraction: number,
    readonly every: number,
    readonly maximum: number,
  ) {
    this.#climb = new Climb("corGuidedSam", options);
  }

  get name(): string {
    return `corGuidedSam(${this.base.name})`;
  }

  get steps(): number {
    return this.base.steps;
  }

  get learningRate(): number {
    return this.base.learningRate;
  }

  get radii(): Readonly<Record<string, number>> {
    return this.#radii;
  }

  get lastRadius(): number {
    const radii = Object.values(this.#radii);
    return radii.length === 0 ? NaN : Math.hypot(...radii);
  }

  attach(arena: ParameterArena): void {
    this.base.attach(arena);
    this.#climb.attach(arena);
  }

  *step(context: StepContext): Generator<void, void, Pass> {
    const { arena } = context;
    const first = yield;
    const names = this.#climb.groups.map(({ name }) => name);
    if (this.steps % this.every === 0 || names.some((name) => !(name in this.#radii))) {
      this.#estimate(first, arena, names);
    }
    const radii = names.map((name) => this.#radii[name]);
    const climbs = radii.some((rho) => rho > 0);
    const pass = climbs ? yield* this.#climb.top(arena, first.gradient, radii, first.norm) : first;
    yield* stepWith(this.base, context, pass);
  }

  #estimate(
    { loss, gradientNorm, gradient }: Pass,
    arena: ParameterArena,
    names: readonly string[],
  ): void {
    const { criticalRadius, groupOf = () => "all" } = this.options;
    const { steps: step, learningRate } = this;
    const context = { step, loss, gradientNorm, learningRate, gradient, arena };
    const radii: Record<string, number> = {};
    for (const name of names) {
      const entries = arena.entries.filter((entry) => groupOf(entry.name) === name);
      const critical = criticalRadius(context, { name, entries });
      if (!(critical >= 0)) {
        throw new ConfigError(
          `corGuidedSam: the critical radius of ${name} at step ${step + 1} is ${critical}`,
        );
      }
      radii[name] = Math.min(this.maximum, this.fraction * critical);
    }
    this.#radii = radii;
  }

  state(): OptimizerState {
    const { tensors, numbers } = this.base.state();
    const radii = Object.entries(this.#radii);
    return {
      tensors,
      numbers: {
        ...numbers,
        "corGuidedSam.groups": radii.length,
        ...Object.fromEntries(radii.map(([name, radius]) => [`${radiusPrefix}${name}`, radius])),
      },
    };
  }

  restore(state: OptimizerState): void {
    const radii = Object.entries(state.numbers).filter(([name]) => name.startsWith(radiusPrefix));
    if (state.numbers["corGuidedSam.groups"] !== radii.length) {
      throw new StateError(
        `restore: the state is not one of ${this.name}; its corGuidedSam.groups do not fit`,
      );
    }
    this.base.restore(state);
    this.#radii = Object.fromEntries(
      radii.map(([name, radius]) => [name.slice(radiusPrefix.length), radius]),
    );
  }
}
