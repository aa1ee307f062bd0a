// Operations that only move elements.

import { ShapeError, ValueError } from "../../errors.ts";
import { apply } from "../apply.ts";
import { tensor } from "../create.ts";
import { type Device, executorOf } from "../device.ts";
import { isRecording } from "../recording.ts";
import {
  broadcastShapes,
  checkShape,
  normalizeAxes,
  normalizeAxis,
  sameShape,
  type Shape,
  showShape,
  sizeOf,
} from "../shape.ts";
import { operationRows } from "../rows/mod.ts";
import type { Tensor } from "../tensor.ts";

/**
 * The same elements in another shape, sharing memory. One length may be -1 and is worked out.
 *
 * @throws {ShapeError} The number of elements differs.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  let target = shape;
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const known = sizeOf(shape.filter((_, axis) => axis !== open));
    const length = known === 0 ? 0 : x.size / known;
    target = shape.with(open, Number.isInteger(length) ? length : -1);
  }
  if (target.some((length) => length < 0)) {
    throw new ShapeError(`reshape: ${showShape(x.shape)} does not fit ${showShape(shape)}`);
  }
  if (sameShape(target, x.shape)) return x;
  const options = { shape: target };
  operationRows.reshape.infer([x], options, "float32");
  const view = x.view(target);
  if (isRecording()) view.remember({ name: "reshape", inputs: [x], options, outputs: [view] });
  return view;
}

/** All elements on one axis. */
export function flatten(x: Tensor): Tensor {
  return reshape(x, [x.size]);
}

/** Without one axis of length 1, or without all of them. */
export function squeeze(x: Tensor, axis?: number): Tensor {
  if (axis === undefined) return reshape(x, x.shape.filter((length) => length !== 1));
  const at = normalizeAxis("squeeze", axis, x.rank);
  if (x.shape[at] !== 1) {
    throw new ShapeError(`squeeze: axis ${axis} of ${showShape(x.shape)} is not of length 1`);
  }
  return reshape(x, x.shape.toSpliced(at, 1));
}

/** With a new axis of length 1 at a position (negative counts from behind the last). */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  return reshape(x, x.shape.toSpliced(normalizeAxis("unsqueeze", axis, x.rank + 1), 0, 1));
}

/** Axes in another order: output axis i is input axis axes[i]. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const order = axes.map((axis) => normalizeAxis("permute", axis, x.rank));
  if (order.length !== x.rank || new Set(order).size !== x.rank) {
    throw new ShapeError(
      `permute: ${showShape(axes)} does not name each axis of ${showShape(x.shape)} once`,
    );
  }
  if (order.every((axis, index) => axis === index)) return x;
  return apply("permute", [x], { axes: order });
}

/** The last two axes swapped, or two axes that are named. */
export function transpose(x: Tensor, first = -2, second = -1): Tensor {
  const a = normalizeAxis("transpose", first, x.rank);
  const b = normalizeAxis("transpose", second, x.rank);
  const axes = x.shape.map((_, axis) => axis === a ? b : axis === b ? a : axis);
  return permute(x, axes);
}

/**
 * What {@linkcode slice} takes of one axis: undefined (all), a number (one element; the axis disappears), or
 * [start, end?, step?] as in Python: negative positions count from the end, a negative step walks backwards.
 */
export type SliceRange =
  | undefined
  | number
  | readonly [start?: number, end?: number, step?: number];

/**
 * A part of each axis; axes without a range are taken whole.
 *
 * @example
 * ```ts
 * import { slice, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * assertEquals(slice(x, 0, [1]).toArray(), [2, 3]);
 * assertEquals(slice(x, undefined, [, , -2]).toArray(), [[3, 1], [6, 4]]);
 * ```
 */
export function slice(x: Tensor, ...ranges: SliceRange[]): Tensor {
  if (ranges.length > x.rank) {
    throw new ShapeError(`slice: ${ranges.length} ranges for the shape ${showShape(x.shape)}`);
  }
  const starts: number[] = [], sizes: number[] = [], steps: number[] = [];
  x.shape.forEach((length, axis) => {
    const range = ranges[axis];
    if (typeof range === "number") {
      starts.push(normalizeIndex(range, length, x.shape));
      sizes.push(1);
      steps.push(1);
      return;
    }
    const [start, end, step = 1] = range ?? [];
    if (!Number.isInteger(step) || step === 0) {
      throw new ValueError(`slice: a step is a whole number other than 0, but found ${step}`);
    }
    const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
    const settle = (position: number | undefined, fallback: number): number =>
      position === undefined
        ? fallback
        : Math.min(high, Math.max(low, position < 0 ? position + length : position));
    const from = settle(start, step > 0 ? low : high);
    const to = settle(end, step > 0 ? high : low);
    starts.push(from);
    sizes.push(Math.max(0, Math.ceil((to - from) / step)));
    steps.push(step);
  });
  const whole = starts.every((start, axis) =>
    start === 0 && steps[axis] === 1 && sizes[axis] === x.shape[axis]
  );
  const part = whole ? x : apply("slice", [x], { starts, sizes, steps });
  return ranges.some((range) => typeof range === "number")
    ? reshape(part, sizes.filter((_, axis) => typeof ranges[axis] !== "number"))
    : part;
}

function normalizeIndex(index: number, length: number, shape: Shape): number {
  const normalized = index < 0 ? index + length : index;
  if (!Number.isInteger(index) || normalized < 0 || normalized >= length) {
    throw new ShapeError(`slice: there is no element ${index} on an axis of ${showShape(shape)}`);
  }
  return normalized;
}

/** Part `start` to `start + size` of one axis. */
export function narrow(x: Tensor, axis: number, start: number, size: number): Tensor {
  const at = normalizeAxis("narrow", axis, x.rank);
  return slice(x, ...x.shape.map((_, i) => i === at ? [start, start + size] as const : undefined));
}

/** Tensors joined along an axis. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new ShapeError("concat: there is nothing to join");
  if (tensors.length === 1) return tensors[0];
  return apply("concat", tensors, { axis: normalizeAxis("concat", axis, tensors[0].rank) });
}

/** Tensors of one shape joined along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  return concat(tensors.map((each) => unsqueeze(each, axis)), axis);
}

/** Parts of an axis: of one size each (the last may be smaller), or of given sizes. */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  const at = normalizeAxis("split", axis, x.rank);
  const length = x.shape[at];
  const list = typeof sizes === "number"
    ? Array.from(
      { length: Math.ceil(length / sizes) },
      (_, part) => Math.min(sizes, length - part * sizes),
    )
    : sizes;
  const total = list.reduce((sum, size) => sum + size, 0);
  if (total !== length) {
    throw new ShapeError(`split: sizes ${showShape(list)} add up to ${total}, not to ${length}`);
  }
  let start = 0;
  return list.map((size) => {
    const part = narrow(x, at, start, size);
    start += size;
    return part;
  });
}

/** Repeated to a shape that it broadcasts to. */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkShape("expand", shape);
  if (!sameShape(broadcastShapes("expand", x.shape, shape), shape)) {
    throw new ShapeError(`expand: ${showShape(x.shape)} does not broadcast to ${showShape(shape)}`);
  }
  return sameShape(x.shape, shape) ? x : apply("expand", [x], { shape });
}

/** Repeated `counts[i]` times along axis i; missing leading counts are 1. */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  const rank = Math.max(x.rank, counts.length);
  const shape = [...Array<number>(rank - x.rank).fill(1), ...x.shape];
  const times = [...Array<number>(rank - counts.length).fill(1), ...counts];
  // Each axis gets a leading twin that is repeated, and both become one.
  const spread = reshape(x, shape.flatMap((length) => [1, length]));
  const repeated = expand(spread, shape.flatMap((length, axis) => [times[axis], length]));
  return reshape(repeated, shape.map((length, axis) => times[axis] * length));
}

/** Backwards along axes. */
export function flip(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = normalizeAxes("flip", axes, x.rank);
  const backwards = [undefined, undefined, -1] as const;
  return slice(x, ...x.shape.map((_, axis) => list.includes(axis) ? backwards : undefined));
}

/** Shifted along an axis; what falls off one end comes in at the other. */
export function roll(x: Tensor, shift: number, axis = 0): Tensor {
  const at = normalizeAxis("roll", axis, x.rank);
  const length = x.shape[at];
  const back = length === 0 ? 0 : ((-shift % length) + length) % length;
  if (back === 0) return x;
  return concat([narrow(x, at, back, length - back), narrow(x, at, 0, back)], at);
}

/** Elements of a matrix's diagonal (of the last two axes), `offset` above the main one. */
export function diagonal(x: Tensor, offset = 0): Tensor {
  if (x.rank < 2) throw new ShapeError(`diagonal: ${showShape(x.shape)} is no matrix`);
  const [rows, columns] = x.shape.slice(-2);
  const first = offset >= 0 ? offset : -offset * columns;
  const count = Math.max(0, Math.min(rows + Math.min(0, offset), columns - Math.max(0, offset)));
  const lead = x.shape.slice(0, -2);
  const flat = reshape(x, [...lead, rows * columns]);
  const last = first + (count - 1) * (columns + 1) + 1;
  return slice(
    flat,
    ...lead.map(() => undefined),
    count === 0 ? [0, 0] : [first, last, columns + 1],
  );
}

/** The same values without their history. Shares memory. */
export function detach(x: Tensor): Tensor {
  return x.view(x.shape);
}

/** The same values on another device. Not differentiable: the result has no history. */
export function on(x: Tensor, device: Device): Tensor {
  if (x.device === device) return x;
  const float = executorOf(device).defaultDType;
  const dtype = x.dtype === "float32" || x.dtype === "float64" ? float : x.dtype;
  return tensor(x.dataSync(), { shape: x.shape, dtype, device });
}
