// Multi-head self-attention, and how much the class token reads from each token.

import { ConfigError } from "../errors.ts";
import { packedAttention } from "../tensor/operations/attention.ts";
import { permute, reshape, slice } from "../tensor/operations/layout.ts";
import { softmax } from "../tensor/operations/normalize.ts";
import { mul, sqrt } from "../tensor/operations/pointwise.ts";
import { sum } from "../tensor/operations/reduce.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Dropout } from "./dropout.ts";
import {
  constantValues,
  type LayerOptions,
  streamOf,
  truncatedNormalValues,
} from "./initialize.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Options of {@linkcode MultiHeadAttention}. */
export interface AttentionLayerOptions extends LayerOptions {
  /** Whether queries, keys and values have a bias; true by default. */
  readonly bias?: boolean;
  /** Dropout of the output; 0 by default. */
  readonly dropout?: number;
}

/** What {@linkcode MultiHeadAttention.inspect} returns. */
export interface InspectedAttention {
  /** [batch, tokens, width]. */
  readonly output: Tensor;
  /** [batch, tokens]: see {@linkcode classTokenReading}. Not recorded. */
  readonly reading: Tensor;
}

/** Self-attention with packed queries, keys and values, and timm's names (Vaswani et al., 2017). */
export class MultiHeadAttention extends Module {
  /** [3 * width, width]: queries, keys, values. */
  readonly qkv: Linear;
  /** [width, width]. */
  readonly proj: Linear;
  /** Drops outputs. */
  readonly projDrop: Dropout;

  /**
   * `heads` heads over `width` features.
   *
   * @throws {ConfigError} The heads do not divide the width.
   */
  constructor(readonly width: number, readonly heads: number, options: AttentionLayerOptions) {
    super();
    if (width % heads !== 0) {
      throw new ConfigError(
        `MultiHeadAttention: ${heads} heads do not divide a width of ${width}`,
      );
    }
    const { device, bias = true, dropout = 0 } = options;
    const random = streamOf(options.random);
    const initial = {
      device,
      initialWeight: truncatedNormalValues(),
      initialBias: constantValues(0),
    };
    this.qkv = new Linear(width, 3 * width, { ...initial, bias, random: random.fork("qkv") });
    this.proj = new Linear(width, width, { ...initial, random: random.fork("proj") });
    this.projDrop = new Dropout(dropout, random.fork("proj_drop"));
  }

  /** x [batch, tokens, width] -> same shape. */
  forward(x: Tensor): Tensor {
    return this.#mix(this.qkv.forward(x));
  }

  /** As {@linkcode forward}, telling as well how much the class token (the first) reads from each token. */
  inspect(x: Tensor): InspectedAttention {
    const packed = this.qkv.forward(x);
    return { output: this.#mix(packed), reading: classTokenReading(packed, this.heads) };
  }

  #mix(packed: Tensor): Tensor {
    return this.projDrop.forward(this.proj.forward(packedAttention(packed, this.heads)));
  }
}

/**
 * How much the first token takes from each token: its attention to the token times the length of the token's value,
 * summed over heads. Not recorded: nothing differentiates through it.
 *
 * @param queryKeyValue [batch, tokens, 3 * width], as `packedAttention` takes it.
 * @returns [batch, tokens], the first token itself included.
 */
export function classTokenReading(queryKeyValue: Tensor, heads: number): Tensor {
  return withoutRecording(() =>
    scoped(() => {
      const [batch, tokens, packed] = queryKeyValue.shape;
      const width = packed / 3;
      const headWidth = width / heads;
      const part = (which: number, range: [number, number]) =>
        reshape(
          slice(queryKeyValue, undefined, range, [which * width, (which + 1) * width]),
          [batch, range[1], heads, headWidth],
        );
      const query = part(0, [0, 1]);
      const scores = sum(mul(part(1, [0, tokens]), query), -1).mul(1 / Math.sqrt(headWidth));
      const attention = softmax(permute(scores, [0, 2, 1]));
      const lengths = sqrt(sum(part(2, [0, tokens]).square(), -1));
      return sum(mul(attention, permute(lengths, [0, 2, 1])), 1);
    })
  );
}
