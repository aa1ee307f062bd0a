// The local critical radius of a detector in training, for COR-guided SAM.

import type { CoritDetector } from "../corit/detector.ts";
import { localCriticalRadius } from "../instruments/critical_radius.ts";
import { type LossSurface, lossSurface } from "../instruments/loss_surface.ts";
import type { GuidedGroup } from "../optim/cor_guided.ts";
import type { RadiusContext } from "../optim/radius.ts";
import { add, mul } from "../tensor/mod.ts";
import { detectorBatch } from "./batches.ts";
import type { GsnrProbe } from "./gsnr_probe.ts";

/** Found to this share of itself: the radius is a fraction of it anyway. */
const tolerance = 0.1;

/**
 * Estimates the largest radius at which a step of SAM still descends, at the learning rate of the moment, on the
 * probe's twin pairs: each of its batches climbs and steps once, the loss over all of them has to fall.
 *
 * @param options `maximum`: radii beyond it are `Infinity`; `smallestRate`: a lower rate moves the loss by less than its
 * rounding.
 */
export function criticalRadiusOf(
  detector: CoritDetector,
  probe: GsnrProbe,
  { maximum, smallestRate }: { readonly maximum: number; readonly smallestRate: number },
): (context: RadiusContext, group: GuidedGroup) => number {
  return ({ arena, learningRate }, { entries }) => {
    const members = new Set(entries.map((entry) => arena.entries.indexOf(entry)));
    const wasTraining = detector.training;
    detector.evaluate();
    try {
      const batches: LossSurface[] = probe.batches.map((batch) =>
        lossSurface(detector, () => detector.loss(detectorBatch(batch)))
      );
      const surface: LossSurface = {
        parameters: batches[0].parameters,
        loss: (parameters) =>
          mul(
            batches.map((batch) => batch.loss(parameters)).reduce((sum, each) => add(sum, each)),
            1 / batches.length,
          ),
      };
      return localCriticalRadius({
        surface,
        batches,
        learningRate: Math.max(learningRate, smallestRate),
        perturb: (parameter) => members.has(parameter),
        maximum,
        tolerance,
        interval: false,
      }).radius;
    } finally {
      if (wasTraining) detector.train();
    }
  };
}
