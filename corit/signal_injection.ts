// RSI, Regional Signal Injection: the region's mean proxy, added to its tokens at a fixed ratio of their norm.

import {
  add,
  concat,
  div,
  expand,
  maximum,
  mul,
  norm,
  ones,
  type Tensor,
  unsqueeze,
  withoutRecording,
} from "../tensor/mod.ts";
import { regionMean } from "./region_mask.ts";

/**
 * z_i += alpha |z_i| s / |s| for the patches of the region and for the class token, s the mean of q over the
 * region. The injected part is alpha times the token's norm at every depth, which is what "preserves the
 * magnitude" of the proxy means here (the role is the abstract's of arXiv 2603.24057; the formula is our reading).
 *
 * What is injected counts as a constant: gradients pass through the tokens unchanged. Nothing is learned.
 *
 * @param tokens [batch, 1 + patches, width], the class token first.
 * @param proxies q, [batch, patches, width].
 * @param mask 1 inside the region, [batch, patches].
 * @param alpha The ratio of injected to token norm.
 */
export function injectSignal(
  tokens: Tensor,
  proxies: Tensor,
  mask: Tensor,
  alpha: number,
): Tensor {
  const injected = withoutRecording(() => {
    const signal = regionMean(proxies, mask);
    const direction = div(signal, maximum(norm(signal, 1, { keepAxes: true }), 1e-12));
    const [batch] = mask.shape;
    const everywhere = concat([ones([batch, 1], mask), mask], 1);
    const strength = mul(mul(norm(tokens, 2), everywhere), alpha);
    return mul(
      unsqueeze(strength, 2),
      expand(unsqueeze(direction, 1), [batch, 1, direction.shape[1]]),
    );
  });
  return add(tokens, injected);
}
