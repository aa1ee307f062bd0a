/**
 * Modules and layers: plain data whose parameters are found by walking fields, with timm's names.
 *
 * @module
 */

export {
  type AttentionLayerOptions,
  classTokenReading,
  type InspectedAttention,
  MultiHeadAttention,
} from "./attention.ts";
export {
  type ClipConfig,
  ClipImageEncoder,
  clipNormalization,
  type ClipOptions,
  type ClipPreset,
  clipPresets,
} from "./clip.ts";
export { Conv2d, type Conv2dOptions } from "./convolution.ts";
export { dinov2Base, dinov2BaseRegisters, dinov2Small, dinov2SmallRegisters } from "./dinov2.ts";
export { Dropout, DropPath, RandomMask } from "./dropout.ts";
export {
  constantValues,
  type Initializer,
  kaimingNormal,
  type KaimingOptions,
  kaimingUniform,
  type LayerOptions,
  makeParameter,
  normalValues,
  type RandomSource,
  truncatedNormalValues,
  uniformValues,
  withoutInitialValues,
  xavierNormal,
  xavierUniform,
} from "./initialize.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export { LowRankUpdate, mergeLowRank } from "./low_rank.ts";
export { Mlp, type MlpOptions } from "./mlp.ts";
export { Module } from "./module.ts";
export { BatchNorm2d, GroupNorm, LayerNorm, type NormOptions } from "./norm.ts";
export { Parameter, StateBuffer, TensorCell } from "./parameter.ts";
export { PatchEmbedding, type PatchEmbeddingOptions, PatchProjection } from "./patch_embedding.ts";
export {
  type Normalization,
  type PatchInput,
  patchInput,
  patchInputs,
  toPatches,
} from "./patch_inputs.ts";
export {
  interpolatePositions,
  type PositionInterpolation,
  positionInterpolations,
} from "./position_embedding.ts";
export { type Layer, Sequential } from "./sequential.ts";
export type { LoadOptions, LoadReport, StateDict } from "./state.ts";
export { ModelSummary, type SummaryRow } from "./summary.ts";
export { LayerScale, TransformerBlock, type TransformerBlockOptions } from "./transformer_block.ts";
export {
  addSingularComponent,
  mergeSingularComponents,
  SingularComponent,
  singularLengthLoss,
} from "./effort.ts";
export {
  frozenBlocks,
  type LowRankTarget,
  mergeTuned,
  tune,
  type TunedParameters,
  type TuneOptions,
  type TuningWay,
  tuningWays,
} from "./tune.ts";
export {
  type BlockInfo,
  type TokenOptions,
  type TokenResult,
  VisionTransformer,
  type VisionTransformerOptions,
} from "./vision_transformer.ts";
export {
  type VisionTransformerConfig,
  type VisionTransformerPreset,
  visionTransformerPresets,
} from "./vision_transformer_config.ts";
