// Optimizers that are one formula for each element, and so one kernel for the whole arena.

import { StateError } from "../errors.ts";
import { type Expression, input } from "../kernels/expression/expression.ts";
import { isFinite, where } from "../kernels/expression/functions.ts";
import { update } from "../tensor/update.ts";
import { ArenaVector } from "./arena_vector.ts";
import { GroupVectors, type ParameterGroup } from "./groups.ts";
import type { Optimizer, OptimizerState, Pass, StepContext } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { Scalars } from "./scalars.ts";
import { type Schedule, toSchedule } from "./schedule.ts";

/** Options of every elementwise optimizer. */
export interface ElementwiseOptions {
  /** A number, or a schedule of it. */
  readonly learningRate: number | Schedule;
  /** Weight decay of parameters that no group says otherwise of; biases, norms and position embeddings have none. */
  readonly weightDecay?: number;
  /** Parameters that learn otherwise; where several match, the last one that names a value wins. */
  readonly groups?: readonly ParameterGroup[];
}

/** What a formula is written with. */
export interface ElementInputs<Vector extends string, Scalar extends string> {
  /** The weight. */
  readonly weight: Expression;
  /** Its gradient, clipped where it is. */
  readonly gradient: Expression;
  /** Its learning rate, group and schedule included. */
  readonly rate: Expression;
  /** Its weight decay. */
  readonly decay: Expression;
  /** The optimizer's memory of it. */
  readonly vectors: Readonly<Record<Vector, Expression>>;
  /** Numbers of the step. */
  readonly scalars: Readonly<Record<Scalar, Expression>>;
}

/** One optimizer as a formula. */
export interface ElementRule<Vector extends string, Scalar extends string> {
  /** The optimizer's name. */
  readonly name: string;
  /** What it remembers of each element; starts at 0. */
  readonly vectors: readonly Vector[];
  /** Names of the numbers that change from step to step. */
  readonly scalars: readonly Scalar[];
  /** Those numbers for a step; the first is 1. */
  readonly scalarsAt: (step: number) => Readonly<Record<Scalar, number>>;
  /** The new weight and memory from the old. */
  readonly formula: (
    inputs: ElementInputs<Vector, Scalar>,
  ) => { readonly weight: Expression; readonly vectors: Readonly<Record<Vector, Expression>> };
}

function record<Name extends string, Value>(
  names: readonly Name[],
  valueOf: (at: number) => Value,
): Record<Name, Value> {
  return Object.fromEntries(names.map((name, at) => [name, valueOf(at)])) as Record<Name, Value>;
}

/**
 * An optimizer from a formula for one element. Every step is one kernel over the arena.
 *
 * @example
 * ```ts
 * import { Linear } from "@corit/corit/nn";
 * import { elementwise, trainStepSync } from "@corit/corit/optim";
 * import { tensor } from "@corit/corit";
 * import { sign } from "@corit/corit/kernels";
 * import { assert } from "@std/assert";
 *
 * // Sign descent (Bernstein et al., 2018).
 * const signDescent = elementwise({
 *   name: "signDescent",
 *   vectors: [],
 *   scalars: [],
 *   scalarsAt: () => ({}),
 *   formula: ({ weight, gradient, rate }) => ({
 *     weight: weight.sub(rate.mul(sign(gradient))),
 *     vectors: {},
 *   }),
 * }, { learningRate: 0.01 });
 * const model = new Linear(1, 1, { random: 0 });
 * const step = trainStepSync(model, signDescent, (m, x) => m.forward(x).sub(1).square().mean());
 * const x = tensor([[1], [2]]);
 * const first = step(x).loss;
 * for (let i = 0; i < 20; i++) step(x);
 * assert(step(x).loss < first);
 * ```
 */
export function elementwise<Vector extends string, Scalar extends string>(
  rule: ElementRule<Vector, Scalar>,
  options: ElementwiseOptions,
): Optimizer {
  return new ElementwiseOptimizer(rule, options);
}

class ElementwiseOptimizer<Vector extends string, Scalar extends string> implements Optimizer {
  readonly passes = 1;
  readonly #rateAt: Schedule;
  readonly #groups: GroupVectors;
  readonly #vectors: readonly ArenaVector[];
  readonly #scalars: Scalars<Scalar | "learningRate">;
  readonly #expressions: readonly Expression[];
  #steps = 0;

  constructor(
    readonly rule: ElementRule<Vector, Scalar>,
    { learningRate, weightDecay = 0, groups = [] }: ElementwiseOptions,
  ) {
    const { name, vectors, scalars, formula } = rule;
    this.#rateAt = toSchedule(learningRate);
    this.#groups = new GroupVectors(weightDecay, groups);
    this.#vectors = vectors.map((vector) => new ArenaVector(`${name}.${vector}`));
    this.#scalars = new Scalars(["learningRate", ...scalars]);
    // The order of the inputs is that of `step` below.
    const firstScalar = 6;
    const firstVector = firstScalar + scalars.length;
    const after = formula({
      weight: input(0),
      gradient: input(1).mul(input(2)),
      rate: input(3).mul(input(5)),
      decay: input(4),
      scalars: record(scalars, (at) => input(firstScalar + at)),
      vectors: record(vectors, (at) => input(firstVector + at)),
    });
    // An infinite scale says that the gradient is not to be used.
    const weight = where(isFinite(input(2)), after.weight, input(0));
    this.#expressions = [weight, ...vectors.map((vector) => after.vectors[vector])];
  }

  get name(): string {
    return this.rule.name;
  }

  get steps(): number {
    return this.#steps;
  }

  get learningRate(): number {
    return this.#rateAt(this.#steps);
  }

  attach(arena: ParameterArena): void {
    this.#groups.attach(arena);
    this.#vectors.forEach((vector) => vector.attach(arena));
    this.#scalars.attach(arena.values);
  }

  *step({ arena }: StepContext): Generator<void, void, Pass> {
    const { gradient, scale } = yield;
    this.#scalars.set({
      learningRate: this.learningRate,
      ...this.rule.scalarsAt(this.#steps + 1),
    });
    const vectors = this.#vectors.map((vector) => vector.values);
    update([arena.values, ...vectors], this.#expressions, [
      arena.values,
      gradient,
      scale,
      this.#groups.scale,
      this.#groups.decay,
      ...this.#scalars.tensors,
      ...vectors,
    ]);
    this.#steps++;
  }

  state(): OptimizerState {
    return {
      tensors: Object.assign({}, ...this.#vectors.map((vector) => vector.state())),
      numbers: { [`${this.name}.steps`]: this.#steps },
    };
  }

  restore({ tensors, numbers }: OptimizerState): void {
    const steps = numbers[`${this.name}.steps`];
    if (!Number.isInteger(steps) || steps < 0) {
      throw new StateError(
        `restore: the state is not one of ${this.name}; it has no number ${this.name}.steps`,
      );
    }
    for (const vector of this.#vectors) vector.restore(tensors);
    this.#steps = steps;
  }
}
