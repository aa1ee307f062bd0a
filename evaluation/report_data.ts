// What a report is made of: a run's configuration, results, metrics and sample forgeries, as plain data.

import type { RocCurve } from "./metrics.ts";
import type { Evaluation } from "./protocol.ts";

/** One line of a run's `metrics.jsonl`. */
export interface MetricsRow {
  /** Optimizer step, from 1. */
  readonly step: number;
  /** Training loss of the step. */
  readonly loss: number;
  /** Validation AUC, where it was measured. */
  readonly auc?: number;
  /** Learning rate of the step. */
  readonly learningRate: number;
  /** Training throughput. */
  readonly imagesPerSecond: number;
  /** Gradient signal-to-noise ratio by block, from the input to the head, where it was measured. */
  readonly gsnr?: Readonly<Record<string, number>>;
  /** A running estimate of the same from the gradients of consecutive batches, every few steps. */
  readonly gsnrEstimate?: Readonly<Record<string, number>>;
}

/** What a run came to: `summary.json`. */
export interface RunSummary extends Evaluation {
  /** Training time in seconds. */
  readonly seconds: number;
  /** Optimizer steps done. */
  readonly steps: number;
  /** Mean training throughput. */
  readonly imagesPerSecond: number;
  /** Trained parameters of the model. */
  readonly parameters: number;
}

/** A test forgery with what the model made of it. */
export interface ReportSample {
  /** The forgery family. */
  readonly family: string;
  /** The real crop, PNG bytes. */
  readonly realPng: Uint8Array;
  /** Its forged twin, PNG bytes. */
  readonly forgedPng: Uint8Array;
  /** Where it was forged (white), PNG bytes. */
  readonly maskPng: Uint8Array;
  /** Whether all of it was forged, so that its mask is white throughout. */
  readonly wholeFrame?: boolean;
  /** How likely the model holds each patch to be forged, over the forged crop, PNG bytes; left out where it cannot say. */
  readonly heatmapPng?: Uint8Array;
  /** The region that the model's head reads, over the forged crop, PNG bytes; left out where it reads everything. */
  readonly regionPng?: Uint8Array;
  /** The score of the forged crop. */
  readonly score: number;
  /** The score of the real crop. */
  readonly realScore?: number;
}

/** Everything a report shows. */
export interface RunReport {
  /** The heading. */
  readonly title: string;
  /** One sentence under the heading: what was trained on what. */
  readonly subtitle?: string;
  /** The run's configuration, nested as it is in `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The results. */
  readonly summary: RunSummary;
  /** The rows of `metrics.jsonl`. */
  readonly metrics: readonly MetricsRow[];
  /** The test ROC curve of every family (see `familyRocCurves`). */
  readonly roc: Readonly<Record<string, RocCurve>>;
  /** Test forgeries to show, in the order shown. */
  readonly samples: readonly ReportSample[];
  /** Seeds by what they seed. */
  readonly seeds?: Readonly<Record<string, number>>;
  /** Versions and the machine, by name. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Caveats of this run alone, such as an early stop. */
  readonly notes?: readonly string[];
  /** The command that repeats the run. */
  readonly command?: string;
}
