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
  /** One fixed factor for each depth; all 1 by default. */
  readonly weights?: readonly number[];
}

/**
 * Joins the depths: for each, the normalized class token and the mean of the region's normalized patch tokens, times
 * the depth's fixed weight (the role is the abstract's of arXiv 2603.24057; the formula is our reading). Nothing is
 * learned; gradients flow into every depth.
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
  if (depths.length === 0 || weights.length !== depths.length) {
    throw new ConfigError(
      `integrateHierarchy: ${depths.length} depths and ${weights.length} weights; give at least ` +
        "one depth, and one weight for each",
    );
  }
  return concat(
    depths.flatMap((tokens, at) => {
      const normalized = normalizeTokens(tokens);
      const parts = [
        classTokenOf(normalized),
        regionMean(patchTokensOf(normalized, grid), mask),
      ];
      return weights[at] === 1 ? parts : parts.map((part) => mul(part, weights[at]));
    }),
    1,
  );
}
