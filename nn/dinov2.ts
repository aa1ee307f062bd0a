// DINOv2's image encoders: vision transformers with layer scale, for patches of 14 pixels, with or without registers.

import {
  type VisionTransformerConfig,
  visionTransformerPresets,
} from "./vision_transformer_config.ts";

/** What DINOv2's models have in common, beside their sizes. */
const dinov2: Partial<VisionTransformerConfig> = {
  imageSize: 518,
  patchSize: 14,
  classes: 0,
  normalization: {
    mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
    deviation: [0.229 * 255, 0.224 * 255, 0.225 * 255],
  },
  layerScale: 1,
  anyImageSize: true,
};

/**
 * The configuration of DINOv2's small model without registers (Oquab et al., 2024): layer scale, patches of 14 pixels,
 * positions for 518 x 518 that are interpolated for other sizes, colours standardised as for ImageNet.
 *
 * @example
 * ```ts
 * import { zeros } from "@corit/corit";
 * import { dinov2Small, VisionTransformer } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * // The true architecture, shallower.
 * const encoder = VisionTransformer.create({ ...dinov2Small, depth: 1 });
 * assertEquals(encoder.forward(zeros([1, 3, 56, 56])).shape, [1, 384]);
 * ```
 */
export const dinov2Small: VisionTransformerConfig = {
  ...visionTransformerPresets.small,
  ...dinov2,
};

/** The configuration of DINOv2's base model without registers. */
export const dinov2Base: VisionTransformerConfig = { ...visionTransformerPresets.base, ...dinov2 };

/**
 * The configuration of DINOv2's small model with four registers (Darcet et al., 2024), as Meta's and transformers' files
 * have it: the class token has a position, registers have none. timm's files of the same model have the class token's
 * position added to the class token: `classPosition: false`.
 *
 * @example
 * ```ts
 * import { zeros } from "@corit/corit";
 * import { dinov2SmallRegisters, VisionTransformer } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const encoder = VisionTransformer.create({ ...dinov2SmallRegisters, depth: 1 });
 * const { tokens } = encoder.forwardTokens(zeros([1, 3, 56, 28]));
 * assertEquals(tokens.shape, [1, 1 + 4 + 4 * 2, 384]);
 * ```
 */
export const dinov2SmallRegisters: VisionTransformerConfig = { ...dinov2Small, registers: 4 };

/** The configuration of DINOv2's base model with four registers. */
export const dinov2BaseRegisters: VisionTransformerConfig = { ...dinov2Base, registers: 4 };
