// Reading, adding and ordering at indices.

import { ShapeError, ValueError } from "../../errors.ts";
import type { TypedArray } from "../../kernels/kernel.ts";
import { apply } from "../apply.ts";
import { arange } from "../create.ts";
import { viewOf } from "../run_entry.ts";
import { normalizeAxis, showShape } from "../shape.ts";
import { note, untaped } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { narrow, reshape, unsqueeze } from "./layout.ts";
import { equal, greaterEqual, lessEqual, to, where } from "./pointwise.ts";

/** Throws unless all of an int32 tensor lies within 0..length-1. The kernels do not check. */
function checkRange(operation: string, index: Tensor, length: number): void {
  if (index.dtype !== "int32") return; // the row says so better
  const check = (values: TypedArray): void => {
    for (const value of values) {
      if (value < 0 || value >= length) {
        throw new ValueError(
          `${operation}: index ${value} is outside 0 to ${length - 1}, the length of the axis`,
        );
      }
    }
  };
  check(untaped(() => index.dataSync()));
  note({ kind: "check", input: viewOf(index), check });
}

/**
 * Elements of x along an axis, each at its own index (PyTorch's `gather` and `take_along_dim`).
 *
 * @param index int32, with the shape of x except on the axis.
 */
export function takeAlongAxis(x: Tensor, index: Tensor, axis = -1): Tensor {
  const at = normalizeAxis("takeAlongAxis", axis, x.rank);
  checkRange("takeAlongAxis", index, x.shape[at]);
  return apply("gather", [x, index], { axis: at, mode: "along" });
}

/** The name that PyTorch has for {@linkcode takeAlongAxis}. */
export const gather: (x: Tensor, index: Tensor, axis?: number) => Tensor = takeAlongAxis;

/** Parts of x along an axis, at a list of int32 indices [count]. */
export function indexSelect(x: Tensor, index: Tensor, axis = 0): Tensor {
  const at = normalizeAxis("indexSelect", axis, x.rank);
  if (index.rank !== 1) {
    throw new ShapeError(`indexSelect: the index has one axis, but is ${showShape(index.shape)}`);
  }
  checkRange("indexSelect", index, x.shape[at]);
  return apply("gather", [x, index], { axis: at, mode: "select" });
}

/** Rows of a table [entries, width] at int32 indices of any shape -> [...index, width]. */
export function embedding(table: Tensor, index: Tensor): Tensor {
  const rows = indexSelect(table, reshape(index, [index.size]), 0);
  return reshape(rows, [...index.shape, ...table.shape.slice(1)]);
}

/**
 * x plus values at indices along an axis; several values at one index add up in order.
 *
 * @param index int32, with the shape of the values.
 */
export function scatterAdd(x: Tensor, index: Tensor, values: Tensor, axis = -1): Tensor {
  const at = normalizeAxis("scatterAdd", axis, x.rank);
  const length = x.shape[at];
  const fits = index.rank === values.rank &&
    index.shape.every((size, other) => size === values.shape[other]);
  if (!fits) {
    throw new ShapeError(
      `scatterAdd: index ${showShape(index.shape)} and values ${showShape(values.shape)} differ`,
    );
  }
  checkRange("scatterAdd", index, length);
  return x.add(apply("scatterAdd", [values, index], { axis: at, mode: "along", length }));
}

/** int32 indices [...] -> 0 and 1 [..., classes]. */
export function oneHot(index: Tensor, classes: number): Tensor {
  const positions = arange(0, classes, 1, { device: index.device });
  return to(equal(unsqueeze(to(index, positions.dtype), -1), positions), positions.dtype);
}

/** Options of {@linkcode sort} and {@linkcode topK}. */
export interface SortOptions {
  /** The axis; the last by default. */
  readonly axis?: number;
  /** Largest first. */
  readonly descending?: boolean;
}

/** Sorted values, and the int32 indices they came from. Stable; NaN last. Values differentiate. */
export function sort(x: Tensor, options: SortOptions = {}): { values: Tensor; indices: Tensor } {
  const { descending = false } = options;
  const axis = normalizeAxis("sort", options.axis ?? -1, x.rank);
  const indices = apply("sort", [x], { axis, descending });
  return { values: apply("gather", [x, indices], { axis, mode: "along" }), indices };
}

/** The int32 indices that sort. */
export function argsort(x: Tensor, options: SortOptions = {}): Tensor {
  const axis = normalizeAxis("argsort", options.axis ?? -1, x.rank);
  return apply("sort", [x], { axis, descending: options.descending ?? false });
}

/** The `count` largest values along an axis in descending order (smallest, ascending, by option), and their indices. */
export function topK(
  x: Tensor,
  count: number,
  options: { readonly axis?: number; readonly smallest?: boolean } = {},
): { values: Tensor; indices: Tensor } {
  const axis = normalizeAxis("topK", options.axis ?? -1, x.rank);
  if (!Number.isInteger(count) || count < 0 || count > x.shape[axis]) {
    throw new ValueError(`topK: ${count} of ${x.shape[axis]} elements cannot be taken`);
  }
  const order = apply("sort", [x], { axis, descending: !options.smallest });
  const indices = narrow(order, axis, 0, count);
  return { values: apply("gather", [x, indices], { axis, mode: "along" }), indices };
}

function triangle(x: Tensor, keep: (rows: Tensor, columns: Tensor) => Tensor): Tensor {
  if (x.rank < 2) throw new ShapeError(`triangle: ${showShape(x.shape)} is no matrix`);
  const [rows, columns] = x.shape.slice(-2);
  const numbers = (length: number) => arange(0, length, 1, { device: x.device });
  return where(keep(unsqueeze(numbers(rows), 1), numbers(columns)), x, 0);
}

/** The lower triangle of the last two axes, up to `offset` above the diagonal; zeros elsewhere. */
export function tril(x: Tensor, offset = 0): Tensor {
  return triangle(x, (rows, columns) => lessEqual(columns, rows.add(offset)));
}

/** The upper triangle of the last two axes, from `offset` above the diagonal on; zeros elsewhere. */
export function triu(x: Tensor, offset = 0): Tensor {
  return triangle(x, (rows, columns) => greaterEqual(columns, rows.add(offset)));
}
