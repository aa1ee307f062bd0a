// Reductions over any axes, and what runs along one.

import { ShapeError, ValueError } from "../../errors.ts";
import { apply } from "../apply.ts";
import { normalizeAxes, normalizeAxis, reducedShape, showShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { abs, add, div, equal, exp, log, mul, pow, sqrt, square, sub, where } from "./pointwise.ts";
import { concat, permute, reshape, slice } from "./layout.ts";

/** One axis, several, or (undefined) all of them; negative axes count from the end. */
export type Axes = number | readonly number[] | undefined;

/** Options of reductions. */
export interface ReduceOptions {
  /** Keeps reduced axes with length 1. */
  readonly keepAxes?: boolean;
}

function reduce(
  kind: "sum" | "max" | "min",
  x: Tensor,
  axes: Axes,
  { keepAxes = false }: ReduceOptions,
): Tensor {
  const list = normalizeAxes(kind, axes, x.rank);
  const empty = kind !== "sum" && list.some((axis) => x.shape[axis] === 0);
  if (empty) throw new ShapeError(`${kind}: nothing to compare in ${showShape(x.shape)}`);
  let result = x;
  // Runs of neighbouring axes are one kernel each; the last run first, so that the others keep their numbers.
  for (let last = list.length - 1; last >= 0;) {
    let first = last;
    while (first > 0 && list[first - 1] === list[first] - 1) first--;
    result = apply("reduce", [result], { kind, first: list[first], last: list[last] });
    last = first - 1;
  }
  return keepAxes ? reshape(result, reducedShape(x.shape, list, true)) : result;
}

/**
 * Sum over axes.
 *
 * @example
 * ```ts
 * import { sum, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([[1, 2], [3, 4]]);
 * assertEquals(sum(x).item(), 10);
 * assertEquals(sum(x, 0, { keepAxes: true }).toArray(), [[4, 6]]);
 * ```
 */
export function sum(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduce("sum", x, axes, options);
}

/** Largest element over axes; ties share the gradient equally. */
export function max(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduce("max", x, axes, options);
}

/** Smallest element over axes; ties share the gradient equally. */
export function min(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduce("min", x, axes, options);
}

function countOver(x: Tensor, axes: Axes): number {
  return sizeOf(normalizeAxes("mean", axes, x.rank).map((axis) => x.shape[axis]));
}

/** Mean over axes; NaN over nothing. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return div(sum(x, axes, options), countOver(x, axes));
}

/** Options of {@linkcode variance}. */
export interface VarianceOptions extends ReduceOptions {
  /** Divides by count - correction: 1 (unbiased) by default, 0 for the population's. */
  readonly correction?: number;
}

/** Variance over axes. */
export function variance(x: Tensor, axes?: Axes, options: VarianceOptions = {}): Tensor {
  const { correction = 1, keepAxes } = options;
  const centred = sub(x, mean(x, axes, { keepAxes: true }));
  return div(sum(square(centred), axes, { keepAxes }), countOver(x, axes) - correction);
}

/** Product over axes; its gradient is exact where factors are 0. */
export function prod(x: Tensor, axes?: Axes, { keepAxes = false }: ReduceOptions = {}): Tensor {
  const list = normalizeAxes("prod", axes, x.rank);
  let result = x;
  for (const axis of list) {
    // Halves are multiplied until one element is left, an odd one out waiting for the next round.
    while (result.shape[axis] > 1) {
      const length = result.shape[axis];
      const half = length >> 1;
      const ranges = (from: number, to: number) =>
        result.shape.map((_, other) => other === axis ? [from, to] as const : undefined);
      const product = mul(
        slice(result, ...ranges(0, half)),
        slice(result, ...ranges(half, 2 * half)),
      );
      result = length % 2 === 0
        ? product
        : concat([product, slice(result, ...ranges(2 * half, length))], axis);
    }
    // An empty product is 1.
    if (result.shape[axis] === 0) result = add(sum(result, axis, { keepAxes: true }), 1);
  }
  return keepAxes ? result : reshape(result, reducedShape(x.shape, list, false));
}

/** Options of {@linkcode norm}. */
export interface VectorNormOptions extends ReduceOptions {
  /** The p of the p-norm: 2 by default; Infinity for the largest magnitude. */
  readonly order?: number;
}

/** The p-norm over axes. The Euclidean norm's gradient at 0 is 0. */
export function norm(x: Tensor, axes?: Axes, options: VectorNormOptions = {}): Tensor {
  const { order = 2, keepAxes } = options;
  if (!(order > 0)) throw new ValueError(`norm: the order must be above 0, but is ${order}`);
  if (order === Infinity) return max(abs(x), axes, { keepAxes });
  if (order === 1) return sum(abs(x), axes, { keepAxes });
  if (order === 2) {
    const squares = sum(square(x), axes, { keepAxes });
    // The root's slope at 0 is infinite: a safe argument keeps 0 * infinity out of the gradient.
    const zero = equal(squares, 0);
    return where(zero, 0, sqrt(where(zero, 1, squares)));
  }
  return pow(sum(pow(abs(x), order), axes, { keepAxes }), 1 / order);
}

/** log(sum(exp(x))) over axes, without overflow. */
export function logsumexp(x: Tensor, axes?: Axes, { keepAxes }: ReduceOptions = {}): Tensor {
  const largest = max(x, axes, { keepAxes: true }).detach();
  const shift = where(equal(abs(largest), Infinity), 0, largest);
  const sums = sum(exp(sub(x, shift)), axes, { keepAxes: true });
  const result = add(log(sums), shift);
  const list = normalizeAxes("logsumexp", axes, x.rank);
  return keepAxes ? result : reshape(result, reducedShape(x.shape, list, false));
}

function argReduce(kind: "max" | "min", x: Tensor, axis: number | undefined): Tensor {
  return apply("argReduce", [x], { kind, axis: normalizeAxis(`arg${kind}`, axis ?? -1, x.rank) });
}

/** int32 index of the first largest element along an axis (the last by default), which disappears. */
export function argmax(x: Tensor, axis?: number): Tensor {
  return argReduce("max", x, axis);
}

/** int32 index of the first smallest element along an axis (the last by default), which disappears. */
export function argmin(x: Tensor, axis?: number): Tensor {
  return argReduce("min", x, axis);
}

/** Running sums along one axis, or over several at once in row-major order (all by default flattens). */
export function cumsum(
  x: Tensor,
  axes?: Axes,
  options: { readonly reverse?: boolean } = {},
): Tensor {
  const { reverse = false } = options;
  const list = normalizeAxes("cumsum", axes, x.rank);
  if (list.length === 1) return apply("cumulativeSum", [x], { axis: list[0], reverse });
  if (x.rank === 0) return x;
  // The summed axes become one last axis, and go back to their places afterwards.
  const others = x.shape.map((_, axis) => axis).filter((axis) => !list.includes(axis));
  const order = [...others, ...list];
  const moved = permute(x, order);
  const flat = reshape(moved, [...others.map((axis) => x.shape[axis]), -1]);
  const sums = apply("cumulativeSum", [flat], { axis: others.length, reverse });
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return permute(reshape(sums, moved.shape), inverse);
}
