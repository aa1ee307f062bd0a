// The pretrained encoders a run can be built on, with the sizes its other options follow from; the engine is not loaded.

import type { TuningWay } from "../nn/tune.ts";
import type { BackboneName } from "../weights/backbones.ts";

/** What the options of a run need to know of an encoder. */
interface BackboneSizes {
  /** Side of a patch, in pixels. */
  readonly patchSize: number;
  /** Side of the input where nothing is said: a quarter of the work that 224 pixels take, or less. */
  readonly imageSize: number;
  /** Blocks. */
  readonly depth: number;
}

/** By the names that `deno task pull` knows. */
export const backboneSizes: Readonly<Record<BackboneName, BackboneSizes>> = {
  "clip-vit-b16": { patchSize: 16, imageSize: 112, depth: 12 },
  "clip-vit-b32": { patchSize: 32, imageSize: 160, depth: 12 },
  "clip-vit-l14": { patchSize: 14, imageSize: 112, depth: 24 },
  "dinov2-small": { patchSize: 14, imageSize: 112, depth: 12 },
  "dinov2-base": { patchSize: 14, imageSize: 112, depth: 12 },
  "dinov2-small-registers": { patchSize: 14, imageSize: 112, depth: 12 },
  "dinov2-base-registers": { patchSize: 14, imageSize: 112, depth: 12 },
};

/** What a run is built on: an encoder's name, or `none` for a transformer trained from nothing. */
export type BackboneChoice = BackboneName | "none";

/** Every choice by name, for the table of options. */
export const backboneChoices = {
  "none": "none",
  ...Object.fromEntries(Object.keys(backboneSizes).map((name) => [name, name])),
} as { readonly [Choice in BackboneChoice]: Choice };

/** The ways to tune by name, so that the compiler misses none. */
export const tuneChoices = {
  "probe": "probe",
  "norms": "norms",
  "low-rank": "low-rank",
  "effort": "effort",
  "last": "last",
  "full": "full",
} as const satisfies { [Way in TuningWay]: Way };

/** An encoder's sizes, where one was chosen among a run's options. */
export function sizesOf(
  { backbone }: Readonly<{ backbone?: unknown }>,
): BackboneSizes | undefined {
  return backbone === "none" ? undefined : backboneSizes[backbone as BackboneName];
}
