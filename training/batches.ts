// From a loader's arrays to what the detector's loss takes.

import type { DetectorBatch } from "../corit/detector.ts";
import type { Batch } from "../data/batch.ts";
import { tensor } from "../tensor/mod.ts";

/** A batch on the default device; its tensors belong to the current scope. */
export function detectorBatch(
  { count, size, images, labels, masks, hasMask }: Batch,
): DetectorBatch {
  return {
    images: tensor(images, { shape: [count, 3, size, size] }),
    labels: tensor(labels),
    masks: tensor(masks, { shape: [count, size, size] }),
    hasMask: tensor(hasMask),
  };
}
