// Rows of elementwise operations.

import type { OperationRow } from "../operation.ts";
import { broadcastShapes, broadcastStrides, sizeOf } from "../shape.ts";
import { promote } from "./types.ts";

/** An expression of its inputs, broadcast together. */
export const pointwise: OperationRow<"pointwise"> = {
  infer: (inputs, { dtype }, float) => [{
    shape: broadcastShapes("pointwise", ...inputs.map((input) => input.shape)),
    dtype: dtype ?? promote("pointwise", inputs, float),
  }],
  run: (kernel, inputs, [output], { expression }) =>
    kernel(
      "pointwise",
      {
        expressions: [expression],
        shape: output.shape,
        inputStrides: inputs.map((input) => broadcastStrides(input.shape, output.shape)),
      },
      inputs,
      [output],
    ),
};

/** The same values in another type. */
export const convert: OperationRow<"convert"> = {
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  run: (kernel, inputs, outputs) =>
    kernel("convert", { count: sizeOf(inputs[0].shape) }, inputs, outputs),
};

/** The index of the first NaN or infinity, or -1. */
export const findNonFinite: OperationRow<"findNonFinite"> = {
  infer: () => [{ shape: [1], dtype: "int32" }],
  run: (kernel, inputs, outputs) =>
    kernel("findNonFinite", { count: sizeOf(inputs[0].shape) }, inputs, outputs),
};
