// What the detector is trained on: the image's label, and where the image is known to be forged.

import {
  add,
  binaryCrossEntropyWithLogits,
  div,
  maximum,
  mean,
  mul,
  sum,
  type Tensor,
  withoutRecording,
} from "../tensor/mod.ts";
import { type Grid, patchShare } from "./grid.ts";
import type { BatchTruth } from "./prototypes.ts";

/**
 * Binary cross-entropy of the images, a scalar.
 *
 * @param logits [batch], of being forged.
 * @param labels [batch], 0 real to 1 forged.
 * @param smoothing The part of each label's probability that is spread over both classes.
 */
export function imageLoss(logits: Tensor, labels: Tensor, smoothing: number): Tensor {
  const target = smoothing === 0 ? labels : add(mul(labels, 1 - smoothing), smoothing / 2);
  return binaryCrossEntropyWithLogits(logits, target);
}

/**
 * Binary cross-entropy of the patches against the share of each that is forged, over the images whose mask counts;
 * a scalar, 0 where no mask does.
 *
 * @param logits [batch, patches].
 * @param masks [batch, height, width], 1 where forged.
 * @param hasMask [batch], 1 where the mask counts; all count where absent.
 */
export function maskLoss(
  logits: Tensor,
  grid: Grid,
  masks: Tensor,
  hasMask?: Tensor,
): Tensor {
  const losses = binaryCrossEntropyWithLogits(logits, patchShare(masks, grid), {
    reduction: "none",
  });
  const byImage = mean(losses, 1);
  if (!hasMask) return mean(byImage);
  return div(sum(mul(byImage, hasMask)), maximum(sum(hasMask), 1));
}

/**
 * The loss of each image by itself, [batch], whose mean is the loss of the batch: its binary cross-entropy, plus its
 * patches' where its mask counts, times `weight` and by how much rarer such images make it count.
 *
 * @param logits [batch] of the images and [batch, patches] of the patches.
 */
export function sampleLosses(
  logits: { readonly image: Tensor; readonly patches: Tensor },
  grid: Grid,
  { labels, masks, hasMask }: BatchTruth,
  { smoothing, weight }: { readonly smoothing: number; readonly weight: number },
): Tensor {
  const target = smoothing === 0 ? labels : add(mul(labels, 1 - smoothing), smoothing / 2);
  const classification = binaryCrossEntropyWithLogits(logits.image, target, { reduction: "none" });
  if (!masks) return classification;
  const ofPatches = binaryCrossEntropyWithLogits(logits.patches, patchShare(masks, grid), {
    reduction: "none",
  });
  const byImage = mul(mean(ofPatches, 1), weight);
  if (!hasMask) return add(classification, byImage);
  const [batch] = labels.shape;
  // Not recorded: a number of the batch, through which no gradient passes from image to image.
  const share = withoutRecording(() => div(mul(hasMask, batch), maximum(sum(hasMask), 1)));
  return add(classification, mul(byImage, share));
}
