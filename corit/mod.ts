/**
 * CoRIT: a detector of forged images around a vision transformer, and its parts, each usable by itself.
 *
 * @module
 */

export {
  CoritDetector,
  type DetectorBatch,
  type DetectorLosses,
  type Inspection,
  type Tap,
} from "./detector.ts";
export {
  type CoritParts,
  defaultParts,
  defaultTaps,
  type DetectorOptions,
  pretrainedTaps,
} from "./detector_options.ts";
export { measureFidelity, proxyFidelity, type TapFidelity } from "./fidelity.ts";
export type { FrozenBatch, FrozenFeatures, FrozenPart } from "./frozen.ts";
export {
  gradientProxy,
  type ProxyInputs,
  type ProxySource,
  proxySources,
  withoutFineDetail,
} from "./gradient_proxy.ts";
export type { Grid } from "./grid.ts";
export { type HierarchyOptions, integrateHierarchy } from "./hierarchy.ts";
export { imageLoss, maskLoss, sampleLosses } from "./losses.ts";
export { type BatchTruth, Prototypes } from "./prototypes.ts";
export { regionMask, type RegionMaskOptions, regionMean } from "./region_mask.ts";
export { injectSignal } from "./signal_injection.ts";
