// Accuracy of each class by itself: what share of the real, and of the forged samples is called what it is.

import { ValueError } from "../errors.ts";
import type { Numbers } from "./metrics.ts";
import { countAtLeast, sweepAccuracy, sweepOf, totalForged, totalReal } from "./ranking.ts";

/** Shares of right answers. */
export interface ClassAccuracy {
  /** Of the real samples. */
  readonly real: number;
  /** Of the forged samples. */
  readonly forged: number;
  /** Of all samples. */
  readonly both: number;
}

/**
 * The shares of right answers, by class and over both, when samples scoring at least `threshold` are called forged.
 *
 * `scores`, `labels` and `weights` `[samples]` as for `rocAuc`.
 *
 * @throws {ShapeError | ValueError | DataError} as `rocAuc`; also {ValueError} when the threshold is NaN.
 *
 * @example
 * ```ts
 * import { classAccuracy } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const { real, forged, both } = classAccuracy([0.1, 0.6, 0.7, 0.8], [0, 0, 1, 1], 0.5);
 * assertEquals([real, forged, both], [0.5, 1, 0.75]);
 * ```
 */
export function classAccuracy(
  scores: Numbers,
  labels: Numbers,
  threshold: number,
  weights?: Numbers,
): ClassAccuracy {
  if (Number.isNaN(threshold)) {
    throw new ValueError("classAccuracy: the threshold must be a number, but found NaN");
  }
  const sweep = sweepOf("classAccuracy", scores, labels, weights);
  const flagged = countAtLeast(sweep.values, threshold);
  const real = totalReal(sweep);
  const falseAlarms = flagged === 0 ? 0 : sweep.falsePositives[flagged - 1];
  const hits = flagged === 0 ? 0 : sweep.truePositives[flagged - 1];
  return {
    real: (real - falseAlarms) / real,
    forged: hits / totalForged(sweep),
    both: sweepAccuracy(sweep, flagged),
  };
}
