// A detector and a batch small enough for the reference executor.

import { CoritDetector, type DetectorBatch, type DetectorOptions } from "../../corit/mod.ts";
import { type Device, RandomStream, tensor } from "../../tensor/mod.ts";

/** 16 patches of 4x4 pixels, width 12, two blocks. */
export function smallDetector(options: DetectorOptions = {}): CoritDetector {
  return CoritDetector.create({
    device: "reference",
    imageSize: 16,
    patchSize: 4,
    width: 12,
    heads: 2,
    depth: 2,
    mlpRatio: 2,
    seed: 3,
    ...options,
  });
}

/** Eight images, every second one forged; the last two have no mask that counts. */
export function smallBatch(seed = 1, device: Device = "reference"): Required<DetectorBatch> {
  const random = new RandomStream(seed);
  const labels = [0, 1, 0, 1, 0, 1, 0, 1];
  const images = Float64Array.from({ length: 8 * 3 * 256 }, () => random.uniform(0, 255));
  const masks = labels.map((forged, image) =>
    Array.from(
      { length: 16 },
      (_, row) =>
        Array.from(
          { length: 16 },
          (_, column) => forged && row >= 2 + image && row < 9 + image && column < 10 ? 1 : 0,
        ),
    )
  );
  return {
    images: tensor(images, { shape: [8, 3, 16, 16], device }),
    labels: tensor(labels, { device }),
    masks: tensor(masks, { device }),
    hasMask: tensor([1, 1, 1, 1, 1, 1, 0, 0], { device }),
  };
}

/** A detector whose prototypes have seen one batch. */
export function seasoned(options: DetectorOptions = {}): CoritDetector {
  const detector = smallDetector(options);
  detector.loss(smallBatch(2, options.device));
  detector.afterFirstPass();
  return detector;
}
