// Position embeddings for another number of patches.

import { ShapeError } from "../errors.ts";
import { concat, narrow, permute, reshape } from "../tensor/operations/layout.ts";
import { resize } from "../tensor/operations/resize.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * How position embeddings are interpolated, always bicubically: `antialiased` (timm, and DINOv2 with registers),
 * `plain` (CLIP and DINOv2 of transformers), or `offset` (DINOv2's own code: plain, for a grid of 0.1 patches more).
 */
export type PositionInterpolation = "antialiased" | "plain" | "offset";

/** Every way. */
export const positionInterpolations: readonly PositionInterpolation[] = [
  "antialiased",
  "plain",
  "offset",
];

/** What DINOv2 adds to rows and columns, so that rounding loses none; Meta's models were trained with it. */
const offset = 0.1;

/**
 * Interpolates a square grid of position embeddings to another grid. Differentiable.
 *
 * @param positions [1, prefixTokens + side^2, width]; the prefix (the class token's position) stays as it is.
 * @param grid Rows and columns of patches wanted.
 * @param interpolation Differs most where the grid shrinks: antialiased, every position counts; plain, some are passed over.
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
  interpolation: PositionInterpolation = "antialiased",
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
  const resized = resize(permute(patches, [0, 3, 1, 2]), grid, {
    mode: "bicubic",
    antialias: interpolation === "antialiased",
    ...(interpolation === "offset"
      ? { steps: [side / (rows + offset), side / (columns + offset)] }
      : {}),
  });
  const flat = reshape(permute(resized, [0, 2, 3, 1]), [1, rows * columns, width]);
  return prefixTokens === 0 ? flat : concat([narrow(positions, 1, 0, prefixTokens), flat], 1);
}
