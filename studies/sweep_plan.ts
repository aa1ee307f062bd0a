// Which cells a sweep is made of, and in which order they come.

import type { ForgeryFamilyName } from "../forgeries/families.ts";
import { type Cell, cellDefaults, type Climb } from "./cell.ts";

/** What a sweep goes over. */
export interface SweepPlan {
  /** Families, each learned alone. */
  readonly families: readonly ForgeryFamilyName[];
  /** Radii, rising, the first 0. */
  readonly radii: readonly number[];
  /** Seeds. */
  readonly seeds: readonly number[];
  /** Budgets in steps, rising. */
  readonly budgets: readonly number[];
  /** Radii of the controls: climbs along the head alone, and along the blocks alone. */
  readonly controlRadii: readonly number[];
  /** Strength of each family; 1 where absent. */
  readonly strengths: Readonly<Partial<Record<ForgeryFamilyName, number>>>;
  /** What differs from the defaults in every cell. */
  readonly settings?: Partial<Cell>;
}

/** The cells of one family's curve: one for each radius, for one seed. The one at 0 carries the instruments. */
export function curveCells(
  plan: SweepPlan,
  family: ForgeryFamilyName,
  seed: number,
): Cell[] {
  return plan.radii.map((rho) => cellOf(plan, family, seed, rho, "all"));
}

/** The cells of the controls of one family and seed. */
export function controlCells(
  plan: SweepPlan,
  family: ForgeryFamilyName,
  seed: number,
  climb: Exclude<Climb, "all">,
): Cell[] {
  return plan.controlRadii.map((rho) => cellOf(plan, family, seed, rho, climb));
}

/**
 * All cells of a sweep: seed by seed, so that what was done when it is interrupted is a whole sweep of fewer seeds; the
 * controls come last.
 */
export function sweepCells(plan: SweepPlan): Cell[] {
  const { seeds, families } = plan;
  const each = (cells: (family: ForgeryFamilyName, seed: number) => Cell[]): Cell[] =>
    seeds.flatMap((seed) => families.flatMap((family) => cells(family, seed)));
  return [
    ...each((family, seed) => curveCells(plan, family, seed)),
    ...each((family, seed) =>
      (["head", "blocks"] as const).flatMap((climb) => controlCells(plan, family, seed, climb))
    ),
  ];
}

function cellOf(
  { budgets, strengths, settings }: SweepPlan,
  family: ForgeryFamilyName,
  seed: number,
  rho: number,
  climb: Climb,
): Cell {
  return {
    ...cellDefaults,
    strength: strengths[family] ?? 1,
    budgets,
    ...settings,
    family,
    seed,
    rho,
    climb,
    instruments: rho === 0,
  };
}
