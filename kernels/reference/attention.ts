// Scaled dot-product attention on packed query, key and value (Vaswani et al. 2017, equation 1), and its gradient.

import type { AttentionLayout, KernelRunner, TypedArray } from "../kernel.ts";
import { elementsOf } from "./buffers.ts";

/** One head of one batch entry: where its rows lie, and the products that both directions need. */
interface Head {
  /** Index in `[batch, tokens, 3, heads, headWidth]` of a token's query (0), key (1) or value (2). */
  readonly packed: (token: number, part: 0 | 1 | 2) => number;
  /** Index of a token's row in `[batch, tokens, heads, headWidth]`. */
  readonly unpacked: (token: number) => number;
  /** Index of a token in `[batch, heads, tokens]`. */
  readonly row: (token: number) => number;
  /** How many tokens, from the first, a token attends to. */
  readonly reach: (token: number) => number;
}

/** Calls `visit` for every head of every batch entry. */
function forEachHead(layout: AttentionLayout, visit: (head: Head) => void): void {
  const { batch, tokens, heads, headWidth, causal } = layout;
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      visit({
        packed: (token, part) => (((b * tokens + token) * 3 + part) * heads + h) * headWidth,
        unpacked: (token) => ((b * tokens + token) * heads + h) * headWidth,
        row: (token) => (b * heads + h) * tokens + token,
        reach: (token) => causal ? token + 1 : tokens,
      });
    }
  }
}

/** The scalar product of `length` elements of two arrays from given starts. */
function dot(a: TypedArray, startA: number, b: TypedArray, startB: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[startA + i] * b[startB + i];
  return sum;
}

/** Adds `factor` times a row of `b` to a row of `a`. */
function addRow(
  a: Float64Array,
  startA: number,
  factor: number,
  b: TypedArray,
  startB: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) a[startA + i] += factor * b[startB + i];
}

/** y = softmax(scale * q k^T) v for each head; also the log-sum-exp of each row of scores. */
export const attention: KernelRunner<"attention"> = (layout, [input], outputs) => {
  const { batch, tokens, heads, headWidth, scale } = layout;
  const size = batch * tokens * heads * headWidth;
  const x = elementsOf(input, 3 * size);
  const y = new Float64Array(size);
  const logSumExp = elementsOf(outputs[1], batch * heads * tokens);
  forEachHead(layout, ({ packed, unpacked, row, reach }) => {
    for (let i = 0; i < tokens; i++) {
      const scores: number[] = [];
      for (let j = 0; j < reach(i); j++) {
        scores.push(scale * dot(x, packed(i, 0), x, packed(j, 1), headWidth));
      }
      const maximum = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - maximum));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      weights.forEach((weight, j) =>
        addRow(y, unpacked(i), weight / sum, x, packed(j, 2), headWidth)
      );
      logSumExp[row(i)] = maximum + Math.log(sum);
    }
  });
  elementsOf(outputs[0], size).set(y);
};

/**
 * With p = softmax of the scores, g the gradient of y and D_i = g_i . y_i:
 * dv_j = sum_i p_ij g_i and ds_ij = scale * p_ij (g_i . v_j - D_i), dq_i = sum_j ds_ij k_j, dk_j = sum_i ds_ij q_i.
 */
export const attentionBackward: KernelRunner<"attentionBackward"> = (layout, inputs, [output]) => {
  const { batch, tokens, heads, headWidth, scale } = layout;
  const size = batch * tokens * heads * headWidth;
  const x = elementsOf(inputs[0], 3 * size);
  const y = elementsOf(inputs[1], size);
  const logSumExp = elementsOf(inputs[2], batch * heads * tokens);
  const gradient = elementsOf(inputs[3], size);
  const result = new Float64Array(3 * size);
  forEachHead(layout, ({ packed, unpacked, row, reach }) => {
    for (let i = 0; i < tokens; i++) {
      const share = dot(gradient, unpacked(i), y, unpacked(i), headWidth);
      for (let j = 0; j < reach(i); j++) {
        const score = scale * dot(x, packed(i, 0), x, packed(j, 1), headWidth);
        const weight = Math.exp(score - logSumExp[row(i)]);
        const reached = dot(gradient, unpacked(i), x, packed(j, 2), headWidth);
        const scoreGradient = scale * weight * (reached - share);
        addRow(result, packed(i, 0), scoreGradient, x, packed(j, 1), headWidth);
        addRow(result, packed(j, 1), scoreGradient, x, packed(i, 0), headWidth);
        addRow(result, packed(j, 2), weight, gradient, unpacked(i), headWidth);
      }
    }
  });
  elementsOf(output, 3 * size).set(result);
};
