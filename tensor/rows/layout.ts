// Rows of operations that only move elements.

import { ShapeError } from "../../errors.ts";
import type { OperationRow } from "../operation.ts";
import { broadcastStrides, sameShape, type Shape, showShape, sizeOf, stridesOf } from "../shape.ts";
import { requireSameType } from "./types.ts";

/** Where a slice begins in its tensor and the strides that walk it, in elements. */
function sliceWalk(shape: Shape, starts: readonly number[], steps: readonly number[]) {
  const strides = stridesOf(shape);
  return {
    offset: starts.reduce((sum, start, axis) => sum + start * strides[axis], 0),
    strides: strides.map((stride, axis) => stride * steps[axis]),
  };
}

/** The same elements in another shape. Makes no kernel call: the result shares its input's memory. */
export const reshape: OperationRow<"reshape"> = {
  infer([x], { shape }) {
    if (sizeOf(shape) !== sizeOf(x.shape)) {
      throw new ShapeError(
        `reshape: ${showShape(x.shape)} has ${sizeOf(x.shape)} elements, ` +
          `${showShape(shape)} would have ${sizeOf(shape)}`,
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  run: () => {},
};

/** Axes in another order. */
export const permute: OperationRow<"permute"> = {
  infer: ([x], { axes }) => [{ shape: axes.map((axis) => x.shape[axis]), dtype: x.dtype }],
  run(kernel, [x], [output], { axes }) {
    const strides = stridesOf(x.shape);
    kernel(
      "copy",
      {
        shape: output.shape,
        sourceOffset: 0,
        sourceStrides: axes.map((axis) => strides[axis]),
        destinationOffset: 0,
        destinationStrides: stridesOf(output.shape),
      },
      [x],
      [output],
    );
  },
};

/** A part of a tensor, with steps. */
export const slice: OperationRow<"slice"> = {
  infer: ([x], { sizes }) => [{ shape: sizes, dtype: x.dtype }],
  run(kernel, [x], [output], { starts, steps, sizes }) {
    const { offset, strides } = sliceWalk(x.shape, starts, steps);
    kernel(
      "copy",
      {
        shape: sizes,
        sourceOffset: offset,
        sourceStrides: strides,
        destinationOffset: 0,
        destinationStrides: stridesOf(sizes),
      },
      [x],
      [output],
    );
  },
};

/** Zeros, with a tensor put where a slice would read it. */
export const placeSlice: OperationRow<"placeSlice"> = {
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  run(kernel, [x], [output], { starts, steps }) {
    kernel("fill", { count: sizeOf(output.shape), value: 0 }, [], [output]);
    const { offset, strides } = sliceWalk(output.shape, starts, steps);
    kernel(
      "copy",
      {
        shape: x.shape,
        sourceOffset: 0,
        sourceStrides: stridesOf(x.shape),
        destinationOffset: offset,
        destinationStrides: strides,
      },
      [x],
      [output],
    );
  },
};

/** Tensors joined along one axis. */
export const concat: OperationRow<"concat"> = {
  infer(inputs, { axis }) {
    const [first] = inputs;
    let length = 0;
    for (const input of inputs) {
      requireSameType("concat", "all inputs", first, input);
      const fits = sameShape(input.shape.toSpliced(axis, 1), first.shape.toSpliced(axis, 1));
      if (!fits) {
        throw new ShapeError(
          `concat: shapes ${showShape(first.shape)} and ${showShape(input.shape)} differ on ` +
            `an axis other than ${axis}`,
        );
      }
      length += input.shape[axis];
    }
    return [{ shape: first.shape.with(axis, length), dtype: first.dtype }];
  },
  run(kernel, inputs, [output], { axis }) {
    const strides = stridesOf(output.shape);
    let offset = 0;
    for (const input of inputs) {
      kernel(
        "copy",
        {
          shape: input.shape,
          sourceOffset: 0,
          sourceStrides: stridesOf(input.shape),
          destinationOffset: offset * strides[axis],
          destinationStrides: strides,
        },
        [input],
        [output],
      );
      offset += input.shape[axis];
    }
  },
};

/** A tensor repeated to a larger shape. */
export const expand: OperationRow<"expand"> = {
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  run: (kernel, [x], [output], { shape }) =>
    kernel(
      "copy",
      {
        shape,
        sourceOffset: 0,
        sourceStrides: broadcastStrides(x.shape, shape),
        destinationOffset: 0,
        destinationStrides: stridesOf(shape),
      },
      [x],
      [output],
    ),
};
