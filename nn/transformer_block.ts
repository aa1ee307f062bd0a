// The pre-norm transformer block.

import { type CreateOptions, full } from "../tensor/create.ts";
import { mul } from "../tensor/operations/pointwise.ts";
import type { Activation } from "../tensor/operations/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { MultiHeadAttention } from "./attention.ts";
import { DropPath } from "./dropout.ts";
import { type LayerOptions, streamOf } from "./initialize.ts";
import { Mlp } from "./mlp.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@linkcode TransformerBlock}. */
export interface TransformerBlockOptions extends LayerOptions {
  /** Hidden features of the perceptron over the width; 4 by default. */
  readonly mlpRatio?: number;
  /** Initial layer scale (Touvron et al., 2021); none where absent. */
  readonly layerScale?: number;
  /** Probability of dropping a residual branch; 0 by default. */
  readonly dropPath?: number;
  /** Dropout of the branches' outputs; 0 by default. */
  readonly dropout?: number;
  /** Of the perceptron; exact GELU by default. */
  readonly activation?: Activation;
  /** Of the layer norms; 1e-6 by default. */
  readonly epsilon?: number;
  /** Whether queries, keys and values have a bias; true by default. */
  readonly attentionBias?: boolean;
}

/** One learned factor a feature (Touvron et al., 2021). */
export class LayerScale extends Module {
  /** [width]. */
  readonly gamma: Parameter;

  /** All factors start at `initial`. */
  constructor(width: number, initial: number, options: Pick<CreateOptions, "device"> = {}) {
    super();
    this.gamma = new Parameter(full([width], initial, options));
  }

  /** x [..., width] -> same shape. */
  forward(x: Tensor): Tensor {
    return mul(x, this.gamma.value);
  }
}

/**
 * x + attention(norm1(x)), then x + mlp(norm2(x)), with timm's names (Dosovitskiy et al., 2021).
 */
export class TransformerBlock extends Module {
  /** Before the attention. */
  readonly norm1: LayerNorm;
  /** The attention. */
  readonly attn: MultiHeadAttention;
  /** Scale of the attention's branch, if any. */
  readonly ls1: LayerScale | undefined;
  /** Drops the attention's branch. */
  readonly dropPath1: DropPath;
  /** Before the perceptron. */
  readonly norm2: LayerNorm;
  /** The perceptron. */
  readonly mlp: Mlp;
  /** Scale of the perceptron's branch, if any. */
  readonly ls2: LayerScale | undefined;
  /** Drops the perceptron's branch. */
  readonly dropPath2: DropPath;

  /** A block over `width` features with `heads` heads. */
  constructor(width: number, heads: number, options: TransformerBlockOptions) {
    super();
    const { device, mlpRatio = 4, layerScale, dropPath = 0, dropout, activation, epsilon } =
      options;
    const random = streamOf(options.random);
    const scale = () =>
      layerScale === undefined ? undefined : new LayerScale(width, layerScale, { device });
    this.norm1 = new LayerNorm(width, { device, epsilon });
    this.attn = new MultiHeadAttention(width, heads, {
      device,
      dropout,
      bias: options.attentionBias,
      random: random.fork("attn"),
    });
    this.ls1 = scale();
    this.dropPath1 = new DropPath(dropPath, random.fork("drop_path1"));
    this.norm2 = new LayerNorm(width, { device, epsilon });
    this.mlp = new Mlp(width, Math.round(width * mlpRatio), width, {
      device,
      dropout,
      activation,
      random: random.fork("mlp"),
    });
    this.ls2 = scale();
    this.dropPath2 = new DropPath(dropPath, random.fork("drop_path2"));
  }

  /** x [batch, tokens, width] -> same shape. */
  forward(x: Tensor): Tensor {
    return this.#finish(x, this.attn.forward(this.norm1.forward(x)));
  }

  /** As {@linkcode forward}, telling as well how much the class token reads from each token: [batch, tokens]. */
  inspect(x: Tensor): { readonly output: Tensor; readonly reading: Tensor } {
    const { output, reading } = this.attn.inspect(this.norm1.forward(x));
    return { output: this.#finish(x, output), reading };
  }

  #finish(x: Tensor, attended: Tensor): Tensor {
    const scaled = this.ls1 ? this.ls1.forward(attended) : attended;
    const middle = x.add(this.dropPath1.forward(scaled));
    const hidden = this.mlp.forward(this.norm2.forward(middle));
    return middle.add(this.dropPath2.forward(this.ls2 ? this.ls2.forward(hidden) : hidden));
  }
}
