// Walking a shape in row-major order, with the index of every operand kept alongside.

/**
 * Calls `visit(position, offsets)` for each element of `shape` in row-major order, where
 * `offsets[k]` is the element's index under `strides[k]`. The array `offsets` is reused.
 */
export function walk(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (position: number, offsets: readonly number[]) => void,
): void {
  const offsets = strides.map(() => 0);
  let position = 0;
  const descend = (axis: number): void => {
    if (axis === shape.length) {
      visit(position++, offsets);
      return;
    }
    for (let index = 0; index < shape[axis]; index++) {
      descend(axis + 1);
      strides.forEach((stride, operand) => offsets[operand] += stride[axis]);
    }
    strides.forEach((stride, operand) => offsets[operand] -= stride[axis] * shape[axis]);
  };
  descend(0);
}

/** Elements that strided reads of `shape` may touch, counted from the first: one past the highest index. */
export function extentOf(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return 1 +
    shape.reduce((sum, length, axis) => sum + (length - 1) * Math.max(0, strides[axis]), 0);
}
