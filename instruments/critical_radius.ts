// The critical optimization radius at a point: how far SAM may climb before its expected step stops descending.

import { ValueError } from "../errors.ts";
import {
  dimensionOf,
  gradientAt,
  innerProduct,
  lossAt,
  type LossSurface,
  normOf,
  scaled,
} from "./loss_surface.ts";

/** What {@linkcode localCriticalRadius} is asked to do. */
export interface LocalRadiusOptions {
  /** The loss that has to fall, on as much data as stands for the expectation. */
  readonly surface: LossSurface;
  /** The losses of single training batches, over the same parameters: what SAM climbs and steps by. */
  readonly batches: readonly LossSurface[];
  /** The learning rate of the step. */
  readonly learningRate: number;
  /**
   * What has to keep its sign. `change`, the default: the expected change of the loss in one step, below 0.
   * `innerProduct`: <g, E h(rho)>, above 0; on a convex loss it never turns, so that it cannot be the criterion.
   */
  readonly criterion?: "change" | "innerProduct";
  /** Which parameters are perturbed, by their index; all by default. A block's own radius perturbs the block alone. */
  readonly perturb?: (parameter: number) => boolean;
  /** The first radius that is tried; 1e-3 by default. */
  readonly first?: number;
  /** Radii beyond are `Infinity`; 1e6 by default. */
  readonly maximum?: number;
  /** The radius is found to this share of itself; 0.005 by default. */
  readonly tolerance?: number;
  /** Whether the interval over batches is wanted, at about three times the cost; true by default. */
  readonly interval?: boolean;
}

/** A critical radius and what was seen there. */
export interface LocalRadius {
  /**
   * The critical radius: 0 where the step does not descend even without climbing, `Infinity` where it does up to the
   * largest radius.
   */
  readonly radius: number;
  /** Radii where mean + 1.96 and mean - 1.96 standard errors over batches turn; NaN with a single batch, or unasked. */
  readonly interval: readonly [low: number, high: number];
  /** Mean change of the loss in one step without climbing. */
  readonly changeAtZero: number;
  /** <g, E h(rho)> at the radius (at 0 or at the last radius tried, where there is none). */
  readonly innerProduct: number;
  /** Radii that were tried. */
  readonly evaluations: number;
}

/** What one radius gives, batch by batch. */
interface Trial {
  readonly mean: number;
  readonly standardError: number;
  readonly change: number;
  readonly innerProduct: number;
}

/**
 * The local critical radius (**our reading** of COR): the largest rho for which the expected one-step change of the
 * loss at the actual learning rate, E L(w - eta h(rho)) - L(w) with h(rho) = g_B(w + rho g_B / |g_B|), stays negative.
 * Radii are doubled until the sign turns, then bisected; a change of sign within less than a doubling may be missed.
 *
 * @throws {ValueError} There are no batches, or a number is not above 0.
 *
 * @example
 * ```ts
 * import { localCriticalRadius, type LossSurface } from "@corit/corit/instruments";
 * import { tensor } from "@corit/corit";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * // L = w^2 / 2 at w = 1, so that h = 1 + rho: a step of 0.5 descends while 0.5 (1 + rho) < 2.
 * const surface: LossSurface = {
 *   parameters: [tensor([1])],
 *   loss: ([w]) => w.square().sum().mul(0.5),
 * };
 * const { radius } = localCriticalRadius({ surface, batches: [surface], learningRate: 0.5 });
 * assertAlmostEquals(radius, 3, 0.03);
 * ```
 */
export function localCriticalRadius(options: LocalRadiusOptions): LocalRadius {
  const { surface, batches, learningRate, criterion = "change" } = options;
  const { first = 1e-3, maximum = 1e6, tolerance = 0.005 } = options;
  for (const [name, value] of Object.entries({ learningRate, first, maximum, tolerance })) {
    if (!(value > 0)) {
      throw new ValueError(`localCriticalRadius: ${name} must be above 0, but is ${value}`);
    }
  }
  if (batches.length === 0) throw new ValueError("localCriticalRadius: there are no batches");
  const here = new Float64Array(dimensionOf(surface));
  const mask = maskOf(surface, options.perturb);
  const base = lossAt(surface, here);
  const gradient = gradientAt(surface, here);
  const directions = batches.map((batch) => {
    const climb = gradientAt(batch, here).map((value, at) => value * mask[at]);
    const norm = normOf(climb);
    return scaled(climb, norm === 0 ? 0 : 1 / norm);
  });
  const trials = new Map<number, Trial>();
  const trial = (radius: number): Trial => {
    const known = trials.get(radius);
    if (known) return known;
    const products: number[] = [];
    const changes = batches.map((batch, at) => {
      const top = gradientAt(batch, scaled(directions[at], radius));
      products.push(innerProduct(gradient, top));
      return lossAt(surface, scaled(top, -learningRate)) - base;
    });
    // Below 0 is good, whichever the criterion.
    const values = criterion === "change" ? changes : products.map((product) => -product);
    const made = {
      ...meanAndError(values),
      change: meanAndError(changes).mean,
      innerProduct: meanAndError(products).mean,
    };
    trials.set(radius, made);
    return made;
  };
  const crossing = (value: (trial: Trial) => number): number => {
    if (!(value(trial(0)) < 0)) return 0;
    let low = 0, high = first;
    while (value(trial(high)) < 0) {
      low = high;
      high *= 2;
      if (high > maximum) return Infinity;
    }
    // Far below the first radius the change is rounding, and its sign no radius.
    while (high - low > tolerance * high && high > first / 1024) {
      const middle = (low + high) / 2;
      if (value(trial(middle)) < 0) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  const radius = crossing(({ mean }) => mean);
  const { interval: wanted = true } = options;
  const interval: [number, number] = batches.length < 2 || !wanted ? [NaN, NaN] : [
    crossing(({ mean, standardError }) => mean + 1.96 * standardError),
    crossing(({ mean, standardError }) => mean - 1.96 * standardError),
  ];
  const seen = radius === Infinity ? Math.max(...trials.keys()) : radius;
  return {
    radius,
    interval,
    changeAtZero: trial(0).change,
    innerProduct: trial(seen).innerProduct,
    evaluations: trials.size,
  };
}

/** 1 for every coordinate that is perturbed. */
function maskOf(
  { parameters }: LossSurface,
  perturb: (parameter: number) => boolean = () => true,
): Float64Array {
  return Float64Array.from(
    parameters.flatMap(({ size }, at) => new Array<number>(size).fill(perturb(at) ? 1 : 0)),
  );
}

function meanAndError(values: readonly number[]): { mean: number; standardError: number } {
  const count = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / count;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  return { mean, standardError: count < 2 ? NaN : Math.sqrt(squares / (count - 1) / count) };
}
