// Learning rates that change with the step.

import { ConfigError } from "../errors.ts";

/** The learning rate of a step; the first step is 0. */
export type Schedule = (step: number) => number;

/** The same rate at every step. */
export function constantRate(learningRate: number): Schedule {
  return () => learningRate;
}

/** Options of {@linkcode warmupCosine}. */
export interface WarmupCosineOptions {
  /** The highest rate, reached at the end of the warm-up. */
  readonly learningRate: number;
  /** All steps, warm-up included. */
  readonly total: number;
  /** Steps of linear rise; 0 by default. */
  readonly warmup?: number;
  /** The rate at the end; 0 by default. */
  readonly minimum?: number;
  /** The rate of the first step of the warm-up; 0 by default. */
  readonly warmupStart?: number;
  /**
   * Begins the half cosine at the end of the warm-up (the default, timm's `warmup_prefix`). If false, the warm-up
   * replaces the cosine's beginning, as timm does unless told otherwise.
   */
  readonly warmupFirst?: boolean;
}

/**
 * A linear rise, then half a cosine down to the minimum, by timm's `CosineLRScheduler` (one cycle).
 *
 * @throws {ConfigError} The warm-up is longer than the whole, or a number is no rate or count.
 *
 * @example
 * ```ts
 * import { warmupCosine } from "@corit/corit/optim";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const rate = warmupCosine({ learningRate: 1e-3, warmup: 10, total: 110 });
 * assertAlmostEquals(rate(5), 5e-4);
 * assertAlmostEquals(rate(60), 5e-4);
 * assertAlmostEquals(rate(110), 0);
 * ```
 */
export function warmupCosine(options: WarmupCosineOptions): Schedule {
  const {
    learningRate,
    total,
    warmup = 0,
    minimum = 0,
    warmupStart = 0,
    warmupFirst = true,
  } = options;
  if (!(warmup >= 0 && total > 0 && warmup <= total)) {
    throw new ConfigError(
      `warmupCosine: a warm-up of ${warmup} steps does not fit into ${total} steps`,
    );
  }
  if (![learningRate, minimum, warmupStart].every((rate) => Number.isFinite(rate) && rate >= 0)) {
    throw new ConfigError(
      `warmupCosine: rates are finite and not negative, but found ${learningRate}, ${minimum} ` +
        `and ${warmupStart}`,
    );
  }
  const length = warmupFirst ? total - warmup : total;
  return (step) => {
    if (step < warmup) return warmupStart + step * (learningRate - warmupStart) / warmup;
    const position = warmupFirst ? step - warmup : step;
    if (position >= length) return minimum;
    return minimum + 0.5 * (learningRate - minimum) * (1 + Math.cos(Math.PI * position / length));
  };
}

/** A number as a schedule. */
export function toSchedule(rate: number | Schedule): Schedule {
  return typeof rate === "number" ? constantRate(rate) : rate;
}
