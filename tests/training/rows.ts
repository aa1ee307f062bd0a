// A row of a run's metrics, for the tests of what is done with such rows.

import type { TrainingRow } from "../../training/metrics_log.ts";

/** The row of a step, all of its numbers exact. */
export function rowOf(step: number): TrainingRow {
  return {
    step,
    loss: 1 / step,
    classificationLoss: 0.5,
    maskLoss: 0.25,
    gradientNorm: 2,
    learningRate: 1e-3,
    imagesPerSecond: 64,
    seconds: step,
  };
}
