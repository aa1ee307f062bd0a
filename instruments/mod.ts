/**
 * Instruments for any model: what its gradients and its loss landscape look like.
 *
 * @module
 */

export {
  type CollapseEvidence,
  CollapseMonitor,
  type CollapseMonitorOptions,
  type CollapseMonitorState,
  type CollapseObservation,
} from "./collapse_monitor.ts";
export { type CorBound, corBound, type CorBoundOptions } from "./cor_bound.ts";
export {
  localCriticalRadius,
  type LocalRadius,
  type LocalRadiusOptions,
} from "./critical_radius.ts";
export {
  type EigenvalueOptions,
  type ExtremeEigenvalues,
  hessianEigenvalues,
  hessianTrace,
  samSharpness,
  type Sharpness,
  smoothnessAlong,
  type TraceOptions,
} from "./curvature.ts";
export {
  type DetailedGsnr,
  type ElementSummary,
  GradientStatistics,
  type GradientStatisticsOptions,
} from "./gradient_statistics.ts";
export { type BatchGsnrOptions, measureGsnrInBatches, type ProbeBatch } from "./gsnr_batches.ts";
export { type GradientGroup, type GroupGsnr, type GsnrOptions, measureGsnr } from "./gsnr.ts";
export { filterNormalizedDirection, lossPlane, type PlaneAxes, planeAxes } from "./loss_plane.ts";
export { type LossSurface, lossSurface } from "./loss_surface.ts";
export {
  type GradientPair,
  type PairMoments,
  type RunningEstimate,
  RunningGsnr,
} from "./running_gsnr.ts";
export { type StepChange, stepChange, type StepChangeOptions } from "./step_change.ts";
