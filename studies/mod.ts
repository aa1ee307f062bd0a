/**
 * Studies: many trainings, resumed and kept, and what they come to.
 *
 * @module
 */

export {
  empiricalCriticalRadius,
  type EmpiricalRadiusOptions,
  halfSkillRadius,
} from "./empirical_radius.ts";
export { type Features, probeLogits } from "./linear_probe.ts";
export type { RadiusEstimate, RadiusEstimator } from "./radius_estimate.ts";
export { type CorrelationInterval, pearsonInterval, type RankTest, rankTest } from "./rank_test.ts";
