// RRM, the Region Refinement Mask: the patches whose gradient proxies agree best.

import {
  add,
  arange,
  argmax,
  argsort,
  cumsum,
  div,
  expand,
  greater,
  less,
  maximum,
  mul,
  norm,
  ones,
  slice,
  square,
  sub,
  sum,
  takeAlongAxis,
  type Tensor,
  to,
  unsqueeze,
  withoutRecording,
} from "../tensor/mod.ts";
import { boxSum, type Grid } from "./grid.ts";

/** Options of {@linkcode regionMask}. */
export interface RegionMaskOptions {
  /** Patches along the image. */
  readonly grid: Grid;
  /** The smallest region in patches; 4 by default. */
  readonly smallest?: number;
}

/**
 * Chooses the region R in which the proxies' own signal-to-noise ratio |mean q|^2 / tr Var q is largest (the
 * roles are the abstract's of arXiv 2603.24057: RRM suppresses the proxy's variance; the formula is our reading).
 *
 * Patches are ranked by |q| smoothed over their 3x3 neighbourhood; of the nested regions of the k first, k from
 * `smallest` to half of the patches, the best is taken, and patches without a neighbour in it are dropped. All
 * shapes are static, nothing is learned, and differentiation stops at the mask.
 *
 * @param proxies q, [batch, patches, width].
 * @returns 1 inside the region, 0 outside: [batch, patches]. Never empty: a region of lone patches stays whole.
 */
export function regionMask(proxies: Tensor, options: RegionMaskOptions): Tensor {
  const { grid, smallest = 4 } = options;
  return withoutRecording(() => {
    const [, patches, width] = proxies.shape;
    const order = argsort(boxSum(norm(proxies, 2), grid), { descending: true });
    const ranked = takeAlongAxis(
      proxies,
      broadcastIndex(order, width),
      1,
    );
    const half = Math.max(1, Math.floor(patches / 2));
    const first = Math.min(smallest, half);
    // Of every region of the k first: the sum of q and the sum of |q|^2.
    const sums = cumsum(ranked, 1);
    const squares = cumsum(sum(square(ranked), 2), 1);
    const sizes = arange(1, patches + 1, 1, proxies);
    const squaredMean = div(sum(square(sums), 2), square(sizes));
    const variance = sub(div(squares, sizes), squaredMean);
    const ratio = div(squaredMean, maximum(variance, 1e-12));
    const candidates = slice(ratio, undefined, [first - 1, half]);
    const best = add(to(argmax(candidates, 1), proxies.dtype), first);
    // A patch's rank is the inverse of the order.
    const rank = to(argsort(order), proxies.dtype);
    const mask = to(less(rank, unsqueeze(best, 1)), proxies.dtype);
    const connected = mul(mask, to(greater(boxSum(mask, grid), 1.5), proxies.dtype));
    const lonely = to(less(sum(connected, 1, { keepAxes: true }), 0.5), proxies.dtype);
    return add(connected, mul(mask, lonely));
  });
}

/** An index for each patch, repeated for every feature: [batch, patches] -> [batch, patches, width]. */
function broadcastIndex(index: Tensor, width: number): Tensor {
  return expand(unsqueeze(index, 2), [...index.shape, width]);
}

/** The region that holds every patch: what stands where no mask is wanted. */
export function wholeRegion(batch: number, patches: number, like: Tensor): Tensor {
  return ones([batch, patches], like);
}

/** The mean of tokens over a region: [batch, patches, width], [batch, patches] -> [batch, width]. */
export function regionMean(tokens: Tensor, mask: Tensor): Tensor {
  const weights = div(mask, maximum(sum(mask, 1, { keepAxes: true }), 1));
  return sum(mul(tokens, unsqueeze(weights, 2)), 1);
}
