/**
 * Forgery families and the starter benchmark made of them.
 *
 * @module
 */

export { autoencoder } from "./autoencoder.ts";
export {
  AutoencoderNetwork,
  type AutoencoderRecipe,
  autoencoderRecipe,
  cachedAutoencoder,
  type CachedAutoencoderOptions,
  Doubling,
  loadAutoencoder,
  trainAutoencoder,
} from "./autoencoder_network.ts";
export * from "./families.ts";
export * from "./forgery.ts";
export {
  type GeneratorFiles,
  loadGenerators,
  prepareGenerators,
  type PrepareGeneratorsOptions,
} from "./generators.ts";
export * from "./region.ts";
export { upsample, type UpsampleMethod, type UpsampleOptions } from "./resample.ts";
export { selfBlend } from "./self_blend.ts";
export { spectral, type SpectralOptions } from "./spectral.ts";
export { splice } from "./splice.ts";
export * from "./starter_benchmark.ts";
export type { Source } from "./starter_crop.ts";
export { type SplitName, splitPhotographs } from "./starter_split.ts";
export { superResolution } from "./super_resolution.ts";
export { swap, type SwapOptions } from "./swap.ts";
