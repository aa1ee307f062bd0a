// Arithmetic on shapes: sizes, strides, axes, broadcasting.

import { ShapeError } from "../errors.ts";

/** The lengths of a tensor's axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** The number of elements in a shape: 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

/** Element strides of a contiguous row-major tensor. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Whether two shapes are equal. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** A shape as it is printed in messages: `[2, 3]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Throws ShapeError unless every length is a whole number of at least 0. */
export function checkShape(operation: string, shape: Shape): void {
  for (const length of shape) {
    if (!Number.isInteger(length) || length < 0) {
      throw new ShapeError(
        `${operation}: a shape holds whole numbers of at least 0, but found ${showShape(shape)}`,
      );
    }
  }
}

/** An axis counted from the front; negative axes count from the end. Throws ShapeError outside the rank. */
export function normalizeAxis(operation: string, axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= rank) {
    throw new ShapeError(
      `${operation}: axis ${axis} does not exist in a tensor of rank ${rank} ` +
        `(axes ${-rank} to ${rank - 1})`,
    );
  }
  return normalized;
}

/** Distinct axes in ascending order; all axes where none is given. */
export function normalizeAxes(
  operation: string,
  axes: number | readonly number[] | undefined,
  rank: number,
): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (typeof axes === "number" ? [axes] : axes)
    .map((axis) => normalizeAxis(operation, axis, rank))
    .sort((a, b) => a - b);
  if (new Set(list).size !== list.length) {
    throw new ShapeError(`${operation}: an axis is named twice in ${showShape(list)}`);
  }
  return list;
}

/** The shape that all of `shapes` broadcast to (NumPy's rule). Throws ShapeError where they do not. */
export function broadcastShapes(operation: string, ...shapes: readonly Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const lead = rank - shape.length;
    for (let axis = 0; axis < shape.length; axis++) {
      const length = shape[axis];
      if (length === 1) continue;
      if (result[lead + axis] !== 1 && result[lead + axis] !== length) {
        throw new ShapeError(
          `${operation}: shapes ${shapes.map(showShape).join(" and ")} do not broadcast ` +
            `(${result[lead + axis]} against ${length} on axis ${lead + axis})`,
        );
      }
      result[lead + axis] = length;
    }
  }
  return result;
}

/** Element strides with which a tensor of `shape` is read as `target`: 0 along repeated axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = stridesOf(shape);
  const lead = target.length - shape.length;
  return target.map((_, axis) => {
    const own = axis - lead;
    return own < 0 || shape[own] === 1 ? 0 : strides[own];
  });
}

/** A shape with some axes removed, or kept with length 1. */
export function reducedShape(shape: Shape, axes: readonly number[], keepAxes: boolean): number[] {
  return keepAxes
    ? shape.map((length, axis) => axes.includes(axis) ? 1 : length)
    : shape.filter((_, axis) => !axes.includes(axis));
}

/** A shape seen as `[outer, length, inner]` around one axis. */
export function axisLayout(
  shape: Shape,
  axis: number,
): { outer: number; length: number; inner: number } {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    length: shape[axis],
    inner: sizeOf(shape.slice(axis + 1)),
  };
}
