// What a cell of a sweep came to.

/** GSNR of one group of parameters. */
export interface CellGsnr {
  /** The group: `embedding`, `block 1` ..., `head`, `model`. */
  readonly name: string;
  /** Unbiased |E g|^2 / tr Cov g over twin pairs; may be below 0. */
  readonly gsnr: number;
  /** Its 95 % interval, by the jackknife. */
  readonly interval: readonly [low: number, high: number];
  /** Unbiased |E g|^2. */
  readonly signal: number;
}

/** GSNR on the way. */
export interface GsnrLook {
  /** After this step. */
  readonly step: number;
  /** Where: at the weights (0), or after a climb of this radius along the gradient of one batch. */
  readonly climb: number;
  /** Group by group. */
  readonly groups: readonly CellGsnr[];
}

/** A critical radius as one of the estimators gives it. */
export interface RadiusLook {
  /** After this step. */
  readonly step: number;
  /** The learning rate of the plain step that both radii are about: the one that AdamW was given. */
  readonly rate: number;
  /** Length of AdamW's step over that of its gradient: the rate of a plain step that would be as long. */
  readonly rateAsLong: number;
  /** The estimated largest curvature, beta. */
  readonly smoothness: number;
  /** |g|, of the unbiased signal over twin pairs. */
  readonly gradientNorm: number;
  /** The local radius and its interval over batches; null stands for infinity. */
  readonly local: number | null;
  /** Ends of its interval; null stands for infinity. */
  readonly localInterval: readonly [low: number | null, high: number | null];
  /** The closed-form lower bound. */
  readonly bound: number;
}

/** A training seen after some steps. */
export interface BudgetLook {
  /** Steps done. */
  readonly step: number;
  /** AUC of the detector's own head. */
  readonly auc: number;
  /** AUC of a linear probe fitted anew on the features. */
  readonly probeAuc: number;
  /** Mean loss, before the climb, of the last 20 steps. */
  readonly loss: number;
  /** Mean norm of the gradient, before the climb, of the last 20 steps. */
  readonly gradientNorm: number;
  /** How |g|^2, and with it |eps|^2 where all is climbed along, divides among the groups in the last 20 steps. */
  readonly shares: Readonly<Record<string, number>>;
}

/** Everything that a cell came to. */
export interface CellResult {
  /** By budget. */
  readonly looks: readonly BudgetLook[];
  /** AUC of a linear probe on the features before any step. */
  readonly untrainedProbeAuc: number;
  /** GSNR on the way, where it was measured. */
  readonly gsnr: readonly GsnrLook[];
  /** Local and bounded radius by budget, where they were measured. */
  readonly radii: readonly RadiusLook[];
  /** Wall-clock seconds. */
  readonly seconds: number;
}
