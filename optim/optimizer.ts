// What an optimizer is: a step that asks for gradients and changes the arena's weights.

import type { StateDict } from "../nn/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParameterArena } from "./parameters.ts";

/** One gradient of the loss at the weights of the moment. */
export interface Pass {
  /** Flat, laid out as the arena; the next pass overwrites it. */
  readonly gradient: Tensor;
  /** Euclidean norm of the gradient over all trained parameters, a scalar on the device. */
  readonly norm: Tensor;
  /**
   * A scalar on the device that multiplies the gradient where it is used: below 1 where it is clipped, not finite where the
   * gradient is not, which then changes no weight.
   */
  readonly scale: Tensor;
  /** The loss. */
  readonly loss: number;
  /** `norm` as a number. */
  readonly gradientNorm: number;
}

/** A pass with another scale or norm; its numbers stay unread until somebody asks. */
export function passWith(
  pass: Pass,
  { scale = pass.scale, norm = pass.norm }: { readonly scale?: Tensor; readonly norm?: Tensor },
): Pass {
  return {
    ...{ gradient: pass.gradient, norm, scale },
    get loss(): number {
      return pass.loss;
    },
    get gradientNorm(): number {
      return pass.gradientNorm;
    },
  };
}

/** What a step works on. */
export interface StepContext {
  /** The weights. */
  readonly arena: ParameterArena;
}

/** What an optimizer saves: tensors and numbers by name, its own name first. */
export interface OptimizerState {
  /** Vectors by name, such as `adamW.firstMoment.head.weight`. */
  readonly tensors: StateDict;
  /** Numbers by name, such as `adamW.steps`. */
  readonly numbers: Readonly<Record<string, number>>;
}

/**
 * An optimizer. Its step is a generator: each `yield` asks for a gradient at the weights of the moment and receives a
 * {@linkcode Pass}. Plain optimizers ask once; SAM asks, climbs, asks again and hands the second to its base.
 *
 * Between two yields it runs without recording in a scope of its own: what it wants to keep it must `keep()`.
 */
export interface Optimizer {
  /** Its name, which its saved state begins with. */
  readonly name: string;
  /** How many gradients a step asks for as a rule. */
  readonly passes: number;
  /** Steps finished so far. */
  readonly steps: number;
  /** The learning rate of the next step. */
  readonly learningRate: number;
  /** Lays its memory out as an arena, keeping it by name; called again whenever the layout changes. */
  attach(arena: ParameterArena): void;
  /** One step. Stopped early (`return()`), it leaves the weights as they were before the step. */
  step(context: StepContext): Generator<void, void, Pass>;
  /** What it needs to go on from here to the same bits. The tensors share memory with it: save them at once. */
  state(): OptimizerState;
  /**
   * Goes on from a saved state.
   *
   * @throws {StateError} Something is missing or does not fit.
   */
  restore(state: OptimizerState): void;
}
