// MixUp and CutMix: training crops made of two.

import type { RandomStream } from "../tensor/random.ts";
import type { Augmentation } from "./augment.ts";
import type { Batch } from "./batch.ts";

/** Mixes the crops of a batch in place, when the stream says so: CutMix if drawn, else MixUp if drawn. */
export function mixBatch(
  batch: Batch,
  { mixUp, cutMix }: Augmentation,
  random: RandomStream,
): void {
  const cuts = random.fork("cutMix").bernoulli(cutMix.probability);
  if (!cuts && !random.fork("mixUp").bernoulli(mixUp.probability)) return;
  const { count, size } = batch;
  const plane = size * size;
  const partners = random.fork("partners").permutation(count);
  const images = batch.images.slice(), masks = batch.masks.slice();
  const labels = batch.labels.slice(), hasMask = batch.hasMask.slice();
  const stream = random.fork("share");
  for (let i = 0; i < count; i++) {
    const other = partners[i];
    const share = beta(cuts ? cutMix.alpha : mixUp.alpha, stream);
    let kept = share;
    if (cuts) {
      const side = Math.round(size * Math.sqrt(1 - share));
      const left = stream.integer(size - side + 1), top = stream.integer(size - side + 1);
      kept = 1 - side * side / plane;
      for (let y = top; y < top + side; y++) {
        const from = y * size + left;
        const line = (values: Float32Array, start: number) =>
          values.subarray(start + from, start + from + side);
        batch.masks.set(line(masks, other * plane), i * plane + from);
        for (let c = 0; c < 3; c++) {
          const to = (i * 3 + c) * plane + from;
          batch.images.set(line(images, (other * 3 + c) * plane), to);
        }
      }
    } else {
      for (let j = 0; j < plane; j++) {
        const at = i * plane + j;
        batch.masks[at] = share * masks[at] + (1 - share) * masks[other * plane + j];
      }
      for (let j = 0; j < 3 * plane; j++) {
        const at = i * 3 * plane + j;
        batch.images[at] = share * images[at] + (1 - share) * images[other * 3 * plane + j];
      }
    }
    batch.labels[i] = kept * labels[i] + (1 - kept) * labels[other];
    batch.hasMask[i] = Math.min(hasMask[i], hasMask[other]);
  }
}

/** A Beta(alpha, alpha) number by Jöhnk's method (1964), efficient for alpha up to 2. */
function beta(alpha: number, random: RandomStream): number {
  for (;;) {
    const x = random.uniform() ** (1 / alpha), y = random.uniform() ** (1 / alpha);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}
