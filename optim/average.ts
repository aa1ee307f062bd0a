// An exponential moving average of the weights.

import { ConfigError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import type { StateDict } from "../nn/state.ts";
import { update } from "../tensor/update.ts";
import { ArenaVector } from "./arena_vector.ts";
import type { Optimizer, OptimizerState, Pass, StepContext } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { Scalars } from "./scalars.ts";

/** Options of {@linkcode ema}. */
export interface EmaOptions {
  /** Share of the average that is kept at each step, in [0, 1); 0.999 by default. */
  readonly decay?: number;
  /** Keeps less in the first steps: min(decay, (1 + step) / (10 + step)); false by default. */
  readonly warmup?: boolean;
}

/** An optimizer that averages the weights after each of its steps. */
export interface AveragingOptimizer extends Optimizer {
  /** The optimizer that steps. */
  readonly base: Optimizer;
  /** The averages by parameter name; they share memory with the average and belong to the current scope. */
  averages(): StateDict;
  /** Swaps weights and averages, bit for bit: once before an evaluation, once after it. */
  exchange(): void;
  /** Runs a function, which may be asynchronous, with the averages in place of the weights. */
  withAverages<Result>(body: () => Result | PromiseLike<Result>): Promise<Result>;
}

// Inputs: average, weight, decay.
const averaged = input(0).mul(input(2)).add(input(1).mul(input(2).neg().add(1)));

/**
 * Keeps an exponential moving average of the weights, which starts at the weights themselves: after each step,
 * average = decay average + (1 - decay) weight.
 *
 * @throws {ConfigError} The decay is outside of [0, 1).
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { ema, sgd, trainStep } from "@corit/corit/optim";
 * import { assert } from "@std/assert";
 *
 * const model = new Linear(1, 1, { random: 0 });
 * const optimizer = ema(sgd({ learningRate: 0.1 }), { decay: 0.9 });
 * const step = trainStep(model, optimizer, (m, x) => m.forward(x).square().mean());
 * const before = model.bias!.value.item();
 * await step(tensor([[1]]));
 * const after = model.bias!.value.item();
 * const average = await optimizer.withAverages(() => model.bias!.value.item());
 * assert(Math.abs(average - (0.9 * before + 0.1 * after)) < 1e-6);
 * ```
 */
export function ema(base: Optimizer, options: EmaOptions = {}): AveragingOptimizer {
  const { decay = 0.999, warmup = false } = options;
  if (!(decay >= 0 && decay < 1)) {
    throw new ConfigError(`ema: the decay lies in [0, 1), but is ${decay}`);
  }
  return new Averaging(base, decay, warmup);
}

class Averaging implements AveragingOptimizer {
  readonly #average = new ArenaVector("ema", "values");
  readonly #scalars = new Scalars(["decay"]);
  #arena: ParameterArena | undefined;

  constructor(readonly base: Optimizer, readonly decay: number, readonly warmup: boolean) {}

  get name(): string {
    return this.base.name;
  }

  get passes(): number {
    return this.base.passes;
  }

  get steps(): number {
    return this.base.steps;
  }

  get learningRate(): number {
    return this.base.learningRate;
  }

  attach(arena: ParameterArena): void {
    this.base.attach(arena);
    this.#average.attach(arena);
    this.#scalars.attach(arena.values);
    this.#arena = arena;
  }

  *step(context: StepContext): Generator<void, void, Pass> {
    yield* this.base.step(context);
    const { steps, decay } = this;
    this.#scalars.set({ decay: this.warmup ? Math.min(decay, (1 + steps) / (10 + steps)) : decay });
    const average = this.#average.values;
    update([average], [averaged], [average, context.arena.values, ...this.#scalars.tensors]);
  }

  averages(): StateDict {
    const prefix = `${this.#average.name}.`;
    return Object.fromEntries(
      Object.entries(this.#average.state())
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  }

  exchange(): void {
    const average = this.#average.values;
    const { values } = this.#arena!;
    update([values, average], [input(1), input(0)], [values, average]);
  }

  async withAverages<Result>(body: () => Result | PromiseLike<Result>): Promise<Result> {
    this.exchange();
    try {
      return await body();
    } finally {
      this.exchange();
    }
  }

  state(): OptimizerState {
    const { tensors, numbers } = this.base.state();
    return { tensors: { ...tensors, ...this.#average.state() }, numbers };
  }

  restore(state: OptimizerState): void {
    this.base.restore(state);
    this.#average.restore(state.tensors);
  }
}
