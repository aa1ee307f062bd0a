// The evaluation protocol: per family, over all trained families (in-domain), over all others (cross-domain).

import { ConfigError, DataError, ShapeError, ValueError } from "../errors.ts";
import { bootstrapIntervals, type BootstrapOptions, type Interval } from "./bootstrap.ts";
import { type Numbers, type RocCurve, rocCurve } from "./metrics.ts";
import {
  countAtLeast,
  emptySweep,
  rank,
  type Sweep,
  sweepAccuracy,
  sweepAuc,
  sweepAveragePrecision,
  sweepEqualErrorRate,
  sweepInto,
} from "./ranking.ts";

/** The family name of real samples that stand against the forgeries of every family. */
export const SHARED_REAL = "real";

/** How the starter recipe draws forgeries in training; also how its families count in the score over all. */
export const STARTER_FAMILY_WEIGHTS: Readonly<Record<string, number>> = {
  "swap": 0.35,
  "self-blend": 0.35,
  "upsample": 0.15,
  "spectral": 0.15,
  "splice": 0.35,
  "super-resolution": 0.15,
  "autoencoder": 0.15,
};

/** Scored samples, one entry per crop in every array. */
export interface ScoredSamples {
  /** The detector's score, higher meaning more likely forged, `[samples]`. */
  readonly scores: Numbers;
  /** 0 real, 1 forged, `[samples]`. */
  readonly labels: Numbers;
  /** The forgery family; for a real crop its twin's family, or "real" where it stands against all, `[samples]`. */
  readonly families: readonly string[];
  /** The photograph that the crop was cut from, `[samples]`; of a forged crop the one its twin was cut from. */
  readonly sources: readonly string[];
  /** Whole path of the video that it is a frame of, empty without one, `[samples]`; absent where there are no videos. */
  readonly videos?: readonly string[];
}

/** What `evaluateScores` needs. */
export interface EvaluationOptions extends ScoredSamples, BootstrapOptions {
  /** Decision threshold, chosen on validation (see `bestThreshold`). */
  readonly threshold: number;
  /** The families that the detector was trained on; all others are cross-domain. */
  readonly trainedFamilies: readonly string[];
  /** How much each trained family counts in `inDomain`, renormalised; the same for each by default. */
  readonly weights?: Readonly<Record<string, number>>;
}

/** The metrics of one group of samples; both classes weigh one half in all of them. */
export interface GroupScores {
  /** Area under the ROC curve. */
  readonly auc: number;
  /** Interval of `auc` over source photographs. */
  readonly interval: Interval;
  /** Average precision, at a forged share of one half. */
  readonly averagePrecision: number;
  /** Equal error rate. */
  readonly equalErrorRate: number;
  /** Share of right answers at the threshold 0.5. */
  readonly accuracy: number;
  /** Share of right answers at the threshold chosen on validation. */
  readonly accuracyAtThreshold: number;
  /** Intervals of the other metrics over source photographs. */
  readonly intervals: Readonly<
    Record<
      "averagePrecision" | "equalErrorRate" | "accuracy" | "accuracyAtThreshold",
      Interval
    >
  >;
  /** Samples in the group. */
  readonly count: number;
  /** Forged samples in the group. */
  readonly forgedCount: number;
  /** Source photographs in the group. */
  readonly sourceCount: number;
}

/** The metrics of one forgery family against its real samples. */
export interface FamilyScores extends GroupScores {
  /** Whether the detector was trained on this family. */
  readonly trained: boolean;
}

/** The metrics over several families. */
export interface PooledScores extends GroupScores {
  /** The families in it and how much each counts; the weights sum to 1. */
  readonly weights: Readonly<Record<string, number>>;
  /** Weighted mean of the families' own AUC: what `auc` would be if no pair crossed families. */
  readonly familyMeanAuc: number;
}

/** The result of an evaluation, plain JSON. */
export interface Evaluation {
  /** Families trained on, new photographs. */
  readonly inDomain: PooledScores;
  /** Families never trained on; `null` where the samples hold none. */
  readonly crossDomain: PooledScores | null;
  /** Every family by itself. */
  readonly families: Readonly<Record<string, FamilyScores>>;
  /** The decision threshold, chosen on validation. */
  readonly threshold: number;
  /** Samples evaluated, each counted once. */
  readonly sampleCount: number;
  /** Source photographs evaluated. */
  readonly sourceCount: number;
}

/** The result of an evaluation on data of which no family was trained on. */
export type ForeignEvaluation = Omit<Evaluation, "inDomain" | "crossDomain"> & {
  /** Nothing. */
  readonly inDomain: null;
  /** All families of the samples. */
  readonly crossDomain: PooledScores;
};

/**
 * Evaluates scores of samples of which no family was trained on: everything is cross-domain, each family weighs the same.
 *
 * @throws {ShapeError | ValueError | DataError} as `evaluateScores`.
 *
 * @example
 * ```ts
 * import { evaluateForeignScores } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const { inDomain, crossDomain } = evaluateForeignScores({
 *   scores: [0.1, 0.9, 0.2, 0.8],
 *   labels: [0, 1, 0, 1],
 *   families: ["fake", "fake", "fake", "fake"],
 *   sources: ["a", "a", "b", "b"],
 *   threshold: 0.5,
 * });
 * assertEquals([inDomain, crossDomain.auc], [null, 1]);
 * ```
 */
export function evaluateForeignScores(
  options: Omit<EvaluationOptions, "trainedFamilies" | "weights">,
): ForeignEvaluation {
  const trainedFamilies = forgedFamilies(options);
  const { inDomain, families, ...rest } = evaluateScores({ ...options, trainedFamilies });
  const untrained = Object.entries(families)
    .map(([name, scores]) => [name, { ...scores, trained: false }]);
  return {
    ...rest,
    inDomain: null,
    crossDomain: inDomain,
    families: Object.fromEntries(untrained),
  };
}

/**
 * Evaluates a detector's scores by family, in-domain (trained families) and cross-domain (all others).
 *
 * A **family** is scored on its forged crops against its real ones: their twins (real samples carrying the family's
 * name) and those shared by all families (named "real"). Each class weighs one half, so average precision and accuracies
 * compare across families of different size.
 *
 * **Over all** (`inDomain`, `crossDomain`): all crops of the group's families are pooled and ranked together, so pairs
 * across families count too. A forged crop of family f weighs w_f / (forged crops of f), a real crop w_f / (real crops
 * of f) summed over the families it stands in, where w are the family weights, renormalised to 1. `auc` is the weighted
 * AUC of this pool. `familyMeanAuc` is the weighted mean of the families' own AUC; the two are equal when all real crops
 * are shared, and differ as far as real crops of one family outrank forged ones of another. Cross-domain families weigh
 * the same each. A trained family without test samples is left out; the result's `weights` name those that are in.
 *
 * Intervals redraw source photographs (2,000 times by default) and weigh anew in every redraw.
 *
 * @throws {ShapeError} when the arrays differ in length.
 * @throws {ValueError} when a score is not finite, a label not 0 or 1, the threshold NaN.
 * @throws {ConfigError} when weights miss a trained family, or one is not positive.
 * @throws {DataError} when no forged sample is of a trained family, a family lacks a class or has fewer than 2 sources.
 *
 * @example
 * ```ts
 * import { evaluateScores } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const { inDomain, crossDomain, families } = evaluateScores({
 *   scores: [0.1, 0.9, 0.2, 0.8, 0.3, 0.2, 0.4, 0.6],
 *   labels: [0, 1, 0, 1, 0, 1, 0, 1],
 *   families: ["swap", "swap", "swap", "swap", "spectral", "spectral", "spectral", "spectral"],
 *   sources: ["a", "a", "b", "b", "a", "a", "b", "b"],
 *   trainedFamilies: ["swap"],
 *   threshold: 0.5,
 * });
 * assertEquals(inDomain.auc, 1);
 * assertEquals(crossDomain?.auc, 0.5);
 * assertEquals(families.spectral.trained, false);
 * ```
 */
export function evaluateScores(options: EvaluationOptions): Evaluation {
  checkLengths(options);
  if (Number.isNaN(options.threshold)) {
    throw new ValueError("evaluateScores: the threshold must be a number, but found NaN");
  }
  const names = forgedFamilies(options);
  const trained = new Set(options.trainedFamilies);
  const inDomain = names.filter((name) => trained.has(name));
  const crossDomain = names.filter((name) => !trained.has(name));
  if (inDomain.length === 0) {
    throw new DataError(
      `evaluateScores: no forged sample of a trained family ` +
        `(trained: ${options.trainedFamilies.join(", ")}; found: ${names.join(", ")})`,
    );
  }
  const families: Record<string, FamilyScores> = {};
  for (const name of names) {
    const scores = scoreGroup(options, { [name]: 1 }, `evaluateScores, ${name}`);
    families[name] = { trained: trained.has(name), ...scores };
  }
  const pooled = (weights: Record<string, number>, what: string): PooledScores => ({
    ...scoreGroup(options, weights, `evaluateScores, ${what}`),
    weights,
    familyMeanAuc: Object.entries(weights)
      .reduce((sum, [name, weight]) => sum + weight * families[name].auc, 0),
  });
  return {
    inDomain: pooled(normalisedWeights(inDomain, options.weights), "in-domain"),
    crossDomain: crossDomain.length === 0
      ? null
      : pooled(normalisedWeights(crossDomain, undefined), "cross-domain"),
    families,
    threshold: options.threshold,
    sampleCount: options.scores.length,
    sourceCount: new Set(options.sources).size,
  };
}

/**
 * The ROC curve of every family against its real samples, for plots; points inside straight runs are left out.
 *
 * @throws {ShapeError | ValueError | DataError} as `evaluateScores`.
 *
 * @example
 * ```ts
 * import { familyRocCurves } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const curves = familyRocCurves({
 *   scores: [0.1, 0.9],
 *   labels: [0, 1],
 *   families: ["swap", "swap"],
 *   sources: ["a", "a"],
 * });
 * assertEquals(curves.swap.truePositiveRates, [0, 1, 1]);
 * ```
 */
export function familyRocCurves(samples: ScoredSamples): Record<string, RocCurve> {
  checkLengths(samples);
  const curves: Record<string, RocCurve> = {};
  for (const name of forgedFamilies(samples)) {
    const chosen = samplesOf(samples, new Set([name]));
    curves[name] = rocCurve(
      chosen.map((i) => samples.scores[i]),
      chosen.map((i) => samples.labels[i]),
      { simplify: true },
    );
  }
  return curves;
}

/** Scores the pooled samples of some families, whose weights sum to 1. */
function scoreGroup(
  options: EvaluationOptions,
  weights: Readonly<Record<string, number>>,
  caller: string,
): GroupScores {
  const names = Object.keys(weights);
  const slots = new Map(names.map((name, slot) => [name, slot]));
  const chosen = samplesOf(options, slots);
  const labels = chosen.map((i) => options.labels[i]);
  const sources = chosen.map((i) => options.sources[i]);
  const ranking = rank(caller, chosen.map((i) => options.scores[i]), labels);
  const sweep = emptySweep(ranking);
  const cuts = [0.5, options.threshold].map((threshold) => countAtLeast(sweep.values, threshold));

  const weigh = groupWeigher(
    labels,
    // A shared real sample has no slot of its own: it stands in all of them.
    chosen.map((i) => slots.get(options.families[i]) ?? -1),
    names.map((name) => weights[name]),
  );
  const once = new Float64Array(chosen.length).fill(1);
  const start = weigh(once);
  if (start === undefined) {
    throw new DataError(`${caller}: every family needs forged and real samples`);
  }
  sweepInto(sweep, ranking, start);
  const [auc, averagePrecision, equalErrorRate, accuracy, accuracyAtThreshold] = readSweep(
    sweep,
    cuts,
  );
  const intervals = bootstrapIntervals(sources, (counts) => {
    const sampleWeights = weigh(counts);
    if (sampleWeights === undefined) return undefined;
    sweepInto(sweep, ranking, sampleWeights);
    return readSweep(sweep, cuts);
  }, options);
  return {
    auc,
    interval: intervals[0],
    averagePrecision,
    equalErrorRate,
    accuracy,
    accuracyAtThreshold,
    intervals: {
      averagePrecision: intervals[1],
      equalErrorRate: intervals[2],
      accuracy: intervals[3],
      accuracyAtThreshold: intervals[4],
    },
    count: chosen.length,
    forgedCount: labels.filter((label) => label === 1).length,
    sourceCount: new Set(sources).size,
  };
}

/** The five metrics of a sweep, in the order of `GroupScores`; `cuts` are the two thresholds' positions. */
function readSweep(sweep: Sweep, cuts: readonly number[]): number[] {
  return [
    sweepAuc(sweep),
    sweepAveragePrecision(sweep),
    sweepEqualErrorRate(sweep),
    sweepAccuracy(sweep, cuts[0]),
    sweepAccuracy(sweep, cuts[1]),
  ];
}

/**
 * Makes the function from "how often each sample counts" to sample weights in which every family and both of its
 * classes weigh what they should; `undefined` where a family has lost a class.
 */
function groupWeigher(
  labels: readonly number[],
  slotOf: readonly number[],
  familyWeights: readonly number[],
): (counts: Float64Array) => Float64Array | undefined {
  const forgedMass = new Float64Array(familyWeights.length);
  const realMass = new Float64Array(familyWeights.length);
  const output = new Float64Array(labels.length);
  return (counts) => {
    forgedMass.fill(0);
    realMass.fill(0);
    let sharedMass = 0;
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] === 1) forgedMass[slotOf[i]] += counts[i];
      else if (slotOf[i] >= 0) realMass[slotOf[i]] += counts[i];
      else sharedMass += counts[i];
    }
    let sharedScale = 0;
    for (let slot = 0; slot < familyWeights.length; slot++) {
      realMass[slot] += sharedMass;
      if (forgedMass[slot] === 0 || realMass[slot] === 0) return undefined;
      sharedScale += familyWeights[slot] / realMass[slot];
    }
    for (let i = 0; i < labels.length; i++) {
      const slot = slotOf[i];
      if (slot < 0) output[i] = counts[i] * sharedScale;
      else {
        output[i] = counts[i] * familyWeights[slot] /
          (labels[i] === 1 ? forgedMass[slot] : realMass[slot]);
      }
    }
    return output;
  };
}

/** The indices of the samples of some families, shared real ones included. */
function samplesOf(samples: ScoredSamples, names: { has(name: string): boolean }): number[] {
  const chosen: number[] = [];
  samples.families.forEach((family, i) => {
    if (names.has(family) || (family === SHARED_REAL && samples.labels[i] === 0)) chosen.push(i);
  });
  return chosen;
}

/** The indices of one family's samples: forged ones, their twins, and the real ones that all share. */
export function familySamples(samples: ScoredSamples, family: string): number[] {
  return samplesOf(samples, new Set([family]));
}

/**
 * The families of the forged samples, in order of appearance.
 *
 * @throws {DataError} A real sample would stand against none of them.
 */
export function forgedFamilies(samples: ScoredSamples): string[] {
  const names = new Set(samples.families.filter((_, i) => samples.labels[i] === 1));
  if (names.has(SHARED_REAL)) {
    throw new DataError(
      `evaluateScores: a forged sample's family is "${SHARED_REAL}", the name kept for shared real samples`,
    );
  }
  const stray = samples.families.find((name) => name !== SHARED_REAL && !names.has(name));
  if (stray !== undefined) {
    throw new DataError(
      `evaluateScores: real samples of family "${stray}" have no forged sample to stand against ` +
        `(forged: ${
          [...names].join(", ")
        }; name real samples that stand against all "${SHARED_REAL}")`,
    );
  }
  return [...names];
}

/** Family weights scaled to sum to 1; the same for each family where none are given. */
function normalisedWeights(
  names: readonly string[],
  weights: Readonly<Record<string, number>> | undefined,
): Record<string, number> {
  const chosen = names.map((name) => {
    const weight = weights === undefined ? 1 : weights[name];
    if (weight === undefined) {
      throw new ConfigError(
        `evaluateScores: weights name ${Object.keys(weights ?? {}).join(", ")}, but not ${name}`,
      );
    }
    if (!(weight > 0 && weight < Infinity)) {
      throw new ConfigError(
        `evaluateScores: weights must be positive numbers, but that of ${name} is ${weight}`,
      );
    }
    return weight;
  });
  const total = chosen.reduce((sum, weight) => sum + weight, 0);
  return Object.fromEntries(names.map((name, i) => [name, chosen[i] / total]));
}

/** Throws unless all arrays describe the same samples. */
function checkLengths(samples: ScoredSamples): void {
  const count = samples.scores.length;
  for (const name of ["labels", "families", "sources"] as const) {
    if (samples[name].length !== count) {
      throw new ShapeError(
        `evaluateScores: ${count} scores, but ${samples[name].length} ${name}`,
      );
    }
  }
}
