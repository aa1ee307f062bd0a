// Helpers on the patch grid. Patches stand in row-major order.

import { ShapeError } from "../errors.ts";
import {
  avgPool2d,
  type CreateOptions,
  matmul,
  reshape,
  showShape,
  sizeOf,
  type Tensor,
  tensor,
} from "../tensor/mod.ts";

/** Patches along the image: [rows, columns]. */
export type Grid = readonly [rows: number, columns: number];

/** How many patches a grid has. */
export function patchCount([rows, columns]: Grid): number {
  return rows * columns;
}

/**
 * The sum over each position's three neighbours along an axis, itself included, as a matrix [length, length]; past
 * the ends there is nothing, or the end again.
 */
export function boxMatrix(
  length: number,
  ends: "nothing" | "repeated",
  options: CreateOptions,
): Tensor {
  const matrix = new Float64Array(length * length);
  for (let row = 0; row < length; row++) {
    for (const position of [row - 1, row, row + 1]) {
      const column = Math.min(length - 1, Math.max(0, position));
      if (column === position || ends === "repeated") matrix[row * length + column] += 1;
    }
  }
  const { dtype, device } = options;
  return tensor(matrix, { shape: [length, length], dtype, device });
}

/**
 * The sum over each patch's 3x3 neighbourhood, itself included; outside of the image counts as 0.
 *
 * @param values [batch, patches, ...features].
 * @throws {ShapeError} There is another number of patches than in the grid.
 */
export function boxSum(values: Tensor, grid: Grid): Tensor {
  const [rows, columns] = grid;
  const [batch, patches, ...features] = values.shape;
  if (values.rank < 2 || patches !== patchCount(grid)) {
    throw new ShapeError(
      `boxSum: expected [batch, ${patchCount(grid)}, ...] for a grid of ${rows} x ${columns}, ` +
        `but found ${showShape(values.shape)}`,
    );
  }
  const count = sizeOf(features);
  const lines = reshape(values, [batch, rows, columns * count]);
  const vertical = matmul(boxMatrix(rows, "nothing", values), lines);
  const cells = reshape(vertical, [batch * rows, columns, count]);
  return reshape(matmul(boxMatrix(columns, "nothing", values), cells), values.shape);
}

/**
 * The share of each patch that a mask of pixels covers.
 *
 * @param masks [batch, height, width], 0 to 1.
 * @returns [batch, patches], 0 to 1.
 * @throws {ShapeError} The masks do not divide into the grid.
 */
export function patchShare(masks: Tensor, [rows, columns]: Grid): Tensor {
  const [batch, height, width] = masks.shape;
  if (masks.rank !== 3 || height % rows !== 0 || width % columns !== 0) {
    throw new ShapeError(
      `patchShare: masks ${showShape(masks.shape)} do not divide into ${rows} x ${columns} patches`,
    );
  }
  const image = reshape(masks, [batch, 1, height, width]);
  const shares = avgPool2d(image, [height / rows, width / columns]);
  return reshape(shares, [batch, rows * columns]);
}
