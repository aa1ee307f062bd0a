/**
 * Optimizers over a flat arena of parameters, SAM around any of them, schedules, averaging, and the training step.
 *
 * @module
 */

export { adamW, type AdamWOptions } from "./adamw.ts";
export { ArenaVector } from "./arena_vector.ts";
export { type AveragingOptimizer, ema, type EmaOptions } from "./average.ts";
export { clipNorm } from "./clip_norm.ts";
export {
  type ElementInputs,
  type ElementRule,
  elementwise,
  type ElementwiseOptions,
} from "./elementwise.ts";
export { globalNorm } from "./global_norm.ts";
export { layerDecay, type ParameterGroup, withoutDecay } from "./groups.ts";
export type { Optimizer, OptimizerState, Pass, StepContext } from "./optimizer.ts";
export { arenaAlignment, type ArenaEntry, ParameterArena } from "./parameters.ts";
export { type RadiusContext, sam, type SamOptimizer, type SamOptions } from "./sam.ts";
export { constantRate, type Schedule, warmupCosine, type WarmupCosineOptions } from "./schedule.ts";
export { sgd, type SgdOptions } from "./sgd.ts";
export {
  type BatchOf,
  type LossFunction,
  type StepResult,
  type TrainStep,
  trainStep,
  type TrainStepOptions,
  trainStepSync,
} from "./training_step.ts";
