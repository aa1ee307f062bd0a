// Perturbation radii: what they may depend on, and schedules of them.

import { ConfigError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ParameterArena } from "./parameters.ts";

/** What a perturbation radius may depend on. */
export interface RadiusContext {
  /** Steps finished before this one. */
  readonly step: number;
  /** The loss before the climb. */
  readonly loss: number;
  /** The gradient's global norm before the climb. */
  readonly gradientNorm: number;
  /** The learning rate of this step. */
  readonly learningRate: number;
  /** The flat gradient before the climb, laid out as the arena. */
  readonly gradient: Tensor;
  /** The weights. */
  readonly arena: ParameterArena;
}

/** The perturbation radius rho, or what gives it for each step. */
export type Radius = number | ((context: RadiusContext) => number);

/**
 * Throws unless a number can be a radius.
 *
 * @throws {ConfigError} The radius is negative or not finite.
 */
export function checkRadius(owner: string, radius: number): void {
  if (Number.isFinite(radius) && radius >= 0) return;
  throw new ConfigError(`${owner}: the radius must be finite and not negative, but is ${radius}`);
}

/** The radius of a step. */
export function radiusAt(radius: Radius, context: RadiusContext): number {
  return typeof radius === "number" ? radius : radius(context);
}

/** Options of {@linkcode linearRadius} and {@linkcode cosineRadius}. */
export interface RadiusRange {
  /** The radius of the first step. */
  readonly from: number;
  /** The radius of the last step, and of every step after it. */
  readonly to: number;
  /** Steps from the one to the other; at least 1. */
  readonly total: number;
}

/** How far a range has come: 0 at its first step, 1 at its last and from then on. */
function shareOf(step: number, { from, to, total }: RadiusRange): number {
  if (!(total >= 1)) throw new ConfigError(`radius: total is at least 1, but is ${total}`);
  checkRadius("radius", from);
  checkRadius("radius", to);
  return total === 1 ? 1 : Math.min(1, step / (total - 1));
}

/**
 * A radius that moves in a straight line from the first step to the last.
 *
 * @throws {ConfigError} At a step: a radius is negative or not finite, or the total is below 1.
 */
export function linearRadius(range: RadiusRange): (context: RadiusContext) => number {
  return ({ step }) => range.from + (range.to - range.from) * shareOf(step, range);
}

/**
 * A radius that moves along half a cosine from the first step to the last.
 *
 * @throws {ConfigError} At a step: a radius is negative or not finite, or the total is below 1.
 */
export function cosineRadius(range: RadiusRange): (context: RadiusContext) => number {
  const { from, to } = range;
  return ({ step }) => to + (from - to) * (1 + Math.cos(Math.PI * shareOf(step, range))) / 2;
}

/**
 * A radius that follows the learning rate, by GSAM's rule (Zhuang et al., 2022): rho = rho_min + (rho_max - rho_min)
 * (rate - rate_min) / (rate_max - rate_min), held within both ends.
 *
 * @param options `radius` and `rate`, each [smallest, largest].
 * @throws {ConfigError} The rates are not rising, or a radius is none.
 *
 * @example
 * ```ts
 * import { radiusFollowingRate } from "@corit/corit/optim";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => radiusFollowingRate({ radius: [0, 0.1], rate: [1, 1] }), Error, "rates rise");
 * ```
 */
export function radiusFollowingRate(
  options: {
    readonly radius: readonly [smallest: number, largest: number];
    readonly rate: readonly [smallest: number, largest: number];
  },
): (context: RadiusContext) => number {
  const { radius: [low, high], rate: [slow, fast] } = options;
  checkRadius("radiusFollowingRate", low);
  checkRadius("radiusFollowingRate", high);
  if (!(fast > slow)) {
    throw new ConfigError(`radiusFollowingRate: the rates rise, but are ${slow} and ${fast}`);
  }
  return ({ learningRate }) => {
    const share = Math.min(1, Math.max(0, (learningRate - slow) / (fast - slow)));
    return low + (high - low) * share;
  };
}

/**
 * A warm start by the base optimizer alone: no climb in the first steps, then the radius as given. A step without a
 * climb takes one pass.
 *
 * @param steps How many steps do not climb.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { sam, sgd, trainStep, warmStart } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const optimizer = sam(sgd({ learningRate: 0.1 }), { radius: warmStart(0.05, 1) });
 * const step = trainStep(new Linear(2, 1, { random: 0 }), optimizer, (m, x) =>
 *   m.forward(x).square().mean());
 * const x = tensor([[1, 2]]);
 * assertEquals((await step(x)).losses.length, 1);
 * assertEquals((await step(x)).losses.length, 2);
 * ```
 */
export function warmStart(radius: Radius, steps: number): (context: RadiusContext) => number {
  return (context) => context.step < steps ? 0 : radiusAt(radius, context);
}
