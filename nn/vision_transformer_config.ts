// What a vision transformer can be: its options, its presets, and the checks on them.

import { ConfigError } from "../errors.ts";
import type { Activation } from "../tensor/operations/matmul.ts";
import type { Normalization, PatchInput } from "./patch_inputs.ts";
import { type PositionInterpolation, positionInterpolations } from "./position_embedding.ts";

/** Everything that fixes a vision transformer's shape and function. Plain JSON. */
export interface VisionTransformerConfig {
  /** Pixels a side. */
  readonly imageSize: number;
  /** Pixels a side of a patch; divides the image size. */
  readonly patchSize: number;
  /** Features of a token. */
  readonly width: number;
  /** Blocks. */
  readonly depth: number;
  /** Attention heads; divides the width. */
  readonly heads: number;
  /** Hidden features of the perceptrons over the width. */
  readonly mlpRatio: number;
  /** Outputs of the head; 0 makes no head. */
  readonly classes: number;
  /** What the head reads: the class token, or the mean of the patch tokens. */
  readonly pooling: "token" | "mean";
  /** Whether there is a class token before the patch tokens. */
  readonly classToken: boolean;
  /** Tokens between the class token and the patch tokens that stand for nothing in the image (Darcet et al., 2024). */
  readonly registers: number;
  /** Whether the class token has a position of its own. */
  readonly classPosition: boolean;
  /** What is read of each patch. */
  readonly inputs: readonly PatchInput[];
  /** How colours (0..255) are standardised. */
  readonly normalization: Normalization;
  /** Initial layer scale; none where null. */
  readonly layerScale: number | null;
  /** Probability of dropping a residual branch in the last block; it grows linearly from 0 in the first. */
  readonly dropPath: number;
  /** Dropout after the position embedding and of the branches. */
  readonly dropout: number;
  /** Of the perceptrons. */
  readonly activation: Activation;
  /** Of the layer norms. */
  readonly epsilon: number;
  /** Whether a layer norm comes before the first block (and no bias in the patch embedding), as in CLIP. */
  readonly preNorm: boolean;
  /** Takes images of other sizes, interpolating the position embedding; else they are an error. */
  readonly anyImageSize: boolean;
  /** How. */
  readonly positionInterpolation: PositionInterpolation;
}

const base: VisionTransformerConfig = {
  imageSize: 224,
  patchSize: 16,
  width: 768,
  depth: 12,
  heads: 12,
  mlpRatio: 4,
  classes: 2,
  pooling: "token",
  classToken: true,
  registers: 0,
  classPosition: true,
  inputs: ["rgb"],
  normalization: { mean: 127.5, deviation: 127.5 },
  layerScale: null,
  dropPath: 0,
  dropout: 0,
  activation: "gelu",
  epsilon: 1e-6,
  preNorm: false,
  anyImageSize: false,
  positionInterpolation: "antialiased",
};

/**
 * The named shapes: timm's `vit_{tiny,small,base,large}_patch16_224`, and `starter`, which trains from nothing on
 * small crops within minutes: log-DCT beside colours, class token, mean pooling.
 */
export const visionTransformerPresets: Readonly<
  Record<"starter" | "tiny" | "small" | "base" | "large", VisionTransformerConfig>
> = {
  starter: {
    ...base,
    imageSize: 64,
    patchSize: 8,
    width: 96,
    depth: 3,
    heads: 3,
    pooling: "mean",
    inputs: ["rgb", "log-dct"],
    normalization: { mean: 120, deviation: 60 },
  },
  tiny: { ...base, width: 192, heads: 3 },
  small: { ...base, width: 384, heads: 6 },
  base,
  large: { ...base, width: 1024, depth: 24, heads: 16 },
};

/** The name of a preset. */
export type VisionTransformerPreset = keyof typeof visionTransformerPresets;

/** A preset with some options replaced. Throws ConfigError where the preset is unknown or the numbers do not fit. */
export function settleConfig(
  preset: VisionTransformerPreset,
  overrides: Partial<VisionTransformerConfig>,
): VisionTransformerConfig {
  if (!Object.hasOwn(visionTransformerPresets, preset)) {
    throw new ConfigError(
      `VisionTransformer: there is no preset "${preset}"; the presets are ` +
        Object.keys(visionTransformerPresets).join(", "),
    );
  }
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  const unknown = given.map(([name]) => name).filter((name) => !Object.hasOwn(base, name));
  if (unknown.length > 0) {
    throw new ConfigError(
      `VisionTransformer: there is no option ${unknown.join(", ")}; the options are ` +
        Object.keys(base).join(", "),
    );
  }
  const config: VisionTransformerConfig = {
    ...visionTransformerPresets[preset],
    ...Object.fromEntries(given),
  };
  check(config);
  return config;
}

function check(config: VisionTransformerConfig): void {
  const { imageSize, patchSize, width, depth, heads, classes, pooling, classToken } = config;
  const problems: string[] = [];
  for (const [name, value] of Object.entries({ imageSize, patchSize, width, depth, heads })) {
    if (!Number.isInteger(value) || value < 1) {
      problems.push(`${name} must be a whole number of at least 1, but is ${value}`);
    }
  }
  if (!Number.isInteger(classes) || classes < 0) {
    problems.push(`classes must be a whole number of at least 0, but is ${classes}`);
  }
  if (!Number.isInteger(config.registers) || config.registers < 0) {
    problems.push(`registers must be a whole number of at least 0, but is ${config.registers}`);
  }
  if (config.registers > 0 && !classToken) {
    problems.push("registers stand behind a class token; set classToken");
  }
  if (imageSize % patchSize !== 0) {
    problems.push(`the image size ${imageSize} is no multiple of the patch size ${patchSize}`);
  }
  if (width % heads !== 0) problems.push(`${heads} heads do not divide the width ${width}`);
  if (pooling === "token" && !classToken) {
    problems.push(`pooling by the class token needs a class token; set classToken or pool by mean`);
  }
  if (!["token", "mean"].includes(pooling)) {
    problems.push(`pooling is token or mean, but found "${pooling}"`);
  }
  if (!positionInterpolations.includes(config.positionInterpolation)) {
    problems.push(
      `positionInterpolation is ${positionInterpolations.join(", ")}, but found ` +
        `"${config.positionInterpolation}"`,
    );
  }
  if (problems.length > 0) throw new ConfigError(`VisionTransformer: ${problems.join("; ")}`);
}
