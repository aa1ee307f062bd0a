// Scaled dot-product attention.

import { ShapeError } from "../../errors.ts";
import { apply } from "../apply.ts";
import { arange } from "../create.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { unsqueeze } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { softmax } from "./normalize.ts";
import { add, lessEqual, mul, where } from "./pointwise.ts";

/** Options of attention. */
export interface AttentionOptions {
  /** Token i attends to tokens 0..i only. */
  readonly causal?: boolean;
  /** Multiplies the scores; 1 / sqrt(head width) by default. */
  readonly scale?: number;
}

/**
 * Self-attention over queries, keys and values packed side by side, as one linear layer makes them; fused, with
 * no score matrix in memory (Vaswani et al., 2017; the log-sum-exp is kept as in Dao et al., 2022).
 *
 * @param queryKeyValue [batch, tokens, 3 * width]: for each token all heads' queries, then keys, then values.
 * @param heads The number of heads; divides the width.
 * @returns [batch, tokens, width].
 */
export function packedAttention(
  queryKeyValue: Tensor,
  heads: number,
  options: AttentionOptions = {},
): Tensor {
  const headWidth = queryKeyValue.shape[queryKeyValue.rank - 1] / (3 * heads);
  const { causal = false, scale = 1 / Math.sqrt(headWidth) } = options;
  return apply("attention", [queryKeyValue], { heads, scale, causal });
}

/**
 * softmax(scale * query key' + mask) value.
 *
 * @param query [..., queries, headWidth].
 * @param key [..., keys, headWidth].
 * @param value [..., keys, valueWidth].
 * @param options `mask` broadcasts to [..., queries, keys]: bool keeps where true, numbers are added to the scores.
 * @returns [..., queries, valueWidth].
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionOptions & { readonly mask?: Tensor } = {},
): Tensor {
  const { mask, causal = false, scale = 1 / Math.sqrt(query.shape[query.rank - 1]) } = options;
  if (query.rank < 2 || key.rank < 2) {
    throw new ShapeError(
      `attention: expected [..., tokens, width], but query is ${showShape(query.shape)} and ` +
        `key is ${showShape(key.shape)}`,
    );
  }
  let scores = mul(matmul(query, key, { transposeB: true }), scale);
  if (causal) {
    const [queries, keys] = scores.shape.slice(-2);
    const numbers = (length: number) => arange(0, length, 1, { device: query.device });
    const seen = lessEqual(numbers(keys), unsqueeze(numbers(queries), 1));
    scores = where(seen, scores, -Infinity);
  }
  if (mask) scores = mask.dtype === "bool" ? where(mask, scores, -Infinity) : add(scores, mask);
  return matmul(softmax(scores), value);
}
