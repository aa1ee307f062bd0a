// The row of the matrix product.

import { ShapeError } from "../../errors.ts";
import type { Descriptor, OperationOptions, OperationRow } from "../operation.ts";
import { broadcastShapes, broadcastStrides, showShape, sizeOf } from "../shape.ts";
import { requireFloat, requireSameType } from "./types.ts";

function dimensions(a: Descriptor, b: Descriptor, options: OperationOptions["matmul"]) {
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new ShapeError(
      `matmul: both operands need at least two axes, but a is ${showShape(a.shape)} and b is ` +
        showShape(b.shape),
    );
  }
  const [rowsOrDepthA, depthOrRowsA] = a.shape.slice(-2);
  const [depthOrColumnsB, columnsOrDepthB] = b.shape.slice(-2);
  const [rows, depth] = options.transposeA
    ? [depthOrRowsA, rowsOrDepthA]
    : [rowsOrDepthA, depthOrRowsA];
  const [depthB, columns] = options.transposeB
    ? [columnsOrDepthB, depthOrColumnsB]
    : [depthOrColumnsB, columnsOrDepthB];
  if (depth !== depthB) {
    throw new ShapeError(
      `matmul: inner dimensions differ: a is ${showShape(a.shape)}` +
        `${options.transposeA ? " transposed" : ""}, b is ${showShape(b.shape)}` +
        `${options.transposeB ? " transposed" : ""} (${depth} against ${depthB})`,
    );
  }
  return { rows, columns, depth };
}

/** a b, batched over the leading axes, with an optional bias of one value a column. */
export const matmul: OperationRow<"matmul"> = {
  infer([a, b, bias], options) {
    requireFloat("matmul", "a", a);
    requireSameType("matmul", "a and b", a, b);
    const { rows, columns } = dimensions(a, b, options);
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== columns)) {
      throw new ShapeError(
        `matmul: the bias must have shape [${columns}], but has ${showShape(bias.shape)}`,
      );
    }
    const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
    return [{ shape: [...batch, rows, columns], dtype: a.dtype }];
  },
  run(kernel, inputs, outputs, options) {
    const [a, b, bias] = inputs;
    const { rows, columns, depth } = dimensions(a, b, options);
    const { transposeA, transposeB, activation } = options;
    const epilogue = activation && [activation];
    const shared = { columns, depth, transposeA, transposeB, bias: bias !== undefined, epilogue };
    const batchA = a.shape.slice(0, -2);
    if (b.shape.length === 2 && !transposeA) {
      // One matrix for the whole batch: all rows form one tall product.
      const parameters = { batch: [], batchStridesA: [], batchStridesB: [], ...shared };
      kernel("matmul", { ...parameters, rows: sizeOf(batchA) * rows }, inputs, outputs);
      return;
    }
    const batch = outputs[0].shape.slice(0, -2);
    const scaled = (shape: readonly number[], matrix: number) =>
      broadcastStrides(shape, batch).map((stride) => stride * matrix);
    kernel(
      "matmul",
      {
        batch,
        batchStridesA: scaled(batchA, rows * depth),
        batchStridesB: scaled(b.shape.slice(0, -2), depth * columns),
        rows,
        ...shared,
      },
      inputs,
      outputs,
    );
  },
};
