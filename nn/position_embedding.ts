// Position embeddings for another number of patches.

import { ShapeError } from "../errors.ts";
import { concat, narrow, permute, reshape } from "../tensor/operations/layout.ts";
import { resize } from "../tensor/operations/resize.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Interpolates a square grid of position embeddings to another grid (bicubic, as timm does, without antialiasing).
 * Differentiable.
 *
 * @param positions [1, prefixTokens + side^2, width]; the prefix (the class token's position) stays as it is.
 * @param grid Rows and columns of patches wanted.
 * @returns [1, prefixTokens + rows * columns, width].
 * @throws {ShapeError} The grid that is there is not square.
 *
 * @example
 * ```ts
 * import { zeros } from "@corit/corit";
 * import { interpolatePositions } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(interpolatePositions(zeros([1, 1 + 14 * 14, 8]), [7, 7], 1).shape, [1, 50, 8]);
 * ```
 */
export function interpolatePositions(
  positions: Tensor,
  grid: readonly [rows: number, columns: number],
  prefixTokens: number,
): Tensor {
  const [, tokens, width] = positions.shape;
  const side = Math.sqrt(tokens - prefixTokens);
  if (positions.rank !== 3 || !Number.isInteger(side)) {
    throw new ShapeError(
      `interpolatePositions: expected [1, ${prefixTokens} + side^2, width], but found ` +
        showShape(positions.shape),
    );
  }
  const [rows, columns] = grid;
  if (rows === side && columns === side) return positions;
  const patches = reshape(narrow(positions, 1, prefixTokens, side * side), [1, side, side, width]);
  const resized = resize(permute(patches, [0, 3, 1, 2]), grid, { mode: "bicubic" });
  const flat = reshape(permute(resized, [0, 2, 3, 1]), [1, rows * columns, width]);
  return prefixTokens === 0 ? flat : concat([narrow(positions, 1, 0, prefixTokens), flat], 1);
}
