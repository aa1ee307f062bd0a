// From an image to tokens: fixed inputs of each patch, then one linear layer.

import { ConfigError, ShapeError } from "../errors.ts";
import { concat, reshape } from "../tensor/operations/layout.ts";
import { matmul } from "../tensor/operations/matmul.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  defaultBias,
  defaultWeight,
  type LayerOptions,
  makeParameter,
  streamOf,
} from "./initialize.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";
import { type Normalization, type PatchInput, patchInput, patchInputs } from "./patch_inputs.ts";

/** Options of {@linkcode PatchEmbedding}. */
export interface PatchEmbeddingOptions extends LayerOptions {
  /** What is read of each patch, side by side; colours alone by default. */
  readonly inputs?: readonly PatchInput[];
  /** How colours are standardised; mean and deviation 127.5 by default. */
  readonly normalization?: Normalization;
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
}

/**
 * The linear layer of {@linkcode PatchEmbedding}: a convolution whose stride is its kernel, kept in timm's shape
 * [width, channels, patchSize, patchSize].
 */
export class PatchProjection extends Module {
  /** [width, channels, patchSize, patchSize]. */
  readonly weight: Parameter;
  /** [width]. */
  readonly bias: Parameter | undefined;

  /** From `channels` image-like channels to `width` features. */
  constructor(
    channels: number,
    width: number,
    patchSize: number,
    options: LayerOptions & { readonly bias?: boolean },
  ) {
    super();
    const shape = [width, channels, patchSize, patchSize];
    this.weight = makeParameter("weight", shape, defaultWeight, options);
    this.bias = options.bias ?? true
      ? makeParameter("bias", [width], defaultBias(shape), options)
      : undefined;
  }

  /** patches [batch, patches, channels * patchSize^2] -> [batch, patches, width]. */
  forward(patches: Tensor): Tensor {
    const { value } = this.weight;
    return matmul(patches, reshape(value, [value.shape[0], -1]), {
      transposeB: true,
      bias: this.bias?.value,
    });
  }
}

/**
 * Cuts images into square patches and maps each to one token.
 *
 * @example
 * ```ts
 * import { zeros } from "@corit/corit";
 * import { PatchEmbedding } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const embedding = new PatchEmbedding(8, 96, { inputs: ["rgb", "log-dct"], random: 0 });
 * assertEquals(embedding.forward(zeros([1, 3, 64, 64])).shape, [1, 64, 96]);
 * ```
 */
export class PatchEmbedding extends Module {
  /** The linear layer, named as in timm. */
  readonly proj: PatchProjection;
  /** What is read of each patch. */
  readonly inputs: readonly PatchInput[];
  /** How colours are standardised. */
  readonly normalization: Normalization;

  /**
   * Patches of `patchSize` pixels a side become tokens of `width` features.
   *
   * @throws {ConfigError} An input does not exist or stands twice, or there is none.
   */
  constructor(readonly patchSize: number, width: number, options: PatchEmbeddingOptions) {
    super();
    const { inputs = ["rgb"], normalization = { mean: 127.5, deviation: 127.5 } } = options;
    const known = inputs.every((kind, at) =>
      patchInputs.includes(kind) && inputs.indexOf(kind) === at
    );
    if (inputs.length === 0 || !known) {
      throw new ConfigError(
        `PatchEmbedding: inputs are one or more of ${patchInputs.join(", ")}, each once, but ` +
          `found [${inputs.join(", ")}]`,
      );
    }
    this.inputs = inputs;
    this.normalization = normalization;
    const random = streamOf(options.random).fork("proj");
    this.proj = new PatchProjection(3 * inputs.length, width, patchSize, { ...options, random });
  }

  /**
   * images [batch, 3, height, width], 0..255 -> tokens [batch, patches, width], row by row.
   *
   * @throws {ShapeError} The images have other than three channels, or do not divide into patches.
   */
  forward(images: Tensor): Tensor {
    return this.proj.forward(this.read(images));
  }

  /** The fixed inputs alone: [batch, patches, inputs * 3 * patchSize^2]. */
  read(images: Tensor): Tensor {
    const [, channels, height, width] = images.shape;
    const { patchSize } = this;
    const divides = images.rank === 4 && channels === 3 && height > 0 && width > 0 &&
      height % patchSize === 0 && width % patchSize === 0;
    if (!divides) {
      throw new ShapeError(
        `PatchEmbedding: expected [batch, 3, height, width] in whole patches of ${patchSize}, ` +
          `but found ${showShape(images.shape)}`,
      );
    }
    return concat(
      this.inputs.map((kind) => patchInput(kind, images, patchSize, this.normalization)),
      2,
    );
  }
}
