// The critical optimization radius from below, in closed form: up to where one SAM step is guaranteed to descend.

import { ValueError } from "../errors.ts";

/** What {@linkcode corBound} depends on. */
export interface CorBoundOptions {
  /** Samples (units) of a batch, B. */
  readonly batch: number;
  /** The step's learning rate, eta. */
  readonly learningRate: number;
  /** beta: |g(w) - g(w')| <= beta |w - w'| for the loss of every batch. */
  readonly smoothness: number;
  /** |g|, the norm of the loss's gradient. */
  readonly gradientNorm: number;
}

/** A bound on the critical radius. */
export interface CorBound {
  /** u* = beta rho / |g|: the bound free of scale; 0 where no radius is guaranteed to descend. */
  readonly relative: number;
  /** rho* = u* |g| / beta. */
  readonly radius: number;
}

/**
 * A lower bound on the critical optimization radius: for every rho below it, the expected change of the loss in one
 * step w - eta g_B(w + rho g_B / |g_B|) is negative. With c = beta eta,
 *
 *     u*(r) = (-1 + sqrt(1 + 4 c (1 - c (1 + 1 / (B r))))) / (2 c),    rho* = u* |g| / beta,
 *
 * strictly increasing in r wherever it is above 0. This is **our reading** of the theorem that COR grows with GSNR; the
 * proof, and what it does not prove, stand in `docs/theory.md`. It is sufficient, not necessary: the step may descend
 * far beyond.
 *
 * @param gsnr r = |g|^2 / tr Cov g over single units; 0 or below (an unbiased estimate may be) gives no guarantee.
 * @throws {ValueError} A quantity is not above 0.
 *
 * @example
 * ```ts
 * import { corBound } from "@corit/corit/instruments";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const step = { batch: 32, learningRate: 0.01, smoothness: 10, gradientNorm: 2 };
 * assert(corBound(0.1, step).radius < corBound(0.2, step).radius);
 * // A vanishing learning rate without noise: SAM descends while beta rho < |g|.
 * const { relative } = corBound(Infinity, { ...step, learningRate: 1e-9 });
 * assertAlmostEquals(relative, 1, 1e-6);
 * ```
 */
export function corBound(gsnr: number, options: CorBoundOptions): CorBound {
  for (const [name, value] of Object.entries(options)) {
    if (!(value > 0)) throw new ValueError(`corBound: ${name} must be above 0, but is ${value}`);
  }
  if (Number.isNaN(gsnr)) throw new ValueError("corBound: the GSNR is not a number");
  const { batch, learningRate, smoothness, gradientNorm } = options;
  const c = smoothness * learningRate;
  const room = gsnr > 0 ? 1 - c * (1 + 1 / (batch * gsnr)) : -Infinity;
  // The root of c u^2 + u = room, in the form that does not cancel for small c.
  const relative = room > 0 ? 2 * room / (1 + Math.sqrt(1 + 4 * c * room)) : 0;
  return { relative, radius: relative * gradientNorm / smoothness };
}
