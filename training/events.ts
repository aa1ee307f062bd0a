// What a training tells while it runs; a terminal, a test or a page shows it.

import type { DataReport } from "../data/look.ts";
import type { DataProblem } from "../data/problem.ts";
import type { CollapseEvidence } from "../instruments/collapse_monitor.ts";
import type { FrozenPart } from "../corit/frozen.ts";
import type { GroupGsnr } from "../instruments/gsnr.ts";
import type { TunedParameters } from "../nn/tune.ts";
import type { Profile } from "../tensor/profile.ts";
import type { BestValidation } from "./checkpoint.ts";
import type { TrainingConfig } from "./config.ts";
import type { Computing } from "./device.ts";
import type { TrainingRow } from "./metrics_log.ts";
import type { SplitCounts, Splits } from "./splits.ts";

/** A thing that happened in a training. */
export type TrainingEvent =
  /** The detector is made; data come next. */
  | {
    readonly kind: "plan";
    /** The run's folder, which may not be there yet. */
    readonly folder: string;
    readonly config: TrainingConfig;
    readonly computing: Computing;
    /** Trained parameters. */
    readonly parameters: number;
    /** Floating-point operations of one forward pass of one image. */
    readonly flops: number;
    /** The blocks that the hierarchy reads; none without it. */
    readonly taps: readonly number[];
    /** The step of the checkpoint that is gone on from; 0 for a new run. */
    readonly from: number;
    /** What is trained, on a pretrained encoder. */
    readonly tuned?: TunedParameters;
    /** Where the encoder's weights come from, in words. */
    readonly origin?: string;
  }
  /** A line about the weights of a pretrained encoder, which are being fetched. */
  | { readonly kind: "weights"; readonly line: string }
  /** What the frozen blocks make of the crops is about to be computed, as far as it is not kept from before. */
  | {
    readonly kind: "features";
    readonly part: FrozenPart;
    /** Views of crops, and how many of them are on disk. */
    readonly total: number;
    readonly kept: number;
    /** Bytes on disk when all are there. */
    readonly bytes: number;
    /** Where. */
    readonly folder: string;
  }
  /** A part of the data was made or read. */
  | { readonly kind: "data"; readonly what: string; readonly done: number; readonly total: number }
  /** What a data set holds, before its pictures are decoded. */
  | { readonly kind: "found"; readonly report: DataReport }
  /** Pictures that cannot be read were left out. */
  | { readonly kind: "skipped"; readonly problems: readonly DataProblem[] }
  /** Everything is there; the first step comes next. */
  | {
    readonly kind: "ready";
    readonly counts: Readonly<Record<keyof Splits, SplitCounts>>;
    /** Whether the training crops have twins, which the gradient signal-to-noise ratio needs. */
    readonly hasTwins: boolean;
  }
  /** A step is done, and what was measured after it. */
  | { readonly kind: "step"; readonly row: TrainingRow }
  /** A validation was made. */
  | {
    readonly kind: "validation";
    readonly step: number;
    readonly auc: number;
    readonly isBest: boolean;
  }
  /** The gradient signal-to-noise ratio was measured. */
  | { readonly kind: "gsnr"; readonly step: number; readonly groups: readonly GroupGsnr[] }
  /** The training seems to have collapsed to guessing; `action` is what is done about it, in words. */
  | { readonly kind: "collapse"; readonly evidence: CollapseEvidence; readonly action: string }
  /** A checkpoint was written. */
  | { readonly kind: "checkpoint"; readonly step: number; readonly path: string }
  /** Training is over: the steps are done, or `why` says what ended it before. */
  | { readonly kind: "trained"; readonly why: string; readonly best: BestValidation }
  /** What the planned steps do, in words. */
  | { readonly kind: "planned"; readonly text: string }
  /** Where the time of the planned steps went; `trace` is the file for chrome://tracing or Perfetto. */
  | { readonly kind: "profile"; readonly profile: Profile; readonly trace: string }
  /** The test photographs are being scored, or the report written. */
  | { readonly kind: "phase"; readonly name: "test" | "report" };

/** Who listens to a training. */
export type TrainingListener = (event: TrainingEvent) => void;
