// CLIP's image encoder: a vision transformer with a norm before its blocks, and a projection after them.

import { ConfigError } from "../errors.ts";
import type { Device } from "../tensor/device.ts";
import { RandomStream } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { normalValues, type RandomSource, streamOf } from "./initialize.ts";
import { Linear } from "./linear.ts";
import type { Normalization } from "./patch_inputs.ts";
import { VisionTransformer } from "./vision_transformer.ts";
import {
  settleConfig,
  type VisionTransformerConfig,
  visionTransformerPresets,
} from "./vision_transformer_config.ts";

/** How CLIP standardises colours (0..255). */
export const clipNormalization: Normalization = {
  mean: [0.48145466 * 255, 0.4578275 * 255, 0.40821073 * 255],
  deviation: [0.26862954 * 255, 0.26130258 * 255, 0.27577711 * 255],
};

/** What fixes a CLIP image encoder. Plain JSON. */
export interface ClipConfig extends VisionTransformerConfig {
  /** Features after the projection to the space shared with texts; 0 makes no projection. */
  readonly projection: number;
}

const base: VisionTransformerConfig = {
  ...visionTransformerPresets.base,
  classes: 0,
  normalization: clipNormalization,
  activation: "geluQuick",
  epsilon: 1e-5,
  preNorm: true,
  anyImageSize: true,
};

/** OpenAI's image encoders (Radford et al., 2021). */
export const clipPresets: Readonly<
  Record<"clip-vit-b32" | "clip-vit-b16" | "clip-vit-l14", ClipConfig>
> = {
  "clip-vit-b32": { ...base, patchSize: 32, projection: 512 },
  "clip-vit-b16": { ...base, projection: 512 },
  "clip-vit-l14": {
    ...base,
    patchSize: 14,
    width: 1024,
    depth: 24,
    heads: 16,
    projection: 768,
  },
};

/** The name of a preset. */
export type ClipPreset = keyof typeof clipPresets;

/** Options of `ClipImageEncoder.create`: a model, and whatever of it is to be otherwise. */
export interface ClipOptions extends Partial<ClipConfig> {
  /** The shape to start from; `clip-vit-b16` by default. */
  readonly model?: ClipPreset;
  /** Seed of initial values and dropping; 0 by default. A stream instead of a number is used as it is. */
  readonly seed?: RandomSource;
  /** Where the parameters live; the default device where absent. */
  readonly device?: Device;
}

/**
 * The image encoder of CLIP (Radford et al., 2021): a {@linkcode VisionTransformer} without bias in its patch embedding,
 * with a norm before its blocks and, by default, quick GELU. Models trained with the exact GELU (most of OpenCLIP's)
 * take `activation: "gelu"`. Images may have any size in whole patches; the positions are interpolated.
 *
 * `forward` gives the class token's features before the projection (what detectors read), {@linkcode project} those
 * after it.
 *
 * @example
 * ```ts
 * import { zeros } from "@corit/corit";
 * import { ClipImageEncoder } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * // The true architecture, narrower and shallower.
 * const encoder = ClipImageEncoder.create({
 *   model: "clip-vit-b32", width: 32, depth: 2, heads: 4, projection: 16,
 * });
 * const images = zeros([1, 3, 96, 64]); // other than 224 x 224: positions are interpolated
 * assertEquals(encoder.forward(images).shape, [1, 32]);
 * assertEquals(encoder.project(encoder.forward(images)).shape, [1, 16]);
 * ```
 */
export class ClipImageEncoder extends VisionTransformer {
  /** [projection, width], without bias; absent where the projection is 0. */
  readonly visualProjection: Linear | undefined;

  /** A model of a settled configuration; `ClipImageEncoder.create` is the usual way. */
  constructor(
    config: ClipConfig,
    options: { readonly random: RandomSource; readonly device?: Device },
  ) {
    const { projection, ...trunk } = config;
    const random = streamOf(options.random);
    super(trunk, { ...options, random });
    this.visualProjection = projection === 0 ? undefined : new Linear(trunk.width, projection, {
      bias: false,
      initialWeight: normalValues(trunk.width ** -0.5),
      random: random.fork("visual_projection"),
      device: options.device,
    });
  }

  /**
   * A new model with random values; weights are loaded into it afterwards.
   *
   * @throws {ConfigError} The model or an option is unknown, or the numbers do not fit together.
   */
  static override create(options: ClipOptions = {}): ClipImageEncoder {
    const { model = "clip-vit-b16", seed = 0, device, projection, ...overrides } = options;
    if (!Object.hasOwn(clipPresets, model)) {
      throw new ConfigError(
        `ClipImageEncoder: there is no model "${model}"; the models are ` +
          Object.keys(clipPresets).join(", "),
      );
    }
    const { projection: usual, ...shape } = clipPresets[model];
    const features = projection ?? usual;
    if (!Number.isInteger(features) || features < 0) {
      throw new ConfigError(
        `ClipImageEncoder: projection must be a whole number of at least 0, but is ${features}`,
      );
    }
    const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
    const config = settleConfig("base", { ...shape, ...Object.fromEntries(given) });
    const random = typeof seed === "number" ? new RandomStream(seed) : seed;
    return new ClipImageEncoder({ ...config, projection: features }, { random, device });
  }

  /**
   * Features in the space shared with texts.
   *
   * @param features [batch, width], as `forward` gives them.
   * @returns [batch, projection]; not normalized to length 1.
   * @throws {ConfigError} The model was made without a projection.
   */
  project(features: Tensor): Tensor {
    if (!this.visualProjection) {
      throw new ConfigError("ClipImageEncoder: made without a projection (projection: 0)");
    }
    return this.visualProjection.forward(features);
  }
}
