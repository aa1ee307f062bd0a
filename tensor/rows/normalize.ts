// Rows of what normalizes the last axis: softmax and layer norm, with their fused backward passes.

import { ShapeError } from "../../errors.ts";
import type { Descriptor, OperationRow } from "../operation.ts";
import { type Shape, showShape, sizeOf } from "../shape.ts";
import { requireFloat } from "./types.ts";

function rowLayout(operation: string, shape: Shape): { rows: number; length: number } {
  if (shape.length === 0) throw new ShapeError(`${operation}: a scalar has no last axis`);
  return { rows: sizeOf(shape.slice(0, -1)), length: shape[shape.length - 1] };
}

function requireRowVector(name: string, x: Descriptor, vector: Descriptor): void {
  const length = x.shape[x.shape.length - 1];
  if (vector.shape.length !== 1 || vector.shape[0] !== length) {
    throw new ShapeError(
      `layerNorm: ${name} must have shape [${length}], but has ${showShape(vector.shape)}`,
    );
  }
}

/** Softmax over the last axis, or its logarithm. */
export const softmax: OperationRow<"softmax"> = {
  infer([x]) {
    requireFloat("softmax", "x", x);
    rowLayout("softmax", x.shape);
    return [x];
  },
  run: (kernel, inputs, outputs, { logarithm }) =>
    kernel("softmax", { logarithm, ...rowLayout("softmax", inputs[0].shape) }, inputs, outputs),
};

/** The gradient of softmax from its result. */
export const softmaxBackward: OperationRow<"softmaxBackward"> = {
  infer: ([y]) => [y],
  run: (kernel, inputs, outputs, { logarithm }) =>
    kernel(
      "softmaxBackward",
      { logarithm, ...rowLayout("softmax", inputs[0].shape) },
      inputs,
      outputs,
    ),
};

/** Each row to mean 0 and variance 1, then scale and bias. */
export const layerNorm: OperationRow<"layerNorm"> = {
  infer([x, scale, bias]) {
    requireFloat("layerNorm", "x", x);
    rowLayout("layerNorm", x.shape);
    requireRowVector("scale", x, scale);
    requireRowVector("bias", x, bias);
    return [x];
  },
  run: (kernel, inputs, outputs, { epsilon }) =>
    kernel("layerNorm", { epsilon, ...rowLayout("layerNorm", inputs[0].shape) }, inputs, outputs),
};

/** The gradients of layer norm in one pass. */
export const layerNormBackward: OperationRow<"layerNormBackward"> = {
  infer: ([x, scale]) => [x, scale, scale],
  run: (kernel, inputs, outputs, { epsilon }) =>
    kernel(
      "layerNormBackward",
      { epsilon, ...rowLayout("layerNorm", inputs[0].shape) },
      inputs,
      outputs,
    ),
};
