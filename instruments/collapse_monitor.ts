// Sees a classifier collapse to guessing while it trains: by its loss, its AUC, and updates that no longer descend.

import { ValueError } from "../errors.ts";

/** Options of {@linkcode CollapseMonitor}. */
export interface CollapseMonitorOptions {
  /** The loss of guessing; ln 2, that of two classes, by default. */
  readonly chanceLoss?: number;
  /** A mean loss that is not this far below it counts as guessing; 0.01 by default. */
  readonly lossTolerance?: number;
  /** An AUC this near to 1/2 counts as guessing; 0.05 by default. */
  readonly aucTolerance?: number;
  /** Steps that are looked at together, also from one finding to the next; 50 by default, at least 4. */
  readonly window?: number;
  /** Steps before which nothing is judged, since every training begins by guessing; 100 by default. */
  readonly grace?: number;
}

/** What one step shows. */
export interface CollapseObservation {
  /** The step's number, from 1. */
  readonly step: number;
  /** The classification loss before the step. */
  readonly loss: number;
  /**
   * By block, how the step before changed this step's loss to first order: <gradient of this batch, the last update>.
   * Below 0 where updates descend. The batches are independent, so that noise does not count as descent. Absent where
   * there was no step before.
   */
  readonly changes?: Readonly<Record<string, number>>;
}

/** Why a training is held for collapsed. */
export interface CollapseEvidence {
  /** The step at which it was seen. */
  readonly step: number;
  /** Mean classification loss over the window. */
  readonly loss: number;
  /** The last validation's AUC; undefined where there was none yet. */
  readonly auc: number | undefined;
  /** Mean change of the loss to first order by one update, over the window, all blocks together. */
  readonly change: number;
  /** Its standard error. */
  readonly changeError: number;
  /** The block whose updates descend least, by its mean change in standard errors. */
  readonly block: string;
  /** The same in a sentence. */
  readonly text: string;
}

/** What a monitor goes on from. */
export interface CollapseMonitorState {
  /** The losses of the window, oldest first. */
  readonly losses: readonly number[];
  /** First-order changes of the loss by the updates of the window, block by block, oldest first. */
  readonly changes: readonly Readonly<Record<string, number>>[];
  /** The last validation's AUC; null before the first. */
  readonly auc: number | null;
  /** The step up to which nothing is said again. */
  readonly quietUntil: number;
}

const meanAndError = (values: readonly number[]): { mean: number; error: number } => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) };
};

/**
 * Watches a training for optimization collapse. It is found where all of the evidence agrees: over a window of steps the
 * mean loss is that of guessing, the last validation's AUC (where there was one) is too, and the mean change of the loss
 * by an update is not below 0 by two standard errors. A beginner's plateau has the first two, but descends.
 *
 * @throws {ValueError} The window is shorter than 4 steps.
 *
 * @example
 * ```ts
 * import { CollapseMonitor } from "@corit/corit/instruments";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const monitor = new CollapseMonitor({ window: 10, grace: 10 });
 * let found;
 * for (let step = 1; step <= 20 && !found; step++) {
 *   found = monitor.observe({ step, loss: Math.LN2, changes: { "block 1": 1e-4 * (-1) ** step } });
 * }
 * assertEquals(found?.step, 10);
 * assert(found?.text.includes("block 1"));
 * ```
 */
export class CollapseMonitor {
  readonly #options: Required<CollapseMonitorOptions>;
  #losses: number[] = [];
  #changes: Readonly<Record<string, number>>[] = [];
  #auc: number | undefined;
  #quietUntil = 0;

  /** Watches from the first step on. */
  constructor(options: CollapseMonitorOptions = {}) {
    this.#options = {
      chanceLoss: Math.LN2,
      lossTolerance: 0.01,
      aucTolerance: 0.05,
      window: 50,
      grace: 100,
      ...options,
    };
    if (!(this.#options.window >= 4)) {
      throw new ValueError(
        `CollapseMonitor: the window is at least 4 steps, but is ${this.#options.window}`,
      );
    }
  }

  /** Takes in a validation's AUC. */
  validated(auc: number): void {
    this.#auc = auc;
  }

  /** Takes in a step; gives the evidence where the training has collapsed, once a window. */
  observe({ step, loss, changes }: CollapseObservation): CollapseEvidence | undefined {
    const { window, grace } = this.#options;
    const keep = <Value>(values: Value[], value: Value) => [...values, value].slice(-window);
    this.#losses = keep(this.#losses, loss);
    if (changes) this.#changes = keep(this.#changes, changes);
    if (step < grace || step < this.#quietUntil) return undefined;
    if (this.#losses.length < window || this.#changes.length < window) return undefined;
    const evidence = this.#judge(step);
    if (evidence) this.#quietUntil = step + window;
    return evidence;
  }

  /** What it needs to go on. */
  state(): CollapseMonitorState {
    return {
      losses: this.#losses,
      changes: this.#changes,
      auc: this.#auc ?? null,
      quietUntil: this.#quietUntil,
    };
  }

  /** Goes on from a saved state. */
  restore({ losses, changes, auc, quietUntil }: CollapseMonitorState): void {
    this.#losses = [...losses];
    this.#changes = [...changes];
    this.#auc = auc ?? undefined;
    this.#quietUntil = quietUntil;
  }

  #judge(step: number): CollapseEvidence | undefined {
    const { chanceLoss, lossTolerance, aucTolerance, window } = this.#options;
    const loss = meanAndError(this.#losses).mean;
    if (loss < chanceLoss - lossTolerance) return undefined;
    const auc = this.#auc;
    if (auc !== undefined && Math.abs(auc - 0.5) > aucTolerance) return undefined;
    const totals = this.#changes.map((each) =>
      Object.values(each).reduce((sum, value) => sum + value, 0)
    );
    const { mean: change, error: changeError } = meanAndError(totals);
    if (change < -2 * changeError) return undefined;
    const block = this.#leastDescending();
    const text =
      `the mean loss of the last ${window} steps is ${loss.toFixed(4)}, guessing gives ` +
      `${chanceLoss.toFixed(4)}; ` +
      (auc === undefined ? "" : `the last validation AUC is ${auc.toFixed(3)}; `) +
      `an update changes the loss by ${change.toExponential(1)} +- ` +
      `${changeError.toExponential(1)}, so that it does not descend, ${block} least of all`;
    return { step, loss, auc, change, changeError, block, text };
  }

  #leastDescending(): string {
    const names = Object.keys(this.#changes[0]);
    const score = (name: string): number => {
      const { mean, error } = meanAndError(this.#changes.map((each) => each[name]));
      return error > 0 ? mean / error : mean;
    };
    return names.reduce((worst, name) => score(name) > score(worst) ? name : worst);
  }
}
