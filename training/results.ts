// What a trained detector comes to: its test scores, its summary, its report.

import type { CoritDetector } from "../corit/detector.ts";
import type { CropSet } from "../data/crop_set.ts";
import { codecVersions } from "../data/image.ts";
import {
  evaluateScores,
  type Evaluation,
  familyRocCurves,
  STARTER_FAMILY_WEIGHTS,
} from "../evaluation/protocol.ts";
import type { RunReport, RunSummary } from "../evaluation/report_data.ts";
import type { BestValidation } from "./checkpoint.ts";
import type { TrainingConfig } from "./config.ts";
import type { Computing } from "./device.ts";
import { readMetrics, type TrainingRow } from "./metrics_log.ts";
import type { RunFolder } from "./run_folder.ts";
import { reportSamples } from "./samples.ts";
import { scoreCrops, scoredSamples } from "./scoring.ts";

/** What a finished run came to: `summary.json`. */
export interface TrainingSummary extends RunSummary {
  /** The validation that the tested weights were chosen by. */
  readonly best: BestValidation;
  /** Why training ended before its steps were done; empty where it did not. */
  readonly stopped: string;
}

/** The test scores of a detector, and what they are measured on. */
export interface TestResult {
  /** Every metric with its interval. */
  readonly evaluation: Evaluation;
  /** The probability of each crop of the set. */
  readonly scores: Float64Array;
}

/**
 * Scores a test set by the protocol; the threshold comes from validation.
 *
 * @param known The probability of each crop, where it is known already.
 */
export async function testDetector(
  detector: CoritDetector,
  test: CropSet,
  { families, data }: Pick<TrainingConfig, "families" | "data">,
  threshold: number,
  known?: Float64Array,
): Promise<TestResult> {
  const scores = known ?? await scoreCrops((images) => detector.probabilities(images), test);
  const evaluation = evaluateScores({
    ...scoredSamples(scores, test),
    trainedFamilies: families,
    threshold,
    ...(data === "starter" ? { weights: STARTER_FAMILY_WEIGHTS } : {}),
  });
  return { evaluation, scores };
}

/** What the summary needs beside the test scores. */
export interface RunFacts {
  readonly folder: RunFolder;
  readonly detector: CoritDetector;
  readonly best: BestValidation;
  readonly stopped: string;
  readonly steps: number;
  readonly seconds: number;
  readonly computing: Computing;
  /** What is to be said of the data. */
  readonly dataNotes: readonly string[];
}

/** Writes a run's report and summary. */
export async function writeResults(
  { evaluation, scores }: TestResult,
  test: CropSet,
  facts: RunFacts,
): Promise<TrainingSummary> {
  const { folder, detector, best, stopped, steps, seconds } = facts;
  const metrics = await readMetrics(folder.metricsPath);
  const stepSeconds = metrics.reduce((sum, row) => sum + 1 / row.imagesPerSecond, 0);
  const summary: TrainingSummary = {
    ...evaluation,
    seconds,
    steps,
    // Crops a second over all steps: the harmonic mean, since every step has as many.
    imagesPerSecond: metrics.length / stepSeconds,
    parameters: detector.parameterCount({ trainedOnly: true }),
    best,
    stopped,
  };
  // Loaded when needed: the plotting library takes longer to load than a training step.
  const { renderReport } = await import("../evaluation/report.ts");
  const report: RunReport = {
    title: titleOf(folder.config),
    subtitle: subtitleOf(folder.config),
    config: folder.config as unknown as Record<string, unknown>,
    summary,
    metrics,
    roc: familyRocCurves(scoredSamples(scores, test)),
    samples: await reportSamples(detector, test, scores),
    seeds: { seed: folder.config.seed, splitSeed: folder.config.splitSeed },
    versions: versionsOf(facts.computing),
    notes: [...notesOf(summary, folder.config), ...collapseNotes(metrics), ...facts.dataNotes],
    command: `deno task train --config ${folder.path}/config.json --out runs/again`,
  };
  await folder.writeResults(summary, renderReport(report));
  return summary;
}

/** A run's name for its report. */
function titleOf({ detector, preset, backbone, tune, sam, rho }: TrainingConfig): string {
  const name = detector === "corit" ? "CoRIT" : "Vision transformer";
  const size = backbone === "none" ? preset : `${backbone}, tuned by ${tune}`;
  return `${name} (${size}), trained ${sam ? `under SAM, radius ${rho}` : "without SAM"}`;
}

/** What was trained on what, in a sentence. */
function subtitleOf({ data, families, testFamilies, imageSize }: TrainingConfig): string {
  const source = data === "starter" ? "the starter benchmark" : data;
  const others = testFamilies.length > 0
    ? ` ${testFamilies.join(", ")} ${testFamilies.length > 1 ? "were" : "was"} kept for the test.`
    : "";
  return `Real photographs against forged ones, ${imageSize} x ${imageSize} pixels, from ${source}; ` +
    `trained on ${families.join(", ")}.${others}`;
}

/** When the training was held for collapsed, and why. */
function collapseNotes(metrics: readonly TrainingRow[]): string[] {
  const [first, ...rest] = metrics.filter(({ collapse }) => collapse !== undefined);
  if (!first) return [];
  const again = rest.length === 0 ? "" : ` It was seen ${rest.length} more times.`;
  return [
    `At step ${first.step} the training seemed to have collapsed to guessing: ${first.collapse}.${again}`,
  ];
}

/** Caveats of this run alone. */
function notesOf({ best, stopped, steps }: TrainingSummary, config: TrainingConfig): string[] {
  const notes = [
    `The scores are those of the weights after step ${best.step}, which had the highest validation ` +
    `AUC (${best.auc.toFixed(3)}). The test photographs had no part in that choice.`,
  ];
  if (stopped !== "") {
    notes.push(`Training ended after ${steps} of ${config.steps} steps: ${stopped}.`);
  }
  if (config.gsnrEstimateEvery > 0) {
    notes.push(
      "The running estimate of the gradient signal-to-noise ratio comes from consecutive batches, " +
        "between which the weights move: it shows a course, not a value.",
    );
  }
  if (config.gsnrEvery > 0) {
    notes.push(
      `The gradient signal-to-noise ratio is measured on ${config.gsnrPairs} twin pairs of the ` +
        `training set; differences smaller than about ${
          (1 / config.gsnrPairs).toFixed(3)
        } are noise.`,
    );
  }
  return notes;
}

/** What the run was made with. */
function versionsOf({ device, threads }: Computing): Record<string, string> {
  return {
    Deno: Deno.version.deno,
    V8: Deno.version.v8,
    system: `${Deno.build.os} ${Deno.build.arch}`,
    device: `${device}, ${threads} thread${threads === 1 ? "" : "s"}`,
    codecs: codecVersions(),
  };
}
