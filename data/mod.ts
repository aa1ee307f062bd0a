/**
 * Images, data sets and loading: photographs in and out, resampling, crops with labels and masks, augmentation, and a
 * deterministic, resumable loader.
 *
 * @module
 */

export { type AssignedSplits, type SplitShares } from "./assign_splits.ts";
export * from "./augment.ts";
export { type Batch, copyBatch, emptyBatch, fillBatch } from "./batch.ts";
export { gaussianBlur } from "./blur.ts";
export { cacheFolder, writeAtomically } from "./cache.ts";
export { CLIP_DEVIATION, CLIP_MEAN, clipPlanes, clipSquare } from "./clip_preprocess.ts";
export * from "./crop_set.ts";
export { readCropSet, writeCropSet } from "./crop_set_file.ts";
export * from "./image.ts";
export { type LayoutOptions } from "./layouts/layout.ts";
export { listData, type ListedData, type ListOptions } from "./list_data.ts";
export * from "./loader.ts";
export {
  type DataReport,
  type DuplicateCounts,
  type KindCounts,
  lookAtData,
  type LookOptions,
} from "./look.ts";
export * from "./packages.ts";
export * from "./photographs.ts";
export { type PackedNames, type PictureKind, PictureList, type SplitName } from "./picture_list.ts";
export { resizeLikePillow } from "./pillow_resize.ts";
export { type DataProblem, problemLines } from "./problem.ts";
export {
  type DataParts,
  openData,
  type OpenedData,
  type OpenOptions,
  readData,
  type ReadingListener,
  type ReadOptions,
} from "./read_data.ts";
export { dataReportText, dataWarnings } from "./report_text.ts";
export * from "./resize.ts";
export * from "./sampler.ts";
export { type Separation } from "./separability.ts";
export { type FrameOptions, framesOf, type VideoFrame } from "./video.ts";
