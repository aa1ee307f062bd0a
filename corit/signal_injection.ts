// RSI, Regional Signal Injection: the region's mean proxy, added to its tokens at a fixed ratio of their length.

import {
  add,
  concat,
  l2Normalize,
  mul,
  norm,
  ones,
  scoped,
  type Tensor,
  unsqueeze,
  withoutRecording,
  zeros,
} from "../tensor/mod.ts";
import { regionMean } from "./region_mask.ts";

/**
 * z_i += alpha |z_i| s / |s| for the patches of the region and for the class token, s the mean of q over the
 * region. What is injected is alpha times as long as the token at every depth: this is what "preserves the
 * magnitude" of the proxy means here (the role is the abstract's of arXiv 2603.24057; the formula is our reading).
 *
 * What is injected counts as a constant: gradients pass through the tokens unchanged. Nothing is learned. Where s
 * is 0, nothing is injected.
 *
 * @param tokens [batch, 1 + patches, width], the class token first.
 * @param proxies q, [batch, patches, width].
 * @param mask 1 inside the region, [batch, patches].
 * @param alpha The ratio of injected to token length.
 * @returns The tokens that go on, [batch, 1 + patches, width].
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { injectSignal } from "@corit/corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * // A class token and two patches; the region is the second, whose q points along the first feature.
 * const tokens = tensor([[[0, 2], [0, 2], [0, 4]]]);
 * const q = tensor([[[0, 1], [3, 0]]]);
 * const injected = injectSignal(tokens, q, tensor([[0, 1]]), 0.5);
 * assertEquals(injected.toArray(), [[[1, 2], [0, 2], [2, 4]]]);
 * ```
 */
export function injectSignal(
  tokens: Tensor,
  proxies: Tensor,
  mask: Tensor,
  alpha: number,
): Tensor {
  const injected = withoutRecording(() =>
    scoped(() => {
      const direction = l2Normalize(regionMean(proxies, mask));
      const { shape: [batch], dtype, device } = mask;
      // Registers, between the class token and the patches, stand for nothing in the image: nothing is injected.
      const registers = tokens.shape[1] - 1 - mask.shape[1];
      const between = registers > 0 ? [zeros([batch, registers], { dtype, device })] : [];
      const everywhere = concat([ones([batch, 1], { dtype, device }), ...between, mask], 1);
      const lengths = mul(mul(norm(tokens, 2), everywhere), alpha);
      return mul(unsqueeze(lengths, 2), unsqueeze(direction, 1));
    })
  );
  return add(tokens, injected);
}
