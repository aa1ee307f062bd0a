// The universal benchmark: a detector trained on one generator, or few, and tested on each of many.

import { type ClassAccuracy, classAccuracy } from "./class_accuracy.ts";
import type { Decision } from "./detector_metrics.ts";
import { averagePrecision, rocAuc, truePositiveRateAt } from "./metrics.ts";
import { familySamples, forgedFamilies, type ScoredSamples } from "./protocol.ts";
import { textTable } from "./table.ts";

/** The scores on one generator's pictures against its real ones; both classes weigh one half. */
export interface GeneratorScores {
  /** The generator, or family of forgeries. */
  readonly generator: string;
  /** Whether the detector was trained on it. */
  readonly trained: boolean;
  /** Area under the ROC curve. */
  readonly auc: number;
  /** Average precision. */
  readonly averagePrecision: number;
  /** Shares of right answers at the threshold 0.5. */
  readonly accuracy: ClassAccuracy;
  /** Shares of right answers at the threshold chosen on validation. */
  readonly accuracyAtThreshold: ClassAccuracy;
  /** True positive rate where at most 5 % of the real pictures are flagged. */
  readonly truePositiveRateAt5: number;
  /** Real pictures. */
  readonly realCount: number;
  /** Forged pictures. */
  readonly forgedCount: number;
}

/**
 * Scores every generator by itself: its pictures against their real twins and against those shared by all.
 *
 * @throws {ShapeError | ValueError | DataError} as `evaluateScores`.
 *
 * @example
 * ```ts
 * import { generatorScores } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const [progan, ldm] = generatorScores({
 *   scores: [0.1, 0.2, 0.9, 0.8, 0.15, 0.7],
 *   labels: [0, 0, 1, 1, 1, 1],
 *   families: ["real", "real", "progan", "progan", "ldm", "ldm"],
 *   sources: ["a", "b", "c", "d", "e", "f"],
 * }, { trained: ["progan"], threshold: 0.5 });
 * assertEquals([progan.auc, ldm.auc, ldm.trained], [1, 0.75, false]);
 * ```
 */
export function generatorScores(
  samples: ScoredSamples,
  { trained, threshold }: Pick<Decision, "threshold"> & { readonly trained: readonly string[] },
): GeneratorScores[] {
  return forgedFamilies(samples).map((generator) => {
    const rows = familySamples(samples, generator);
    const scores = rows.map((row) => samples.scores[row]);
    const labels = rows.map((row) => samples.labels[row]);
    const forgedCount = labels.filter((label) => label === 1).length;
    const realCount = labels.length - forgedCount;
    const weights = labels.map((label) => 0.5 / (label === 1 ? forgedCount : realCount));
    return {
      generator,
      trained: trained.includes(generator),
      auc: rocAuc(scores, labels, weights),
      averagePrecision: averagePrecision(scores, labels, weights),
      accuracy: classAccuracy(scores, labels, 0.5, weights),
      accuracyAtThreshold: classAccuracy(scores, labels, threshold, weights),
      truePositiveRateAt5: truePositiveRateAt(scores, labels, 0.05, weights),
      realCount,
      forgedCount,
    };
  });
}

/** The mean of a number over some. */
function meanOf<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0) / items.length;
}

const percent = (share: number): string => (100 * share).toFixed(1);

/**
 * One detector's table in the form of UniversalFakeDetect (Ojha et al., CVPR 2023): a row for each generator with average
 * precision, accuracy (real, forged and both) and AUC, and the means over those never trained on and over all; percent.
 *
 * @example
 * ```ts
 * import { generatorScores, universalTable } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const scores = generatorScores({
 *   scores: [0.1, 0.9],
 *   labels: [0, 1],
 *   families: ["progan", "progan"],
 *   sources: ["a", "a"],
 * }, { trained: [], threshold: 0.5 });
 * assertMatch(universalTable(scores), /progan +100.0/);
 * ```
 */
export function universalTable(scores: readonly GeneratorScores[]): string {
  const others = scores.filter(({ trained }) => !trained);
  const cells = (of: (read: (scores: GeneratorScores) => number) => number): string[] =>
    [
      of((each) => each.averagePrecision),
      of((each) => each.accuracy.real),
      of((each) => each.accuracy.forged),
      of((each) => each.accuracy.both),
      of((each) => each.accuracyAtThreshold.both),
      of((each) => each.auc),
    ].map(percent);
  const counts = (list: readonly GeneratorScores[]): string[] => [
    `${list.reduce((sum, each) => sum + each.realCount, 0)}`,
    `${list.reduce((sum, each) => sum + each.forgedCount, 0)}`,
  ];
  const meanRow = (name: string, list: readonly GeneratorScores[]): string[] => [
    name,
    ...cells((read) => meanOf(list, read)),
    "",
    "",
  ];
  const rows = scores.map((each) => [
    each.trained ? `${each.generator} (trained on)` : each.generator,
    ...cells((read) => read(each)),
    ...counts([each]),
  ]);
  if (others.length > 0) rows.push(meanRow("mean, never trained on", others));
  rows.push(meanRow("mean, all", scores));
  return textTable(
    ["generator", "AP", "acc. real", "acc. fake", "acc.", "at threshold", "AUC", "real", "fake"],
    rows,
  );
}

/** A detector's row in a table over generators. */
export interface TrainedOn {
  /** What it was trained on, or the run's name. */
  readonly name: string;
  /** Its scores. */
  readonly scores: readonly GeneratorScores[];
}

/** What a table over generators shows. */
export type GeneratorMetric = "accuracy" | "accuracyAtThreshold" | "averagePrecision" | "auc";

function metricOf(scores: GeneratorScores, metric: GeneratorMetric): number {
  const value = scores[metric];
  return typeof value === "number" ? value : value.both;
}

/**
 * Several detectors' table in the form of GenImage (Zhu et al., NeurIPS 2023): a row for each detector, named by what it
 * was trained on, a column for each generator tested on, and the mean of the row; percent. `*`: trained on it.
 *
 * @example
 * ```ts
 * import { crossGeneratorTable, generatorScores } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const scores = generatorScores({
 *   scores: [0.1, 0.9],
 *   labels: [0, 1],
 *   families: ["glide", "glide"],
 *   sources: ["a", "a"],
 * }, { trained: ["glide"], threshold: 0.5 });
 * assertMatch(crossGeneratorTable([{ name: "glide", scores }], "accuracy"), /glide +100.0\* +100.0/);
 * ```
 */
export function crossGeneratorTable(
  detectors: readonly TrainedOn[],
  metric: GeneratorMetric,
): string {
  const generators = [
    ...new Set(detectors.flatMap(({ scores }) => scores.map(({ generator }) => generator))),
  ];
  return textTable(
    ["trained on", ...generators, "mean"],
    detectors.map(({ name, scores }) => [
      name,
      ...generators.map((generator) => {
        const found = scores.find((each) => each.generator === generator);
        return found ? percent(metricOf(found, metric)) + (found.trained ? "*" : "") : "-";
      }),
      percent(meanOf(scores, (each) => metricOf(each, metric))),
    ]),
  );
}
