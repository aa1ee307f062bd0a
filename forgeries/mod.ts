/**
 * Forgery families and the starter benchmark made of them.
 *
 * @module
 */

export * from "./families.ts";
export * from "./forgery.ts";
export * from "./region.ts";
export { upsample, type UpsampleMethod, type UpsampleOptions } from "./resample.ts";
export { selfBlend } from "./self_blend.ts";
export { spectral, type SpectralOptions } from "./spectral.ts";
export * from "./starter_benchmark.ts";
export { type SplitName, splitPhotographs } from "./starter_split.ts";
export { swap, type SwapOptions } from "./swap.ts";
