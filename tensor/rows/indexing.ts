// Rows of reading and adding at indices.

import { DTypeError, ShapeError } from "../../errors.ts";
import type { Descriptor, IndexMode, OperationRow } from "../operation.ts";
import { axisLayout, type Shape, showShape } from "../shape.ts";

function requireIndex(operation: string, index: Descriptor): void {
  if (index.dtype !== "int32") {
    throw new DTypeError(`${operation}: the index must be int32, but is ${index.dtype}`);
  }
}

/** The number of elements taken along the axis, and the strides that find an element's index. */
function indexLayout(
  index: Shape,
  axis: number,
  mode: IndexMode,
): { count: number; indexStrides: [number, number, number] } {
  if (mode === "select") return { count: index[0], indexStrides: [0, 1, 0] };
  const { length, inner } = axisLayout(index, axis);
  return { count: length, indexStrides: [length * inner, inner, 1] };
}

/** Elements of a tensor at indices along one axis. */
export const gather: OperationRow<"gather"> = {
  infer([x, index], { axis, mode }) {
    requireIndex("gather", index);
    if (mode === "select") {
      return [{ shape: x.shape.with(axis, index.shape[0]), dtype: x.dtype }];
    }
    const fits = index.shape.length === x.shape.length &&
      index.shape.every((length, other) => other === axis || length === x.shape[other]);
    if (!fits) {
      throw new ShapeError(
        `takeAlongAxis: the index ${showShape(index.shape)} must have the shape of x ` +
          `${showShape(x.shape)} except on axis ${axis}`,
      );
    }
    return [{ shape: index.shape, dtype: x.dtype }];
  },
  run: (kernel, [x, index], outputs, { axis, mode }) =>
    kernel(
      "gather",
      { ...axisLayout(x.shape, axis), ...indexLayout(index.shape, axis, mode) },
      [x, index],
      outputs,
    ),
};

/** Zeros, plus every value at its index. */
export const scatterAdd: OperationRow<"scatterAdd"> = {
  infer([values, index], { axis, length, mode }) {
    requireIndex("scatterAdd", index);
    const { count } = indexLayout(index.shape, axis, mode);
    if (values.shape[axis] !== count) {
      throw new ShapeError(
        `scatterAdd: ${showShape(values.shape)} has ${values.shape[axis]} values on axis ` +
          `${axis} for ${count} indices`,
      );
    }
    return [{ shape: values.shape.with(axis, length), dtype: values.dtype }];
  },
  run: (kernel, [values, index], outputs, { axis, length, mode }) =>
    kernel(
      "scatterAdd",
      { ...axisLayout(values.shape, axis), length, ...indexLayout(index.shape, axis, mode) },
      [values, index],
      outputs,
    ),
};
