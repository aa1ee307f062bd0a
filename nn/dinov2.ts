// DINOv2's image encoder: a vision transformer with layer scale, for patches of 14 pixels.

import {
  type VisionTransformerConfig,
  visionTransformerPresets,
} from "./vision_transformer_config.ts";

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
