// RRM, the Region Refinement Mask: the patches whose gradient proxies agree best.

import {
  add,
  arange,
  argmax,
  argsort,
  div,
  equal,
  greater,
  less,
  matmul,
  maximum,
  mul,
  norm,
  ones,
  scoped,
  square,
  sum,
  type Tensor,
  to,
  unsqueeze,
  where,
  withoutRecording,
} from "../tensor/mod.ts";
import { boxSum, type Grid } from "./grid.ts";

/** Options of {@linkcode regionMask}. */
export interface RegionMaskOptions {
  /** Patches along the image. */
  readonly grid: Grid;
  /** The smallest region in patches, before lone patches are dropped; an eighth of the patches, at least 4, by default. */
  readonly smallest?: number;
}

/**
 * Chooses the region R in which the proxies' own signal-to-noise ratio |mean_R q|^2 / tr Var_R q is largest (the
 * role is the abstract's of arXiv 2603.24057: RRM suppresses the proxy's variance; the formula is our reading).
 *
 * Patches are ranked by |q| smoothed over their 3x3 neighbourhood. Of the nested regions of the first k patches, k
 * from `smallest` to half of all, the best is taken, and patches without a neighbour in it are dropped. All shapes
 * are static, nothing is learned, and differentiation stops at the mask.
 *
 * @param proxies q, [batch, patches, width].
 * @returns 1 inside the region, 0 outside: [batch, patches]. Never empty: a region of lone patches stays as it is,
 * and where every q is 0 the region is the whole image.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { regionMask } from "@corit/corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * // Four patches in a row; the proxies of the last two agree.
 * const q = tensor([[[1, 0], [0, 1], [5, 5], [5, 5]]]);
 * assertEquals(regionMask(q, { grid: [1, 4], smallest: 2 }).toArray(), [[0, 0, 1, 1]]);
 * ```
 */
export function regionMask(proxies: Tensor, options: RegionMaskOptions): Tensor {
  const { grid } = options;
  const [, patches] = proxies.shape;
  const largest = Math.max(1, Math.floor(patches / 2));
  const smallest = Math.min(options.smallest ?? Math.max(4, Math.floor(patches / 8)), largest);
  return withoutRecording(() =>
    scoped(() => {
      const { dtype, device } = proxies;
      const magnitudes = norm(proxies, 2);
      // A patch's rank is its place in the order: the order's inverse.
      const order = argsort(boxSum(magnitudes, grid), { descending: true });
      const rank = to(argsort(order), dtype);
      // Row k of `within` is the region of the first k patches, so that these products are cumulative sums.
      const sizes = arange(smallest, largest + 1, 1, { dtype, device });
      const within = to(less(unsqueeze(rank, 1), unsqueeze(sizes, 1)), dtype);
      const sums = matmul(within, proxies);
      const squares = matmul(within, unsqueeze(square(magnitudes), 2));
      // The share of |mean|^2 in the mean of |q|^2. It rises with the ratio, |mean|^2 / (mean of |q|^2 - |mean|^2),
      // but does not take the difference of two near numbers.
      const meanSquares = mul(sum(squares, 2), sizes);
      const agreement = div(sum(square(sums), 2), where(equal(meanSquares, 0), 1, meanSquares));
      const best = add(to(argmax(agreement, 1), dtype), smallest);
      const region = to(less(rank, unsqueeze(best, 1)), dtype);
      const connected = mul(region, to(greater(boxSum(region, grid), 1.5), dtype));
      const chosen = whereNone(connected, region);
      return where(greater(sum(magnitudes, 1, { keepAxes: true }), 0), chosen, 1);
    })
  );
}

/** A mask, and for images in which it is empty another one. */
function whereNone(mask: Tensor, otherwise: Tensor): Tensor {
  return where(less(sum(mask, 1, { keepAxes: true }), 0.5), otherwise, mask);
}

/** The region of all patches, [batch, patches]: what stands where nothing chooses a smaller one. */
export function wholeRegion(tokens: Tensor, grid: Grid): Tensor {
  const { shape: [batch], dtype, device } = tokens;
  return ones([batch, grid[0] * grid[1]], { dtype, device });
}

/**
 * The mean of patch tokens over a region; differentiable by the tokens.
 *
 * @param patches [batch, patches, width].
 * @param mask 1 inside the region, [batch, patches].
 * @returns [batch, width].
 */
export function regionMean(patches: Tensor, mask: Tensor): Tensor {
  const weights = div(mask, maximum(sum(mask, 1, { keepAxes: true }), 1));
  return sum(mul(patches, unsqueeze(weights, 2)), 1);
}
