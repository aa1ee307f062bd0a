// A sweep over the radius from its plan to its trainings: strengths are matched, then cells are computed.

import { parseFamilies } from "../forgeries/families.ts";
import type { ForgeryFamilyName } from "../forgeries/families.ts";
import { readJsonIfThere, writeFileAtomically } from "../training/files.ts";
import type { Cell } from "./cell.ts";
import { CellStore, type DoneCell } from "./cell_store.ts";
import {
  type MatchedFamily,
  type MatchPlan,
  matchStrengths,
  nextMatchCells,
} from "./match_strengths.ts";
import { runCells } from "./run_cells.ts";
import { sweepCells, type SweepPlan } from "./sweep_plan.ts";

/** What a sweep is told. */
export interface SweepSettings {
  /** The folder that keeps finished trainings and results. */
  readonly out: string;
  /** Families, each learned alone. */
  readonly families: readonly string[];
  /** Radii; 0 is always among them. */
  readonly radii: readonly number[];
  /** Number of seeds, from 0 on. */
  readonly seeds: number;
  /** Budgets in steps. */
  readonly budgets: readonly number[];
  /** Radii of the controls. */
  readonly controlRadii: readonly number[];
  /** The AUC at radius 0 that strengths are tuned to; 0: what the hardest family reaches at full strength. */
  readonly target: number;
  /** Strengths that are tried when families are matched. */
  readonly strengths: readonly number[];
  /** Number of seeds that the matching averages over. */
  readonly matchSeeds: number;
  /** Processes at once. */
  readonly processes: number;
  /** What differs from the defaults in every cell. */
  readonly cell?: Partial<Cell>;
}

/** Told what is done. */
export type SweepListener = (what: string, done: number, total: number, cell?: Cell) => void;

/** Strengths as they were matched. */
export interface Matching {
  /** The AUC aimed at, on validation photographs. */
  readonly target: number;
  /** Steps of the trainings that decided. */
  readonly budget: number;
  /** Family by family. */
  readonly families: readonly MatchedFamily[];
}

/** A sweep that has been planned, and computed as far as its store goes. */
export interface PreparedSweep {
  /** Its plan, with the strengths that were matched. */
  readonly plan: SweepPlan;
  /** How they were matched. */
  readonly matching: Matching;
  /** Finished trainings. */
  readonly store: CellStore;
}

/**
 * Matches the families' strengths and computes all trainings of a sweep that are not there yet.
 *
 * @throws {ConfigError} A family is unknown.
 * @throws {DataError} A training fails, or strengths cannot be matched.
 */
export async function prepareSweep(
  settings: SweepSettings,
  { onProgress = () => {}, signal }: {
    readonly onProgress?: SweepListener;
    readonly signal?: AbortSignal;
  } = {},
): Promise<PreparedSweep> {
  const families = parseFamilies(settings.families);
  const store = await CellStore.open(`${settings.out}/cells`);
  const budgets = sorted(settings.budgets);
  const { processes, cell } = settings;
  const matchPlan: MatchPlan = {
    families,
    strengths: sorted(settings.strengths),
    seeds: range(settings.matchSeeds),
    // After the longest training skill is largest, so that it is matched best.
    budget: budgets[budgets.length - 1],
    settings: cell,
  };
  const run = async (what: string, cells: readonly Cell[]): Promise<void> => {
    await runCells(cells, {
      store,
      processes,
      signal,
      onProgress: (done, total, cell) => onProgress(what, done, total, cell),
    });
  };
  const target = settings.target === 0 ? undefined : settings.target;
  let tried: DoneCell[] = [];
  for (;;) {
    const next = nextMatchCells(matchPlan, tried, target);
    if (next.length === 0) break;
    await run("matching strengths", next);
    tried = [...tried, ...await store.done(next)];
  }
  const matched = matchStrengths(matchPlan, tried, target);
  const matching = { ...matched, budget: matchPlan.budget };
  await writeFileAtomically(
    `${settings.out}/strengths.json`,
    `${JSON.stringify(matching, null, 2)}\n`,
  );
  const strengths: Partial<Record<ForgeryFamilyName, number>> = Object.fromEntries(
    matched.families.map(({ family, strength }) => [family, strength]),
  );
  const plan: SweepPlan = {
    families,
    radii: sorted([0, ...settings.radii]),
    seeds: range(settings.seeds),
    budgets,
    controlRadii: sorted(settings.controlRadii),
    strengths,
    settings: cell,
  };
  await writeFileAtomically(`${settings.out}/plan.json`, `${JSON.stringify(plan, null, 2)}\n`);
  await run("training", sweepCells(plan));
  return { plan, matching, store };
}

/**
 * A sweep that was begun, as far as it is done; undefined where there is none.
 *
 * @throws {FormatError} Its files are damaged.
 */
export async function readSweep(folder: string): Promise<PreparedSweep | undefined> {
  const read = <Value>(name: string): Promise<Value | undefined> =>
    readJsonIfThere(`${folder}/${name}`, "sweep again to write it anew");
  const plan = await read<SweepPlan>("plan.json");
  const matching = await read<Matching>("strengths.json");
  if (!plan || !matching) return undefined;
  return { plan, matching, store: await CellStore.open(`${folder}/cells`) };
}

/** 0 to count - 1. */
function range(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

/** Rising, each once. */
function sorted(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
