// Helpers on tokens [batch, 1 + patches, width], the class token first.

import { ShapeError } from "../errors.ts";
import { layerNorm, ones, showShape, slice, type Tensor, zeros } from "../tensor/mod.ts";
import { type Grid, patchCount } from "./grid.ts";

/** Layer normalization of every token with nothing learned: z^ = (z - mean) / deviation over the features. */
export function normalizeTokens(tokens: Tensor): Tensor {
  const { dtype, device } = tokens;
  const width = tokens.shape.slice(-1);
  // With an affine part, which does nothing here, the normalization is one kernel instead of several.
  return layerNorm(tokens, {
    scale: ones(width, { dtype, device }),
    bias: zeros(width, { dtype, device }),
  });
}

/** The class token of each image: [batch, width]. */
export function classTokenOf(tokens: Tensor): Tensor {
  return slice(tokens, undefined, 0);
}

/**
 * The patch tokens, what stands behind a class token and registers if there are any: [batch, patches, width].
 *
 * @throws {ShapeError} There are fewer tokens than patches in the grid.
 */
export function patchTokensOf(tokens: Tensor, grid: Grid): Tensor {
  const patches = patchCount(grid);
  const before = tokens.shape[1] - patches;
  if (tokens.rank !== 3 || before < 0) {
    throw new ShapeError(
      `patchTokensOf: expected [batch, tokens, width] whose last ${patches} tokens are ` +
        `${grid.join(" x ")} patches, but found ${showShape(tokens.shape)}`,
    );
  }
  return slice(tokens, undefined, [before]);
}
