// Curvature of a loss: extreme eigenvalues, trace, sharpness and smoothness, without ever forming the Hessian.

import { ValueError } from "../errors.ts";
import { RandomStream } from "../tensor/mod.ts";
import {
  dimensionOf,
  gradientAt,
  hessianTimes,
  innerProduct,
  lossAt,
  type LossSurface,
  normOf,
  scaled,
} from "./loss_surface.ts";
import { extremeEigenvalues } from "./tridiagonal.ts";

/** Options of {@linkcode hessianEigenvalues}. */
export interface EigenvalueOptions {
  /** Hessian-vector products at most; 50 by default. */
  readonly iterations?: number;
  /** Stops when a further product changes both ends by less than this share of the larger; 1e-4 by default. */
  readonly tolerance?: number;
  /** Seed of the first vector; 0 by default. */
  readonly seed?: number;
}

/** The ends of the Hessian's spectrum. */
export interface ExtremeEigenvalues {
  /** The largest eigenvalue; what is found lies below it or on it. */
  readonly largest: number;
  /** The smallest eigenvalue; what is found lies above it or on it. */
  readonly smallest: number;
  /** Hessian-vector products taken. */
  readonly iterations: number;
  /** Whether the last product changed less than the tolerance. */
  readonly converged: boolean;
}

/**
 * The largest and smallest eigenvalue of the Hessian, by Lanczos' method with full reorthogonalization.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { hessianEigenvalues } from "@corit/corit/instruments";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const surface = {
 *   parameters: [tensor([1, 2])],
 *   loss: ([x]: readonly ReturnType<typeof tensor>[]) => x.square().mul(tensor([3, -1])).sum(),
 * };
 * const { largest, smallest } = hessianEigenvalues(surface);
 * assertAlmostEquals(largest, 6, 1e-4);
 * assertAlmostEquals(smallest, -2, 1e-4);
 * ```
 */
export function hessianEigenvalues(
  surface: LossSurface,
  options: EigenvalueOptions = {},
): ExtremeEigenvalues {
  const { tolerance = 1e-4, seed = 0 } = options;
  const dimension = dimensionOf(surface);
  const limit = Math.min(options.iterations ?? 50, dimension);
  if (!(limit >= 1)) throw new ValueError("hessianEigenvalues: at least one iteration is needed");
  const start = new Float32Array(dimension);
  new RandomStream(seed).fillNormal(start);
  const first = Float64Array.from(start);
  const basis = [scaled(first, 1 / normOf(first))];
  const diagonal: number[] = [], off: number[] = [];
  let ends = { smallest: NaN, largest: NaN };
  for (let iteration = 1;; iteration++) {
    const vector = basis[basis.length - 1];
    const next = hessianTimes(surface, vector);
    diagonal.push(innerProduct(next, vector));
    // Twice is enough (Kahan): once loses orthogonality to rounding.
    for (let pass = 0; pass < 2; pass++) {
      for (const each of basis) {
        const share = innerProduct(next, each);
        for (let i = 0; i < next.length; i++) next[i] -= share * each[i];
      }
    }
    const before = ends;
    ends = extremeEigenvalues(diagonal, off);
    const size = Math.max(Math.abs(ends.smallest), Math.abs(ends.largest));
    const change = Math.max(
      Math.abs(ends.smallest - before.smallest),
      Math.abs(ends.largest - before.largest),
    );
    const length = normOf(next);
    // Nothing is left outside of the basis: the ends are exact for what the start vector reaches.
    const exhausted = iteration === dimension || length <= 1e-7 * size;
    const converged = exhausted || change <= tolerance * size;
    if (converged || iteration >= limit) return { ...ends, iterations: iteration, converged };
    off.push(length);
    basis.push(scaled(next, 1 / length));
  }
}

/** Options of {@linkcode hessianTrace}. */
export interface TraceOptions {
  /** Random vectors; 16 by default. */
  readonly probes?: number;
  /** Their seed; 0 by default. */
  readonly seed?: number;
}

/** The trace of the Hessian by Hutchinson's estimator (1990): the mean of z'Hz over vectors z of random signs. */
export function hessianTrace(
  surface: LossSurface,
  options: TraceOptions = {},
): { readonly trace: number; readonly standardError: number } {
  const { probes = 16, seed = 0 } = options;
  if (!(probes >= 2)) throw new ValueError(`hessianTrace: two or more probes, not ${probes}`);
  const random = new RandomStream(seed);
  const signs = new Float32Array(dimensionOf(surface));
  const values = Array.from({ length: probes }, () => {
    random.fillBernoulli(signs, 0.5);
    const vector = Float64Array.from(signs, (value) => 2 * value - 1);
    return innerProduct(hessianTimes(surface, vector), vector);
  });
  const trace = values.reduce((a, b) => a + b, 0) / probes;
  const variance = values.reduce((total, value) => total + (value - trace) ** 2, 0) / (probes - 1);
  return { trace, standardError: Math.sqrt(variance / probes) };
}

/** What {@linkcode samSharpness} found. */
export interface Sharpness {
  /** The largest rise of the loss that was found within the ball. */
  readonly sharpness: number;
  /** The rise at the point that SAM climbs to, rho g / |g|. */
  readonly atSamPoint: number;
}

/**
 * SAM's sharpness: max of L(w + eps) - L(w) over |eps| <= rho (Foret et al., 2021), from SAM's own point and then by
 * steps of gradient ascent on the sphere. What is found is a lower bound of the maximum.
 *
 * @param radius rho, above 0.
 * @param options `steps` of ascent after SAM's point; 5 by default.
 * @throws {ValueError} The radius is not above 0, or the gradient is 0, which has no direction to climb.
 */
export function samSharpness(
  surface: LossSurface,
  radius: number,
  { steps = 5 }: { readonly steps?: number } = {},
): Sharpness {
  if (!(radius > 0)) throw new ValueError(`samSharpness: the radius is above 0, not ${radius}`);
  const here = new Float64Array(dimensionOf(surface));
  const base = lossAt(surface, here);
  const climb = (from: Float64Array): Float64Array => {
    const gradient = gradientAt(surface, from);
    const norm = normOf(gradient);
    if (norm === 0) throw new ValueError("samSharpness: the gradient is 0");
    return scaled(gradient, radius / norm);
  };
  let point = climb(here);
  const atSamPoint = lossAt(surface, point) - base;
  let sharpness = Math.max(0, atSamPoint);
  for (let step = 0; step < steps; step++) {
    point = climb(point);
    sharpness = Math.max(sharpness, lossAt(surface, point) - base);
  }
  return { sharpness, atSamPoint };
}

/**
 * The smoothness beta between two points: |g(w + d) - g(w)| / |d|, a lower bound of the constant that a
 * {@linkcode corBound} needs. Along a path of training, give the step as d.
 *
 * @throws {ValueError} The displacement is 0.
 */
export function smoothnessAlong(surface: LossSurface, displacement: Float64Array): number {
  const length = normOf(displacement);
  if (length === 0) throw new ValueError("smoothnessAlong: the displacement is 0");
  const there = gradientAt(surface, displacement);
  const here = gradientAt(surface, new Float64Array(displacement.length));
  return normOf(there.map((value, at) => value - here[at])) / length;
}
