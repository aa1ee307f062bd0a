// Forging strengths at which all families are equally hard, so that "collapses earlier" does not just mean "harder".

import { DataError } from "../errors.ts";
import type { ForgeryFamilyName } from "../forgeries/families.ts";
import { type Cell, cellDefaults } from "./cell.ts";
import type { DoneCell } from "./cell_store.ts";

/** What strengths are tuned by. */
export interface MatchPlan {
  /** Families. */
  readonly families: readonly ForgeryFamilyName[];
  /** Strengths that are tried, rising. */
  readonly strengths: readonly number[];
  /** Seeds that the AUC is averaged over. */
  readonly seeds: readonly number[];
  /** Steps of training. */
  readonly budget: number;
  /** What differs from the defaults in every cell. */
  readonly settings?: Partial<Cell>;
}

/** How hard a family is at the strengths tried, and what was chosen. */
export interface MatchedFamily {
  /** The family. */
  readonly family: ForgeryFamilyName;
  /** Strength and mean AUC on validation photographs. */
  readonly curve: readonly (readonly [strength: number, auc: number])[];
  /** Where the curve, made rising, reaches the target. */
  readonly strength: number;
}

/**
 * The trainings that tuning needs next, without a climb and scored on validation photographs: every family at the largest
 * strength, then each at one strength after the other downwards until it falls below the target. Empty when all is known.
 */
export function nextMatchCells(
  plan: MatchPlan,
  done: readonly DoneCell[],
  target?: number,
): Cell[] {
  const { families, strengths } = plan;
  const falling = strengths.toReversed();
  const first = families.flatMap((family) => cellsAt(plan, family, falling[0]));
  if (families.some((family) => aucAt(done, family, falling[0]) === undefined)) return first;
  const aim = target ?? Math.min(...families.map((family) => aucAt(done, family, falling[0])!));
  return families.flatMap((family) => {
    const missing = falling.findIndex((strength) => aucAt(done, family, strength) === undefined);
    const reached = falling.some((strength) => (aucAt(done, family, strength) ?? Infinity) <= aim);
    return missing < 0 || reached ? [] : cellsAt(plan, family, falling[missing]);
  });
}

function cellsAt(
  { seeds, budget, settings }: MatchPlan,
  family: ForgeryFamilyName,
  strength: number,
): Cell[] {
  return seeds.map((seed): Cell => ({
    ...cellDefaults,
    budgets: [budget],
    testedOn: "validation",
    ...settings,
    family,
    seed,
    strength,
    rho: 0,
  }));
}

/** The mean AUC of a family at a strength; undefined where it was not trained. */
function aucAt(
  done: readonly DoneCell[],
  family: string,
  strength: number,
): number | undefined {
  const values = done
    .filter(({ cell }) => cell.family === family && cell.strength === strength)
    .map(({ result }) => result.looks[result.looks.length - 1].auc);
  return values.length === 0
    ? undefined
    : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Chooses a strength for each family: where its validation AUC is that of the hardest family at full strength, or the
 * target's. Between strengths that were tried, AUC is interpolated over the logarithm of the strength.
 *
 * @param target The AUC aimed at; by default what the hardest family reaches at the largest strength.
 * @throws {DataError} A family was not trained at the largest strength, or its AUC is above the target even at the
 * smallest.
 */
export function matchStrengths(
  plan: MatchPlan,
  done: readonly DoneCell[],
  target?: number,
): { readonly target: number; readonly families: readonly MatchedFamily[] } {
  const largest = plan.strengths[plan.strengths.length - 1];
  const curves = plan.families.map((family) => {
    if (aucAt(done, family, largest) === undefined) {
      throw new DataError(`matchStrengths: no training of ${family} at strength ${largest}`);
    }
    const curve = plan.strengths.flatMap((strength): (readonly [number, number])[] => {
      const auc = aucAt(done, family, strength);
      return auc === undefined ? [] : [[strength, auc]];
    });
    return { family, curve };
  });
  const aim = target ?? Math.min(...curves.map(({ curve }) => curve[curve.length - 1][1]));
  return {
    target: aim,
    families: curves.map(({ family, curve }) => ({
      family,
      curve,
      strength: strengthAt(family, rising(curve), aim),
    })),
  };
}

/** A curve that never falls: each value the mean of its neighbours where they are out of order (pool adjacent violators). */
function rising(
  curve: readonly (readonly [number, number])[],
): (readonly [number, number])[] {
  const pools: { sum: number; count: number }[] = [];
  for (const [, value] of curve) {
    pools.push({ sum: value, count: 1 });
    while (pools.length > 1) {
      const [before, last] = pools.slice(-2);
      if (before.sum / before.count <= last.sum / last.count) break;
      pools.splice(-2, 2, { sum: before.sum + last.sum, count: before.count + last.count });
    }
  }
  const values = pools.flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count));
  return curve.map(([strength], at) => [strength, values[at]] as const);
}

function strengthAt(
  family: string,
  curve: readonly (readonly [number, number])[],
  aim: number,
): number {
  const at = curve.findIndex(([, auc]) => auc >= aim);
  // The hardest family itself, and one that pooling put below the target.
  if (at < 0) return curve[curve.length - 1][0];
  if (at === 0) {
    if (curve[0][1] === aim) return curve[0][0];
    throw new DataError(
      `matchStrengths: ${family} reaches ${curve[0][1].toFixed(3)} already at strength ` +
        `${curve[0][0]}, above the ${aim.toFixed(3)} aimed at; try smaller strengths`,
    );
  }
  const [below, belowAuc] = curve[at - 1], [above, aboveAuc] = curve[at];
  const share = (aim - belowAuc) / (aboveAuc - belowAuc);
  // Three digits name a strength well enough, and cells are kept by it.
  return Number((below * (above / below) ** share).toPrecision(3));
}
