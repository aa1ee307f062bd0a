// What a sweep's trainings come to: curves over the radius, critical radii, and what it was that failed.

import { meanInterval } from "../evaluation/statistics.ts";
import type { Climb } from "./cell.ts";
import type { BudgetLook } from "./cell_result.ts";
import type { DoneCell } from "./cell_store.ts";
import { radiusOfCurves } from "./empirical_radius.ts";
import type { RadiusEstimate } from "./radius_estimate.ts";

/** A mean over seeds. */
export interface SeedMean {
  /** The mean. */
  readonly mean: number;
  /** Ends of the 95 % interval by Student's t; both are the mean with a single seed. */
  readonly interval: readonly [low: number, high: number];
}

/** A family at one budget and one radius, over seeds. */
export interface SweepPoint {
  /** SAM's radius. */
  readonly rho: number;
  /** AUC of the detector. */
  readonly auc: SeedMean;
  /** AUC of a linear probe fitted anew. */
  readonly probe: SeedMean;
  /** Training loss of the last steps. */
  readonly loss: SeedMean;
  /** Norm of the gradient of the last steps. */
  readonly gradientNorm: SeedMean;
  /** How |eps|^2 divides among the groups, mean over seeds. */
  readonly shares: Readonly<Record<string, number>>;
  /** Seeds. */
  readonly seeds: readonly number[];
  /** Loss within 0.01 of ln 2 and AUC within 0.05 of 1/2: guessing. */
  readonly guesses: boolean;
}

/** What is known of why skill was lost beyond the critical radius. */
export interface Failure {
  /** The first radius with less than half of the skill; NaN where there is none. */
  readonly rho: number;
  /** Skill of the read-out there over that at radius 0. */
  readonly readOut: number;
  /** Skill of the probe there over that at radius 0. */
  readonly probe: number;
  /** `read-out`: the probe keeps half of its skill. `features`: it does not. `none`: no radius was that large. */
  readonly verdict: "read-out" | "features" | "none";
}

/** A family's curve at one budget. */
export interface SweepCurve {
  /** The family. */
  readonly family: string;
  /** The strength it was laid on with. */
  readonly strength: number;
  /** What SAM climbed along. */
  readonly climb: Climb;
  /** Steps. */
  readonly budget: number;
  /** By radius, rising. */
  readonly points: readonly SweepPoint[];
  /** Where half of the skill is lost. */
  readonly radius: RadiusEstimate;
  /** What failed there. */
  readonly failure: Failure;
  /** AUC of a probe on untrained features. */
  readonly untrainedProbe: number;
}

/** Curves of one kind of cells (the same in all but radius and seed) at every budget. */
export function curvesOf(cells: readonly DoneCell[]): SweepCurve[] {
  if (cells.length === 0) return [];
  const [{ cell: { family, strength, climb, budgets } }] = cells;
  const radii = [...new Set(cells.map(({ cell }) => cell.rho))].sort((a, b) => a - b);
  const at = (rho: number, seed: number): DoneCell | undefined =>
    cells.find(({ cell }) => cell.rho === rho && cell.seed === seed);
  // A seed counts once all of its radii are done, so that a curve's points are of the same seeds.
  const seeds = [...new Set(cells.map(({ cell }) => cell.seed))].sort((a, b) => a - b)
    .filter((seed) => radii.every((rho) => at(rho, seed) !== undefined));
  if (seeds.length === 0) return [];
  const untrainedProbe = meanOf(seeds.map((seed) => at(radii[0], seed)!.result.untrainedProbeAuc));
  return budgets.map((budget, which) => {
    const lookAt = (rho: number, seed: number): BudgetLook => at(rho, seed)!.result.looks[which];
    const points = radii.map((rho) => pointOf(rho, seeds, seeds.map((seed) => lookAt(rho, seed))));
    const curves = seeds.map((seed) => ({
      seed,
      aucs: radii.map((rho) => lookAt(rho, seed).auc),
    }));
    const radius: RadiusEstimate = radii[0] === 0 ? radiusOfCurves(curves, { radii, budget }) : {
      estimator: "empirical",
      radius: NaN,
      interval: [NaN, NaN],
      over: `${seeds.length} seeds`,
      budget,
    };
    return {
      family,
      strength,
      climb,
      budget,
      points,
      radius,
      failure: failureOf(points),
      untrainedProbe,
    };
  });
}

function pointOf(
  rho: number,
  seeds: readonly number[],
  looks: readonly BudgetLook[],
): SweepPoint {
  const of = (value: (look: BudgetLook) => number): SeedMean => seedMean(looks.map(value));
  const auc = of((look) => look.auc), loss = of((look) => look.loss);
  const groups = Object.keys(looks[0].shares);
  return {
    rho,
    auc,
    probe: of((look) => look.probeAuc),
    loss,
    gradientNorm: of((look) => look.gradientNorm),
    shares: Object.fromEntries(
      groups.map((group) => [group, meanOf(looks.map(({ shares }) => shares[group]))]),
    ),
    seeds,
    guesses: Math.abs(loss.mean - Math.LN2) < 0.01 && Math.abs(auc.mean - 0.5) < 0.05,
  };
}

function failureOf(points: readonly SweepPoint[]): Failure {
  const skill = ({ mean }: SeedMean): number => mean - 0.5;
  const [base] = points;
  const failed = points.find(({ auc }) => skill(auc) < skill(base.auc) / 2);
  if (!failed) return { rho: NaN, readOut: NaN, probe: NaN, verdict: "none" };
  const readOut = skill(failed.auc) / skill(base.auc);
  const probe = skill(failed.probe) / skill(base.probe);
  return { rho: failed.rho, readOut, probe, verdict: probe >= 0.5 ? "read-out" : "features" };
}

/** The mean over seeds with its interval. */
export function seedMean(values: readonly number[]): SeedMean {
  if (values.length < 2) return { mean: values[0], interval: [values[0], values[0]] };
  const { mean, low, high } = meanInterval(values);
  return { mean, interval: [low, high] };
}

/** The arithmetic mean. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
