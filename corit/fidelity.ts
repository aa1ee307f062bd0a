// How well a gradient proxy stands for the true gradient, which differentiation can supply.

import { gradients } from "../autograd/mod.ts";
import { ConfigError } from "../errors.ts";
import {
  abs,
  cosineSimilarity,
  mean,
  norm,
  recordingOn,
  scoped,
  sign,
  sub,
  sum,
  type Tensor,
  unsqueeze,
  withoutRecording,
} from "../tensor/mod.ts";
import type { CoritDetector, DetectorBatch } from "./detector.ts";
import { patchTokensOf } from "./tokens.ts";

/** How well a proxy does at one tapped block. */
export interface TapFidelity {
  /** The block, counted from 1. */
  readonly block: number;
  /** Mean of |cos(q_i, -G_i)| over patches and images. A random direction has about sqrt(2 / (pi width)). */
  readonly cosine: number;
  /** Spearman's correlation of |q_i| with |G_i| over an image's patches, averaged over images. */
  readonly rankCorrelation: number;
}

/**
 * Compares proxies with true gradients, both [batch, patches, width].
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { proxyFidelity } from "@corit/corit/corit";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const gradients = tensor([[[0, 1], [0, 2], [0, 4]]]);
 * const proxies = tensor([[[1, 0], [3, 0], [2, 0]]]);
 * assertAlmostEquals(proxyFidelity(proxies, gradients).rankCorrelation, 0.5, 1e-6);
 * ```
 */
export function proxyFidelity(
  proxies: Tensor,
  gradients: Tensor,
): { readonly cosine: number; readonly rankCorrelation: number } {
  return withoutRecording(() =>
    scoped(() => {
      const cosines = abs(cosineSimilarity(proxies, gradients, 2));
      const ranks = cosineSimilarity(standings(norm(proxies, 2)), standings(norm(gradients, 2)));
      return { cosine: mean(cosines).item(), rankCorrelation: mean(ranks).item() };
    })
  );
}

/**
 * How many others each element of a row exceeds, less how many exceed it: twice its rank (ties at their mean) less the
 * mean rank, so that the cosine of two such rows is Spearman's correlation.
 */
function standings(rows: Tensor): Tensor {
  return sum(sign(sub(unsqueeze(rows, 2), unsqueeze(rows, 1))), 2);
}

/**
 * Measures a detector's proxy on a batch: at each tapped block, against the gradient of the images' cross-entropy
 * (without the patches' loss) by the patch tokens. The batch's labels are used for the true gradient alone.
 *
 * @throws {ConfigError} The detector is one without CoRIT.
 */
export function measureFidelity(detector: CoritDetector, batch: DetectorBatch): TapFidelity[] {
  if (!detector.parts) {
    throw new ConfigError("measureFidelity: a detector of kind vit has no gradient proxy");
  }
  return scoped(() => {
    const { images, labels } = batch;
    const { loss, taps } = recordingOn(() => detector.lossWithTaps({ images, labels }));
    const found = gradients(loss, taps.map(({ tokens }) => tokens));
    return taps.flatMap(({ block, proxies }, at) =>
      proxies ? [{ block, ...proxyFidelity(proxies, patchTokensOf(found[at], detector.grid)) }] : []
    );
  });
}
