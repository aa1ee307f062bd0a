// The vision transformer, with timm's names, taps after any block and a place to change tokens between blocks.

import { ConfigError } from "../errors.ts";
import type { Device } from "../tensor/device.ts";
import { concat, expand, narrow, reshape } from "../tensor/operations/layout.ts";
import { mean } from "../tensor/operations/reduce.ts";
import { RandomStream } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Dropout } from "./dropout.ts";
import {
  constantValues,
  makeParameter,
  normalValues,
  type RandomSource,
  streamOf,
  truncatedNormalValues,
} from "./initialize.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";
import type { Parameter } from "./parameter.ts";
import { PatchEmbedding } from "./patch_embedding.ts";
import { interpolatePositions } from "./position_embedding.ts";
import { type ModelSummary, summarizeVisionTransformer } from "./summary.ts";
import { TransformerBlock } from "./transformer_block.ts";
import {
  settleConfig,
  type VisionTransformerConfig,
  type VisionTransformerPreset,
} from "./vision_transformer_config.ts";

/** Options of `VisionTransformer.create`: a preset, and whatever of it is to be otherwise. */
export interface VisionTransformerOptions extends Partial<VisionTransformerConfig> {
  /** The shape to start from; `starter` by default. */
  readonly preset?: VisionTransformerPreset;
  /** Seed of initial values and dropping; 0 by default. A stream instead of a number is used as it is. */
  readonly seed?: RandomSource;
  /** Where the parameters live; the default device where absent. */
  readonly device?: Device;
}

/** What is known after a block, when tokens may be changed. */
export interface BlockInfo {
  /** Number of the block that was passed: 1 for the first, 0 for the embedding before it. */
  readonly block: number;
  /** How many blocks there are. */
  readonly depth: number;
  /** Tokens before the patch tokens: the class token, if there is one, and registers. */
  readonly prefixTokens: number;
  /** Rows and columns of patches. */
  readonly grid: readonly [rows: number, columns: number];
  /** [batch, tokens]: how much the class token reads from each token in this block, where asked for. Not recorded. */
  readonly reading: Tensor | undefined;
}

/** Options of {@linkcode VisionTransformer.forwardTokens}. Blocks count from 1; 0 is the embedding. */
export interface TokenOptions {
  /** Blocks whose tokens are wanted. */
  readonly taps?: readonly number[];
  /** Blocks for which to measure how much the class token reads from each token. */
  readonly readings?: readonly number[];
  /** Called after the embedding and after each block; returns the tokens that go on. Taps see what it returns. */
  readonly afterBlock?: (tokens: Tensor, info: BlockInfo) => Tensor;
  /** Stops after this block; the last by default. */
  readonly until?: number;
}

/** What {@linkcode VisionTransformer.forwardTokens} returns. */
export interface TokenResult {
  /** [batch, tokens, width] after the last block that ran; not normalized. */
  readonly tokens: Tensor;
  /** Tokens by block, as asked for. */
  readonly taps: ReadonlyMap<number, Tensor>;
  /** [batch, tokens] by block, as asked for. */
  readonly readings: ReadonlyMap<number, Tensor>;
  /** Rows and columns of patches. */
  readonly grid: readonly [rows: number, columns: number];
}

/**
 * A vision transformer (Dosovitskiy et al., 2021) whose parameters are named as in timm.
 *
 * @example
 * ```ts
 * import { zeros } from "@corit/corit";
 * import { VisionTransformer } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const vit = VisionTransformer.create({ preset: "starter", seed: 0 });
 * const images = zeros([2, 3, 64, 64]);
 * assertEquals(vit.forward(images).shape, [2, 2]);
 *
 * const { taps } = vit.forwardTokens(images, { taps: [1, 3] });
 * assertEquals(taps.get(3)?.shape, [2, 65, 96]);
 * ```
 */
export class VisionTransformer extends Module {
  /** [1, 1, width], if there is a class token. */
  readonly clsToken: Parameter | undefined;
  /** [1, registers, width], if there are registers. */
  readonly regToken: Parameter | undefined;
  /** [1, patches, width], with the class token's position before them where it has one. */
  readonly posEmbed: Parameter;
  /** Images to tokens. */
  readonly patchEmbed: PatchEmbedding;
  /** After the position embedding. */
  readonly posDrop: Dropout;
  /** Before the first block, where configured. */
  readonly normPre: LayerNorm | undefined;
  /** The blocks. */
  readonly blocks: readonly TransformerBlock[];
  /** Before the class token is read. */
  readonly norm: LayerNorm | undefined;
  /** After the patch tokens are averaged. */
  readonly fcNorm: LayerNorm | undefined;
  /** The read-out, if there are classes. */
  readonly head: Linear | undefined;

  /** A model of a settled configuration; {@linkcode VisionTransformer.create} is the usual way. */
  constructor(
    /** What fixes its shape and function. */
    readonly config: VisionTransformerConfig,
    options: { readonly random: RandomSource; readonly device?: Device },
  ) {
    super();
    const { device } = options;
    const random = streamOf(options.random);
    const { width, patchSize, depth, epsilon, classes, pooling } = config;
    const patches = (config.imageSize / patchSize) ** 2;
    const layer = { random, device };
    const norm = () => new LayerNorm(width, { device, epsilon });
    this.clsToken = config.classToken
      ? makeParameter("cls_token", [1, 1, width], normalValues(1e-6), layer)
      : undefined;
    this.regToken = config.registers > 0
      ? makeParameter("reg_token", [1, config.registers, width], normalValues(1e-6), layer)
      : undefined;
    this.posEmbed = makeParameter(
      "pos_embed",
      [1, patches + this.#prefixPositions, width],
      truncatedNormalValues(),
      layer,
    );
    this.patchEmbed = new PatchEmbedding(patchSize, width, {
      inputs: config.inputs,
      normalization: config.normalization,
      bias: !config.preNorm,
      device,
      random: random.fork("patch_embed"),
    });
    this.posDrop = new Dropout(config.dropout, random.fork("pos_drop"));
    this.normPre = config.preNorm ? norm() : undefined;
    this.blocks = Array.from(
      { length: depth },
      (_, index) =>
        new TransformerBlock(width, config.heads, {
          device,
          mlpRatio: config.mlpRatio,
          layerScale: config.layerScale ?? undefined,
          dropPath: depth === 1 ? 0 : config.dropPath * index / (depth - 1),
          dropout: config.dropout,
          activation: config.activation,
          epsilon,
          random: random.fork(`blocks.${index}`),
        }),
    );
    this.norm = pooling === "token" ? norm() : undefined;
    this.fcNorm = pooling === "mean" ? norm() : undefined;
    this.head = classes === 0 ? undefined : new Linear(width, classes, {
      device,
      initialWeight: truncatedNormalValues(),
      initialBias: constantValues(0),
      random: random.fork("head"),
    });
  }

  /**
   * A new model.
   *
   * @throws {ConfigError} The preset or an option is unknown, or the numbers do not fit together.
   */
  static create(options: VisionTransformerOptions = {}): VisionTransformer {
    const { preset = "starter", seed = 0, device, ...overrides } = options;
    const random = typeof seed === "number" ? new RandomStream(seed) : seed;
    return new VisionTransformer(settleConfig(preset, overrides), { random, device });
  }

  /** Tokens before the patch tokens: the class token, if there is one, and registers. */
  get prefixTokens(): number {
    return (this.config.classToken ? 1 : 0) + this.config.registers;
  }

  /** Positions before those of the patches: the class token's, if it has one. */
  get #prefixPositions(): number {
    return this.config.classToken && this.config.classPosition ? 1 : 0;
  }

  /**
   * Logits, or features where there is no head.
   *
   * @param images [batch, 3, height, width], 0..255.
   * @returns [batch, classes], or [batch, width].
   */
  forward(images: Tensor): Tensor {
    return this.forwardHead(this.forwardTokens(images).tokens);
  }

  /**
   * Tokens after the blocks, with what was asked for on the way.
   *
   * @param images [batch, 3, height, width], 0..255.
   * @throws {ConfigError} A block does not exist, or readings are asked for without a class token.
   */
  forwardTokens(images: Tensor, options: TokenOptions = {}): TokenResult {
    const { depth } = this.config;
    const { taps = [], readings = [], afterBlock, until = depth } = options;
    this.#checkBlocks("taps", taps, 0);
    this.#checkBlocks("readings", readings, 1);
    this.#checkBlocks("until", [until], 0);
    if (readings.length > 0 && !this.config.classToken) {
      throw new ConfigError("VisionTransformer: readings need a class token");
    }
    const grid = this.#gridOf(images);
    const tapped = new Map<number, Tensor>();
    const read = new Map<number, Tensor>();
    const pass = (tokens: Tensor, block: number, reading?: Tensor): Tensor => {
      const info = { block, depth, prefixTokens: this.prefixTokens, grid, reading };
      const next = afterBlock ? afterBlock(tokens, info) : tokens;
      if (taps.includes(block)) tapped.set(block, next);
      if (reading) read.set(block, reading);
      return next;
    };
    let tokens = pass(this.embed(images), 0);
    for (let block = 1; block <= until; block++) {
      const module = this.blocks[block - 1];
      if (readings.includes(block)) {
        const { output, reading } = module.inspect(tokens);
        tokens = pass(output, block, reading);
      } else {
        tokens = pass(module.forward(tokens), block);
      }
    }
    return { tokens, taps: tapped, readings: read, grid };
  }

  /** Images [batch, 3, height, width], 0..255 -> tokens before the first block [batch, tokens, width]. */
  embed(images: Tensor): Tensor {
    const patches = this.patchEmbed.forward(images);
    const [batch, , width] = patches.shape;
    const repeated = (cell: Parameter) => expand(cell.value, [batch, cell.shape[1], width]);
    const positions = this.#positionsFor(images);
    const first = this.clsToken ? [repeated(this.clsToken)] : [];
    const placed = this.#prefixPositions === first.length
      ? (this.clsToken ? concat([...first, patches], 1) : patches).add(positions)
      : concat([...first, patches.add(positions)], 1);
    const dropped = this.posDrop.forward(
      this.regToken ? registered(placed, repeated(this.regToken)) : placed,
    );
    return this.normPre ? this.normPre.forward(dropped) : dropped;
  }

  /** Tokens after the last block -> pooled and normalized features [batch, width]. */
  pool(tokens: Tensor): Tensor {
    const [batch, count, width] = tokens.shape;
    if (this.norm) return this.norm.forward(reshape(narrow(tokens, 1, 0, 1), [batch, width]));
    const patches = narrow(tokens, 1, this.prefixTokens, count - this.prefixTokens);
    return this.fcNorm!.forward(mean(patches, 1));
  }

  /** Tokens after the last block -> logits [batch, classes], or features where there is no head. */
  forwardHead(tokens: Tensor): Tensor {
    const features = this.pool(tokens);
    return this.head ? this.head.forward(features) : features;
  }

  /** Parameters and floating-point operations, layer by layer; print it for a table. */
  summary(): ModelSummary {
    return summarizeVisionTransformer(this);
  }

  #gridOf(images: Tensor): readonly [number, number] {
    const [height, width] = images.shape.slice(-2);
    return [height / this.config.patchSize, width / this.config.patchSize];
  }

  #positionsFor(images: Tensor): Tensor {
    const { imageSize, anyImageSize } = this.config;
    const [height, width] = images.shape.slice(-2);
    if (height === imageSize && width === imageSize) return this.posEmbed.value;
    if (!anyImageSize) {
      throw new ConfigError(
        `VisionTransformer: made for images of ${imageSize} x ${imageSize}, but found ` +
          `${height} x ${width}; create it with anyImageSize: true to interpolate positions`,
      );
    }
    const grid = this.#gridOf(images);
    const { positionInterpolation } = this.config;
    return interpolatePositions(
      this.posEmbed.value,
      grid,
      this.#prefixPositions,
      positionInterpolation,
    );
  }

  #checkBlocks(option: string, blocks: readonly number[], first: number): void {
    const { depth } = this.config;
    const wrong = blocks.find((block) =>
      !Number.isInteger(block) || block < first || block > depth
    );
    if (wrong !== undefined) {
      throw new ConfigError(
        `VisionTransformer: ${option} names block ${wrong}; the blocks are ${first} to ${depth}`,
      );
    }
  }
}

/** Tokens with registers behind the class token; they have no position. */
function registered(tokens: Tensor, registers: Tensor): Tensor {
  const [, count] = tokens.shape;
  return concat([narrow(tokens, 1, 0, 1), registers, narrow(tokens, 1, 1, count - 1)], 1);
}
