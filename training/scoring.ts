// A detector's scores of a crop set, and what training reads off them.

import type { CropSet } from "../data/crop_set.ts";
import { evaluationBatches } from "../data/loader.ts";
import { bestThreshold, rocAuc } from "../evaluation/metrics.ts";
import { type ScoredSamples, SHARED_REAL } from "../evaluation/protocol.ts";
import { fitTemperature } from "../evaluation/temperature.ts";
import { scoped, type Tensor, tensor } from "../tensor/mod.ts";

/** From images [batch, 3, height, width], 0..255, to the probability of being forged, [batch]. */
export type Scorer = (images: Tensor) => Tensor;

/** What a validation comes to. */
export interface Validation {
  /** AUC over the families trained on, weighted as they are in the scores over all. */
  readonly auc: number;
  /** The decision threshold with the best balanced accuracy. */
  readonly threshold: number;
  /** Temperature at which the probabilities fit best; absent in runs that are older than it. */
  readonly temperature?: number;
  /** Mean score of the real crops: what the mean over many windows of a real image comes near. */
  readonly meanReal: number;
  /** Mean score of the forged crops. */
  readonly meanForged: number;
}

/**
 * Scores every crop of a set, in an order that mixes the classes.
 *
 * @returns One probability for each crop, in the set's order.
 */
export async function scoreCrops(score: Scorer, set: CropSet): Promise<Float64Array> {
  const scores = new Float64Array(set.count);
  for await (const { images, count, size, rows } of evaluationBatches(set)) {
    const values = scoped(() =>
      score(tensor(images, { shape: [count, 3, size, size] })).dataSync()
    );
    for (let i = 0; i < count; i++) scores[rows[i]] = values[i];
  }
  return scores;
}

/**
 * Scores with what the protocol needs to know of each crop; a real crop counts in its twin's family, or in the one that it
 * stands against alone.
 */
export function scoredSamples(scores: Float64Array, set: CropSet): ScoredSamples {
  const { labels, pairs, against } = set.arrays;
  const familyOfPair = new Map<number, string>();
  for (let row = 0; row < set.count; row++) {
    if (labels[row] === 1 && pairs[row] >= 0) familyOfPair.set(pairs[row], set.family(row));
  }
  const rows = Array.from({ length: set.count }, (_, row) => row);
  const familyOf = (row: number): string => {
    if (labels[row] === 1) return set.family(row);
    const opposed = against?.[row] ?? 0;
    if (opposed > 0) return set.familyNames[opposed];
    return familyOfPair.get(pairs[row]) ?? SHARED_REAL;
  };
  return {
    scores,
    labels: Array.from(labels),
    families: rows.map(familyOf),
    sources: rows.map((row) => set.source(row)),
    videos: rows.map((row) => set.video(row)),
  };
}

/**
 * Validates scores of crops whose families were all trained on.
 *
 * @param weights How much each family counts; the same for each where absent.
 */
export function validate(
  samples: ScoredSamples,
  weights?: Readonly<Record<string, number>>,
): Validation {
  const { scores, labels } = samples;
  const sampleWeights = weigh(samples, weights);
  const auc = rocAuc(scores, labels, sampleWeights);
  const { threshold } = bestThreshold(scores, labels, sampleWeights);
  const temperature = fitTemperature(scores, labels, sampleWeights);
  const mean = (label: number): number => {
    let sum = 0, total = 0;
    for (let row = 0; row < labels.length; row++) {
      if (labels[row] !== label) continue;
      sum += sampleWeights[row] * scores[row];
      total += sampleWeights[row];
    }
    return sum / total;
  };
  return { auc, threshold, temperature, meanReal: mean(0), meanForged: mean(1) };
}

/** Sample weights that give every family its weight, and both classes the same. */
function weigh(
  { labels, families }: ScoredSamples,
  weights: Readonly<Record<string, number>> | undefined,
): Float64Array {
  const rows = Array.from({ length: labels.length }, (_, row) => row);
  const names = [...new Set(families)].filter((name) => name !== SHARED_REAL);
  const weightOf = (name: string): number => weights?.[name] ?? 1;
  const count = (name: string, label: number): number =>
    rows.filter((row) => families[row] === name && labels[row] === label).length;
  const shared = count(SHARED_REAL, 0);
  const forged = new Map(names.map((name) => [name, weightOf(name) / count(name, 1)]));
  const real = new Map(names.map((name) => [name, weightOf(name) / (count(name, 0) + shared)]));
  const everywhere = [...real.values()].reduce((sum, weight) => sum + weight, 0);
  return Float64Array.from(rows, (row) => {
    if (families[row] === SHARED_REAL) return everywhere;
    return (labels[row] === 1 ? forged : real).get(families[row])!;
  });
}
