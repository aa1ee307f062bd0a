/**
 * Images, data sets and loading: photographs in and out, resampling, crops with labels and masks, augmentation, and a
 * deterministic, resumable loader.
 *
 * @module
 */

export * from "./augment.ts";
export { type Batch, copyBatch, emptyBatch, fillBatch } from "./batch.ts";
export { gaussianBlur } from "./blur.ts";
export { cacheFolder, writeAtomically } from "./cache.ts";
export * from "./crop_set.ts";
export { readCropSet, writeCropSet } from "./crop_set_file.ts";
export * from "./folder.ts";
export * from "./image.ts";
export * from "./loader.ts";
export * from "./packages.ts";
export * from "./photographs.ts";
export * from "./resize.ts";
export * from "./sampler.ts";
