// Rows of self-attention over packed queries, keys and values.

import { ShapeError } from "../../errors.ts";
import type { AttentionLayout } from "../../kernels/kernel.ts";
import type { Descriptor, OperationOptions, OperationRow } from "../operation.ts";
import { showShape } from "../shape.ts";
import { requireFloat } from "./types.ts";

function layoutOf(x: Descriptor, options: OperationOptions["attention"]): AttentionLayout {
  const [batch, tokens, packed] = x.shape;
  const headWidth = packed / (3 * options.heads);
  if (x.shape.length !== 3 || !Number.isInteger(headWidth)) {
    throw new ShapeError(
      `attention: expected [batch, tokens, 3 * width] with a width divisible by ` +
        `${options.heads} heads, but found ${showShape(x.shape)}`,
    );
  }
  return { batch, tokens, headWidth, ...options };
}

/** softmax(scale * query key') value for each head. */
export const attention: OperationRow<"attention"> = {
  infer([queryKeyValue], options) {
    requireFloat("attention", "queryKeyValue", queryKeyValue);
    const { batch, tokens, heads, headWidth } = layoutOf(queryKeyValue, options);
    const { dtype } = queryKeyValue;
    return [
      { shape: [batch, tokens, heads * headWidth], dtype },
      { shape: [batch, heads, tokens], dtype },
    ];
  },
  run: (kernel, inputs, outputs, options) =>
    kernel("attention", layoutOf(inputs[0], options), inputs, outputs),
};

/** The gradient of attention; the probabilities are computed again from the log-sum-exp. */
export const attentionBackward: OperationRow<"attentionBackward"> = {
  infer: ([queryKeyValue]) => [queryKeyValue],
  run: (kernel, inputs, outputs, options) =>
    kernel("attentionBackward", layoutOf(inputs[0], options), inputs, outputs),
};
