// Rows of reductions and of what runs along one axis.

import { ShapeError } from "../../errors.ts";
import type { OperationRow } from "../operation.ts";
import { axisLayout, sameShape, showShape, sizeOf } from "../shape.ts";
import { promote } from "./types.ts";

/** Sum, maximum or minimum over neighbouring axes, which disappear. */
export const reduce: OperationRow<"reduce"> = {
  infer(inputs, { first, last }, float) {
    const [x] = inputs;
    for (const other of inputs) {
      if (!sameShape(x.shape, other.shape)) {
        throw new ShapeError(
          `reduce: inputs must have one shape, but are ${showShape(x.shape)} and ` +
            showShape(other.shape),
        );
      }
    }
    return [{
      shape: x.shape.filter((_, axis) => axis < first || axis > last),
      dtype: promote("reduce", inputs, float),
    }];
  },
  run(kernel, inputs, outputs, { kind, first, last, map }) {
    const { shape } = inputs[0];
    kernel(
      "reduce",
      {
        kind,
        map,
        outer: sizeOf(shape.slice(0, first)),
        length: sizeOf(shape.slice(first, last + 1)),
        inner: sizeOf(shape.slice(last + 1)),
      },
      inputs,
      outputs,
    );
  },
};

/** The index of the first largest or smallest element along an axis, which disappears. */
export const argReduce: OperationRow<"argReduce"> = {
  infer([x], { kind, axis }) {
    if (x.shape[axis] === 0) {
      throw new ShapeError(`arg${kind}: axis ${axis} of ${showShape(x.shape)} is empty`);
    }
    return [{ shape: x.shape.filter((_, other) => other !== axis), dtype: "int32" }];
  },
  run: (kernel, [x], outputs, { kind, axis }) =>
    kernel("argReduce", { kind, ...axisLayout(x.shape, axis) }, [x], outputs),
};

/** Running sums along an axis. */
export const cumulativeSum: OperationRow<"cumulativeSum"> = {
  infer: ([x], _, float) => [{ shape: x.shape, dtype: promote("cumsum", [x], float) }],
  run: (kernel, [x], outputs, { axis, reverse }) =>
    kernel("cumulativeSum", { reverse, ...axisLayout(x.shape, axis) }, [x], outputs),
};

/** The order of indices that sorts along an axis. */
export const sort: OperationRow<"sort"> = {
  infer: ([x]) => [{ shape: x.shape, dtype: "int32" }],
  run: (kernel, [x], outputs, { axis, descending }) =>
    kernel("sort", { descending, ...axisLayout(x.shape, axis) }, [x], outputs),
};
