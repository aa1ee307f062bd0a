/**
 * Optimizers over a flat arena of parameters, SAM around any of them, schedules, averaging, and the training step.
 *
 * @module
 */

export { adamW, type AdamWOptions } from "./adamw.ts";
export { type ArenaGroup, arenaGroups, type ArenaRun, sumOverGroup } from "./arena_runs.ts";
export { ArenaVector } from "./arena_vector.ts";
export { type AveragingOptimizer, ema, type EmaOptions } from "./average.ts";
export { clipNorm } from "./clip_norm.ts";
export {
  type CorGuidedOptimizer,
  type CorGuidedOptions,
  corGuidedSam,
  type GuidedGroup,
} from "./cor_guided.ts";
export {
  type ElementInputs,
  type ElementRule,
  elementwise,
  type ElementwiseOptions,
} from "./elementwise.ts";
export { esam, type EsamOptimizer, type EsamOptions } from "./esam.ts";
export { friendlySam, type FriendlySamOptions } from "./friendly_sam.ts";
export { globalNorm } from "./global_norm.ts";
export { gsam, type GsamOptions } from "./gsam.ts";
export { layerDecay, type ParameterGroup, withoutDecay } from "./groups.ts";
export { LossScaler, type LossScalerOptions } from "./loss_scaler.ts";
export { lookSam, type LookSamOptions } from "./look_sam.ts";
export type { Optimizer, OptimizerState, Pass, StepContext } from "./optimizer.ts";
export { arenaAlignment, type ArenaEntry, ParameterArena } from "./parameters.ts";
export {
  cosineRadius,
  linearRadius,
  type Radius,
  type RadiusContext,
  radiusFollowingRate,
  type RadiusRange,
  warmStart,
} from "./radius.ts";
export { sam } from "./sam.ts";
export { constantRate, type Schedule, warmupCosine, type WarmupCosineOptions } from "./schedule.ts";
export { sgd, type SgdOptions } from "./sgd.ts";
export type { SamOptimizer, SamOptions } from "./sharpness_aware.ts";
export {
  type BatchOf,
  type LossFunction,
  type StepResult,
  type TrainStep,
  trainStep,
  type TrainStepOptions,
  trainStepSync,
} from "./training_step.ts";
