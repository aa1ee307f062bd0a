/**
 * Instruments for any model: what its gradients and its loss landscape look like.
 *
 * @module
 */

export {
  type DetailedGsnr,
  type ElementSummary,
  GradientStatistics,
  type GradientStatisticsOptions,
} from "./gradient_statistics.ts";
export { type BatchGsnrOptions, measureGsnrInBatches, type ProbeBatch } from "./gsnr_batches.ts";
export { type GradientGroup, type GroupGsnr, type GsnrOptions, measureGsnr } from "./gsnr.ts";
