// HRI, Hierarchical Representation Integration: what several depths know, side by side.

import { ShapeError } from "../errors.ts";
import { concat, layerNorm, mul, slice, type Tensor } from "../tensor/mod.ts";
import { regionMean } from "./region_mask.ts";

/** One tapped depth. */
export interface Tap {
  /** [batch, 1 + patches, width], the class token first. */
  readonly tokens: Tensor;
  /** 1 inside the region, [batch, patches]. */
  readonly mask: Tensor;
}

/**
 * Concatenates, for every tap, the normalized class token and the mean of the region's normalized patches, each tap
 * scaled by a fixed weight (the role is the abstract's of arXiv 2603.24057; the formula is our reading). Nothing
 * is learned.
 *
 * @param taps The tapped depths, shallow first.
 * @param weights One weight a tap; equal by default.
 * @returns [batch, taps * 2 * width].
 */
export function integrateHierarchy(taps: readonly Tap[], weights?: readonly number[]): Tensor {
  if (taps.length === 0 || (weights && weights.length !== taps.length)) {
    throw new ShapeError(
      `integrateHierarchy: ${taps.length} taps and ${weights?.length ?? "no"} weights; give at ` +
        "least one tap, and one weight for each",
    );
  }
  return concat(
    taps.flatMap(({ tokens, mask }, at) => {
      const normalized = layerNorm(tokens);
      const parts = [
        slice(normalized, undefined, 0),
        regionMean(slice(normalized, undefined, [1]), mask),
      ];
      const weight = weights?.[at] ?? 1;
      return weight === 1 ? parts : parts.map((part) => mul(part, weight));
    }),
    1,
  );
}
