// The empirical critical radius: where a training under SAM has lost half of the skill that it has without.

import { ConfigError, DataError } from "../errors.ts";
import { RandomStream } from "../tensor/random.ts";
import type { RadiusEstimate } from "./radius_estimate.ts";

/** AUC over radii, one training a point. */
export interface SkillCurve {
  /** The seed of the trainings. */
  readonly seed: number;
  /** AUC at each radius, in the order of the radii. */
  readonly aucs: readonly number[];
}

/** Options of {@linkcode empiricalCriticalRadius}. */
export interface EmpiricalRadiusOptions {
  /** Radii, rising; the first is 0. */
  readonly radii: readonly number[];
  /** The seeds. */
  readonly seeds: readonly number[];
  /** Steps of training. */
  readonly budget: number;
  /** Trains to the budget and returns the AUC on held-out data. */
  readonly trainAt: (rho: number, seed: number) => number | Promise<number>;
  /** Redraws of the bootstrap over seeds; 2,000 by default. */
  readonly redraws?: number;
}

/**
 * The empirical critical radius of a training (the definition): with skill(rho) = 2 (AUC - 1/2), the largest rho up to
 * which the mean skill over seeds stays at half of the skill at rho 0 or above. Between two radii it is interpolated
 * linearly in the skill over log rho; from 0 to the smallest radius over rho itself.
 *
 * The interval is the 95 % percentile bootstrap over seeds: curves of whole seeds are redrawn. A few seeds have few
 * different redraws, so that it is coarse, and it does not hold the choice of photographs.
 *
 * @returns `Infinity` where the skill stays above half at every radius; NaN where there is no skill at 0.
 * @throws {ConfigError} The radii do not rise from 0.
 *
 * @example
 * ```ts
 * import { empiricalCriticalRadius } from "@corit/corit/studies";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * // A stand-in for training: AUC 0.9 without a climb, falling linearly in log rho.
 * const { radius } = await empiricalCriticalRadius({
 *   radii: [0, 0.1, 0.2, 0.4],
 *   seeds: [0, 1],
 *   budget: 200,
 *   trainAt: (rho) => rho === 0 ? 0.9 : 0.8 - 0.1 * Math.log2(rho / 0.1),
 * });
 * assertAlmostEquals(radius, 0.2, 1e-6); // there AUC is 0.7, half of the skill
 * ```
 */
export async function empiricalCriticalRadius(
  options: EmpiricalRadiusOptions,
): Promise<RadiusEstimate> {
  const { radii, seeds, trainAt } = options;
  const curves: SkillCurve[] = [];
  for (const seed of seeds) {
    const aucs: number[] = [];
    for (const rho of radii) aucs.push(await trainAt(rho, seed));
    curves.push({ seed, aucs });
  }
  return radiusOfCurves(curves, options);
}

/** {@linkcode empiricalCriticalRadius} of trainings that are done. */
export function radiusOfCurves(
  curves: readonly SkillCurve[],
  options: Pick<EmpiricalRadiusOptions, "radii" | "budget" | "redraws">,
): RadiusEstimate {
  const { radii, budget, redraws = 2000 } = options;
  if (radii[0] !== 0 || radii.some((rho, at) => at > 0 && !(rho > radii[at - 1]))) {
    throw new ConfigError(`empiricalCriticalRadius: radii rise from 0, not ${radii.join(", ")}`);
  }
  if (curves.length === 0) throw new DataError("empiricalCriticalRadius: there are no trainings");
  const of = (drawn: readonly SkillCurve[]): number =>
    halfSkillRadius(
      radii,
      radii.map((_, at) => drawn.reduce((sum, { aucs }) => sum + aucs[at], 0) / drawn.length),
    );
  const random = new RandomStream(0).fork("seeds");
  const found = curves.length < 2 ? [] : Array.from(
    { length: redraws },
    () => of(curves.map(() => curves[random.integer(curves.length)])),
  ).filter((radius) => !Number.isNaN(radius)).sort((a, b) => a - b);
  const end = (share: number): number =>
    found.length === 0 ? NaN : found[Math.round(share * (found.length - 1))];
  return {
    estimator: "empirical",
    radius: of(curves),
    interval: [end(0.025), end(0.975)],
    over: `${curves.length} seeds`,
    budget,
  };
}

/**
 * Where a curve of AUC first falls to half of its first skill: `Infinity` where it does not, NaN without a first skill.
 *
 * @param radii Rising from 0.
 * @param aucs AUC at each.
 *
 * @example
 * ```ts
 * import { halfSkillRadius } from "@corit/corit/studies";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(halfSkillRadius([0, 0.1, 0.4], [0.9, 0.8, 0.6]), 0.2, 1e-9);
 * ```
 */
export function halfSkillRadius(radii: readonly number[], aucs: readonly number[]): number {
  const skills = aucs.map((auc) => 2 * (auc - 0.5));
  if (!(skills[0] > 0)) return NaN;
  const half = skills[0] / 2;
  const at = skills.findIndex((skill) => skill < half);
  if (at < 0) return Infinity;
  const share = (skills[at - 1] - half) / (skills[at - 1] - skills[at]);
  const [below, above] = [radii[at - 1], radii[at]];
  return below === 0 ? share * above : below * (above / below) ** share;
}
