// Everything that is known of a detector on one data set, from its scores: the tables and plots read it from here.

import { type Decision, type DetectorMetrics, detectorMetrics } from "./detector_metrics.ts";
import { type GeneratorScores, generatorScores } from "./generators.ts";
import type { BootstrapOptions } from "./bootstrap.ts";
import type { RocCurve } from "./metrics.ts";
import {
  evaluateForeignScores,
  evaluateScores,
  type Evaluation,
  familyRocCurves,
  type ForeignEvaluation,
  forgedFamilies,
  type ScoredSamples,
} from "./protocol.ts";
import { type ReliabilityBin, reliabilityBins } from "./reliability.ts";
import { atTemperature } from "./temperature.ts";
import { videoScores } from "./videos.ts";

/** What a detector comes to on one data set. Plain JSON. */
export interface Assessment {
  /** The data set. */
  readonly data: string;
  /** The scores by family with their intervals, in-domain and cross-domain. */
  readonly evaluation: Evaluation | ForeignEvaluation;
  /** Every metric over all pictures, or frames, each counting the same. */
  readonly frames: DetectorMetrics;
  /** The same over videos; `null` where there are none of both classes. */
  readonly videos: DetectorMetrics | null;
  /** Every generator by itself. */
  readonly generators: readonly GeneratorScores[];
  /** ROC curves by family. */
  readonly roc: Readonly<Record<string, RocCurve>>;
  /** Reliability of the probabilities as they are, and at the temperature of validation. */
  readonly reliability: Readonly<Record<"stated" | "atTemperature", readonly ReliabilityBin[]>>;
  /** The temperature that validation chose. */
  readonly temperature: number;
}

/** What a detector was told, and trained on. */
export interface AssessmentOptions extends Decision, BootstrapOptions {
  /** Name of the data set. */
  readonly data: string;
  /** The families that the detector was trained on. */
  readonly trainedFamilies: readonly string[];
  /** How much each trained family counts over all; the same for each by default. */
  readonly weights?: Readonly<Record<string, number>>;
}

/**
 * Evaluates by families where one of them was trained on, else as foreign data; see `evaluateScores` and
 * `evaluateForeignScores`.
 *
 * @throws {ShapeError | ValueError | ConfigError | DataError} as these.
 */
export function evaluateKnownOrForeign(
  samples: ScoredSamples,
  options: Omit<AssessmentOptions, "data">,
): Evaluation | ForeignEvaluation {
  const { trainedFamilies, threshold, weights, redraws, level, seed } = options;
  const settings = { ...samples, threshold, redraws, level, seed };
  const known = forgedFamilies(samples).some((family) => trainedFamilies.includes(family));
  return known
    ? evaluateScores({ ...settings, trainedFamilies, weights })
    : evaluateForeignScores(settings);
}

/** The videos' metrics; `null` where the samples are no frames, or of one class. */
function videoMetrics(samples: ScoredSamples, decision: Decision): DetectorMetrics | null {
  const { videos, scores, labels } = samples;
  if (!videos) return null;
  const rows = videos.flatMap((video, row) => video === "" ? [] : [row]);
  if (rows.length === 0) return null;
  const grouped = videoScores({
    scores: rows.map((row) => scores[row]),
    labels: rows.map((row) => labels[row]),
    videos: rows.map((row) => videos[row]),
  });
  const classes = new Set(grouped.labels);
  return classes.size < 2 ? null : detectorMetrics(grouped.scores, grouped.labels, decision);
}

/**
 * Everything that scores tell of a detector on one data set. Threshold and temperature come from validation.
 *
 * @throws {ShapeError | ValueError | ConfigError | DataError} as `evaluateScores` and `detectorMetrics`.
 *
 * @example
 * ```ts
 * import { assess } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const { frames, videos, generators } = assess({
 *   scores: [0.1, 0.3, 0.9, 0.2, 0.8, 0.7],
 *   labels: [0, 0, 1, 1, 1, 1],
 *   families: ["real", "real", "swap", "swap", "swap", "swap"],
 *   sources: ["a", "b", "c", "c", "d", "d"],
 *   videos: ["real/0.mp4", "real/1.mp4", "fake/0.mp4", "fake/0.mp4", "fake/1.mp4", "fake/1.mp4"],
 * }, { data: "clips", trainedFamilies: ["swap"], threshold: 0.5 });
 * assertEquals([frames.auc, videos?.auc, generators[0].auc], [0.875, 1, 0.875]);
 * ```
 */
export function assess(samples: ScoredSamples, options: AssessmentOptions): Assessment {
  const { data, temperature = 1, trainedFamilies, threshold } = options;
  const { scores, labels } = samples;
  return {
    data,
    evaluation: evaluateKnownOrForeign(samples, options),
    frames: detectorMetrics(scores, labels, options),
    videos: videoMetrics(samples, options),
    generators: generatorScores(samples, { trained: trainedFamilies, threshold }),
    roc: familyRocCurves(samples),
    reliability: {
      stated: reliabilityBins(scores, labels),
      atTemperature: reliabilityBins(atTemperature(scores, temperature), labels),
    },
    temperature,
  };
}
