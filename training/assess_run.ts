// A run's detector on its own test part, or on other data: scored, assessed, distorted.

import type { CropSet } from "../data/crop_set.ts";
import {
  assess,
  type Assessment,
  type AssessmentOptions,
  evaluateKnownOrForeign,
} from "../evaluation/assessment.ts";
import { type DistortionName, distortions } from "../evaluation/distortions.ts";
import { type ScoredSamples, STARTER_FAMILY_WEIGHTS } from "../evaluation/protocol.ts";
import type { RobustnessCell } from "../evaluation/robustness.ts";
import { scoreDistorted } from "./distorted.ts";
import { scoreCrops, scoredSamples, type Scorer } from "./scoring.ts";
import { type DataListener, makeTest, readElsewhere } from "./splits.ts";
import type { TrainedDetector } from "./trained.ts";

/** Redraws of the intervals under distortion: there are thirty times as many as of the clean scores. */
const distortedRedraws = 200;

/** Options of {@linkcode assessRun}. */
export interface AssessRunOptions {
  /** `starter`, a data set's path, or empty: the run's own test part. */
  readonly data?: string;
  /** Distortions to measure as well, each at its five levels. */
  readonly distortions?: readonly DistortionName[];
  /** Told how far it is. */
  readonly onProgress?: DataListener;
}

/** An assessment, with the scores under distortion where they were asked for. */
export interface RunAssessment extends Assessment {
  /** One cell for each distortion and level. */
  readonly robustness: readonly RobustnessCell[];
}

/** The samples of several sets as one. */
function joined(parts: readonly ScoredSamples[]): ScoredSamples {
  return {
    scores: parts.flatMap((part) => Array.from(part.scores)),
    labels: parts.flatMap((part) => Array.from(part.labels)),
    families: parts.flatMap((part) => part.families),
    sources: parts.flatMap((part) => part.sources),
    videos: parts.flatMap((part) => part.videos ?? []),
  };
}

/**
 * Assesses a run's detector. Its own data have a part that it was not trained on; of others it has seen nothing, and all
 * of them are scored. Threshold and temperature are those of the run's validation.
 *
 * @throws {DataError} where pictures are missing or lack a class.
 */
export async function assessRun(
  { folder, detector, best }: TrainedDetector,
  { data: place = "", distortions: names = [], onProgress = () => {} }: AssessRunOptions = {},
): Promise<RunAssessment> {
  const { config } = folder;
  const data = place === "" ? config.data : place;
  const sets: readonly CropSet[] = data === config.data
    ? [await makeTest(config, onProgress)]
    : await readElsewhere({ ...config, data }, onProgress);
  const options: AssessmentOptions = {
    data: data === config.data ? `${data} (test part)` : data,
    trainedFamilies: config.families,
    threshold: best.threshold,
    temperature: best.temperature,
    weights: data === "starter" ? STARTER_FAMILY_WEIGHTS : undefined,
  };
  const score: Scorer = (images) => detector.probabilities(images);
  const scored = async (of: (set: CropSet) => Promise<Float64Array>): Promise<ScoredSamples> => {
    const parts: ScoredSamples[] = [];
    for (const set of sets) parts.push(scoredSamples(await of(set), set));
    return joined(parts);
  };
  const assessment = assess(await scored((set) => scoreCrops(score, set)), options);
  const robustness: RobustnessCell[] = [];
  const total = names.reduce((sum, name) => sum + distortions[name].levels.length, 0);
  for (const distortion of names) {
    for (const [index, strength] of distortions[distortion].levels.entries()) {
      const level = index + 1;
      onProgress({ what: "distorted test pictures", done: robustness.length, total });
      const samples = await scored((set) => scoreDistorted(score, set, { distortion, level }));
      const evaluation = evaluateKnownOrForeign(samples, {
        ...options,
        redraws: distortedRedraws,
      });
      robustness.push({ distortion, level, strength, evaluation });
    }
  }
  if (total > 0) onProgress({ what: "distorted test pictures", done: total, total });
  return { ...assessment, robustness };
}
