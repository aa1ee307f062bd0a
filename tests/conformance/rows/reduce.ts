// Rows of reductions, their indices, running sums and softmax.

import * as operations from "../../../tensor/operations/mod.ts";
import type { Tensor } from "../../../tensor/mod.ts";
import { floats, type Row, row, type RowDefinition } from "../row.ts";

interface ReduceOptions {
  readonly axes?: readonly number[];
  readonly keepAxes?: boolean;
}

/** A reduction over some axes. `positive` keeps axes of length 0 away where it is undefined over nothing. */
function reduction(
  name: string,
  operation: (x: Tensor, axes?: readonly number[], options?: ReduceOptions) => Tensor,
  more: Partial<RowDefinition<ReduceOptions>> & {
    readonly positive?: boolean;
    readonly low?: number;
    readonly high?: number;
    readonly distinct?: boolean;
  } = {},
): Row {
  const { positive = false, low, high, distinct = false, ...rest } = more;
  return row<ReduceOptions>({
    name,
    call: ([x], { axes, keepAxes }) => operation(x, axes, { keepAxes }),
    draw: (pick) => {
      const shape = pick.shape(0, 4, positive);
      return {
        inputs: [floats(shape, low, high, { distinct })],
        options: { axes: pick.axes(shape), keepAxes: pick.flag() },
      };
    },
    ...rest,
  });
}

/** The index of an extremum. */
function extremumIndex(name: string, operation: (x: Tensor, axis: number) => Tensor): Row {
  return row<{ axis: number }>({
    name,
    call: ([x], { axis }) => operation(x, axis),
    draw: (pick) => {
      const shape = pick.shape(1, 4, true);
      const step = 0.5; // equal elements: the first one counts
      return { inputs: [floats(shape, -2, 2, { step })], options: { axis: pick.axis(shape) } };
    },
    order: 0,
  });
}

/** Softmax or its logarithm. */
function softmaxRow(name: string, operation: (x: Tensor, axis: number) => Tensor): Row {
  return row<{ axis: number }>({
    name,
    call: ([x], { axis }) => operation(x, axis),
    draw: (pick) => {
      const shape = pick.shape(1, 4);
      return { inputs: [floats(shape, -5, 5)], options: { axis: pick.axis(shape) } };
    },
    tolerance: 1e-5,
  });
}

/** Every reduction. */
export const reduceRows: readonly Row[] = [
  reduction("sum", operations.sum, { terms: 10, tolerance: 1e-5 }),
  reduction("mean", operations.mean, { positive: true, terms: 1, tolerance: 1e-5 }),
  row<ReduceOptions & { correction?: number }>({
    name: "variance",
    call: ([x], { axes, ...options }) => operations.variance(x, axes, options),
    draw: (pick) => {
      // At least two elements on each axis, so that the unbiased variance is defined.
      const shape = pick.shape(1, 3, true).map((length) => Math.max(2, length));
      const options = { keepAxes: pick.flag(), correction: pick.oneOf(0, 1) };
      return { inputs: [floats(shape)], options: { axes: pick.axes(shape), ...options } };
    },
    tolerance: 1e-5,
  }),
  row<ReduceOptions>({
    name: "prod",
    call: ([x], { axes, ...options }) => operations.prod(x, axes, options),
    draw: (pick) => {
      const shape = pick.shape(0, 3);
      return {
        // Close to 1, so that a long product neither vanishes nor overflows.
        inputs: [floats(shape, 0.95, 1.05)],
        options: { axes: pick.axes(shape), keepAxes: pick.flag() },
      };
    },
    tolerance: 1e-4,
  }),
  reduction("max", operations.max, { positive: true, distinct: true }),
  reduction("min", operations.min, { positive: true, distinct: true }),
  row<ReduceOptions & { order?: number }>({
    name: "norm",
    call: ([x], { axes, ...options }) => operations.norm(x, axes, options),
    draw: (pick) => {
      const shape = pick.shape(0, 3, true);
      return {
        inputs: [floats(shape, -2, 2.37, { avoid: [0], distinct: true })],
        options: {
          axes: pick.axes(shape),
          keepAxes: pick.flag(),
          order: pick.oneOf(2, 1, 3, Infinity),
        },
      };
    },
    tolerance: 1e-5,
  }),
  reduction("logsumexp", operations.logsumexp, {
    positive: true,
    terms: 1,
    low: -9,
    high: 9,
    tolerance: 1e-5,
  }),
  extremumIndex("argmax", operations.argmax),
  extremumIndex("argmin", operations.argmin),
  row<{ axes?: readonly number[]; reverse?: boolean }>({
    name: "cumsum",
    terms: 10,
    call: ([x], { axes, reverse }) => operations.cumsum(x, axes, { reverse }),
    draw: (pick) => {
      const shape = pick.shape(1, 3);
      return {
        inputs: [floats(shape)],
        options: { axes: pick.axes(shape), reverse: pick.flag() },
      };
    },
    tolerance: 1e-4,
  }),
  softmaxRow("softmax", operations.softmax),
  softmaxRow("logSoftmax", operations.logSoftmax),
];
