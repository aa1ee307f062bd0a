// What the tests of the scalar language share: repeatable points in intervals, and errors in ulps.

import { assert } from "@std/assert";
import type {
  ErrorBound,
  FunctionRow,
  Interval,
} from "../../../kernels/expression/function_rows.ts";
import { randomSource } from "../harness.ts";

/** A repeatable point of an interval, from a number in [0, 1). */
function pointAt({ low, high, logarithmic = false }: Interval, fraction: number): number {
  if (!logarithmic) return low + (high - low) * fraction;
  return Math.exp(Math.log(low) + (Math.log(high) - Math.log(low)) * fraction);
}

/** `count` repeatable float32 points of a domain, one list for each input. */
export function samplePoints(
  domain: readonly Interval[],
  count: number,
  seed: number,
): Float32Array[] {
  return domain.map((interval, index) => {
    const next = randomSource(seed + index);
    return Float32Array.from({ length: count }, () => pointAt(interval, next()));
  });
}

/** The distance between float32 numbers next to a value. */
export function ulpOf(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -126) return 2 ** -149;
  let exponent = Math.floor(Math.log2(magnitude));
  if (2 ** exponent > magnitude) exponent--; // the logarithm was rounded up
  return 2 ** (exponent - 23);
}

/** Whether a point is too near to where a row's derivative does not exist. */
export function isNearKink(row: FunctionRow, point: readonly number[], distance: number): boolean {
  const position = row.inputs === 2 ? point[0] - point[1] : point[0];
  return (row.kinks ?? []).some((kink) => Math.abs(position - kink) < distance);
}

/** Requires results within a bound of the exact values. Exact values beyond float32 may come out as infinities. */
export function assertWithin(
  actual: ArrayLike<number>,
  exact: (index: number) => number,
  { ulps, absolute = 0 }: ErrorBound,
  describe: (index: number) => string,
): void {
  let worst = 0, at = -1;
  for (let index = 0; index < actual.length; index++) {
    const wanted = exact(index);
    if (Object.is(actual[index], wanted) || Math.fround(wanted) === actual[index]) continue;
    const error = Math.abs(actual[index] - wanted) / (ulps * ulpOf(wanted) + absolute);
    if (!(error <= worst)) [worst, at] = [error, index];
  }
  assert(
    worst <= 1,
    at < 0
      ? ""
      : `${describe(at)}: ${actual[at]} instead of ${exact(at)}, ${
        Math.abs(actual[at] - exact(at)) / ulpOf(exact(at))
      } ulps`,
  );
}
