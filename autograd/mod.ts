/**
 * Automatic differentiation: gradients of what tensors remember, of any order.
 *
 * @module
 */

export { checkpoint, customGradient } from "./custom.ts";
export {
  gradientCheck,
  type GradientCheckOptions,
  type GradientCheckResult,
} from "./gradient_check.ts";
export {
  type GradientOptions,
  gradients,
  hessianVectorProduct,
  valueAndGradients,
  vjp,
} from "./gradients.ts";
export {
  type PerSampleOptions,
  type PerSampleStatistics,
  perSampleStatistics,
  perTokenStatistics,
} from "./per_sample.ts";
export type { GradientRule, NotDifferentiable, RuleContext } from "./rule.ts";
