// HRI, Hierarchical Representation Integration: what several depths know, side by side.

import { ConfigError } from "../errors.ts";
import { concat, mul, type Tensor } from "../tensor/mod.ts";
import type { Grid } from "./grid.ts";
import { regionMean } from "./region_mask.ts";
import { classTokenOf, normalizeTokens, patchTokensOf } from "./tokens.ts";

/** Options of {@linkcode integrateHierarchy}. */
export interface HierarchyOptions {
  /** Patches along the image. */
  readonly grid: Grid;
  /** 1 inside the region over which patches are averaged, [batch, patches]. */
  readonly mask: Tensor;
  /** How much each depth counts, relative to the others; the same for each by default. */
  readonly weights?: readonly number[];
}

/**
 * Joins the depths: for each, the normalized class token and the normalized mean of the region's patch tokens, times
 * a fixed factor (the role is the abstract's of arXiv 2603.24057; the formula is our reading). The factors are the
 * weights, scaled such that the result is as long as one normalized token, whatever the number of depths: then the
 * head learns as fast as on one. Nothing here is learned; gradients flow into every depth.
 *
 * @param depths Tokens [batch, 1 + patches, width] after each tapped block, shallow first.
 * @returns [batch, depths * 2 * width].
 * @throws {ConfigError} There is no depth, or not one weight for each.
 *
 * @example
 * ```ts
 * import { ones, tensor } from "@corit/corit";
 * import { integrateHierarchy } from "@corit/corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const tokens = tensor([[[3, 1], [1, 3], [1, 3]]]);
 * const joined = integrateHierarchy([tokens, tokens], { grid: [1, 2], mask: ones([1, 2]) });
 * assertEquals(joined.shape, [1, 8]);
 * ```
 */
export function integrateHierarchy(depths: readonly Tensor[], options: HierarchyOptions): Tensor {
  const { grid, mask, weights = depths.map(() => 1) } = options;
  const length = Math.sqrt(2 * weights.reduce((sum, weight) => sum + weight * weight, 0));
  if (depths.length === 0 || weights.length !== depths.length || !(length > 0)) {
    throw new ConfigError(
      `integrateHierarchy: ${depths.length} depths and the weights [${
        weights.join(", ")
      }]; give at ` +
        "least one depth, and one weight for each, not all 0",
    );
  }
  return concat(
    depths.flatMap((tokens, at) => {
      const region = regionMean(patchTokensOf(tokens, grid), mask);
      return [classTokenOf(tokens), region].map((part) =>
        mul(normalizeTokens(part), weights[at] / length)
      );
    }),
    1,
  );
}
