// One cell of a sweep: a training of the small transformer, with everything that decides its result.

import { createHash } from "node:crypto";
import type { ForgeryFamilyName } from "../forgeries/families.ts";

/** What SAM climbs along: everything that is trained, the read-out alone, or the blocks alone. */
export type Climb = "all" | "head" | "blocks";

/** Everything that decides what a cell comes to. Equal cells give equal results. */
export interface Cell {
  /** The forgery that is learned, alone. */
  readonly family: ForgeryFamilyName;
  /** How much of the forgery is laid on: 1 as the family makes it, 0 nothing. */
  readonly strength: number;
  /** The share of training pairs whose two labels are exchanged. */
  readonly labelNoise: number;
  /** SAM's radius. */
  readonly rho: number;
  /** What SAM climbs along. */
  readonly climb: Climb;
  /** Seed of weights, batches and flips. The crops are the same for all seeds. */
  readonly seed: number;
  /** Steps after which the training is looked at, rising; it ends with the last. */
  readonly budgets: readonly number[];
  /** Twin pairs in a batch. */
  readonly batchPairs: number;
  /** AdamW's rate, constant after the warm-up. */
  readonly learningRate: number;
  /** Side of a crop, pixels. */
  readonly imageSize: number;
  /** Twin pairs to train on. */
  readonly trainPairs: number;
  /** Twin pairs to test on. */
  readonly testPairs: number;
  /** What it is tested on: strengths are tuned on `validation`, results come from `test`. */
  readonly testedOn: "validation" | "test";
  /** Whether GSNR and the local and bounded radius are measured on the way. */
  readonly instruments: boolean;
}

/** Cells in the setting of the sweep, but for family, radius and seed. */
export const cellDefaults: Omit<Cell, "family" | "rho" | "seed"> = {
  strength: 1,
  labelNoise: 0,
  climb: "all",
  budgets: [100, 200, 400],
  batchPairs: 16,
  learningRate: 2e-3,
  imageSize: 32,
  trainPairs: 3000,
  testPairs: 600,
  testedOn: "test",
  instruments: false,
};

/** Raise when a cell's result changes though its settings do not. */
const CELL_VERSION = 2;

/** A name for a cell that changes with everything that decides its result. */
export function cellKey(cell: Cell): string {
  const entries = Object.entries(cell).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([CELL_VERSION, entries]);
  return createHash("sha256").update(text).digest("hex").slice(0, 20);
}

/** A cell in a few words: `spectral rho 0.04 seed 1`. */
export function cellText({ family, rho, seed, climb, labelNoise, strength }: Cell): string {
  const parts = [`${family} x ${strength}`, `rho ${rho}`, `seed ${seed}`];
  if (climb !== "all") parts.push(`climbing ${climb}`);
  if (labelNoise > 0) parts.push(`label noise ${labelNoise}`);
  return parts.join(", ");
}
