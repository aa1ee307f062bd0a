// Comparing results of different precision, and pulling gradients out of one or several outputs.

import { assertEquals } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { mul, recordingOn, sum, type Tensor } from "../../tensor/mod.ts";

/** Numbers in row-major order. */
export type Numbers = ArrayLike<number>;

/** How far from what is expected a result may be: error <= tolerance * (|expected| + floor). */
export interface Closeness {
  readonly tolerance: number;
  readonly floor: number;
}

/** The largest finite magnitude. */
export function magnitudeOf(values: Numbers): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) largest = Math.max(largest, Math.abs(values[i]));
  }
  return largest;
}

/** Throws unless all numbers are close; NaN and infinities must be equal. */
export function assertClose(
  actual: Numbers,
  expected: Numbers,
  { tolerance, floor }: Closeness,
  what: string,
): void {
  assertEquals(actual.length, expected.length, `${what}: number of elements`);
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    const error = Math.abs(actual[i] - expected[i]);
    const allowed = tolerance * (Math.abs(expected[i]) + floor);
    if (!(error <= allowed) || !Number.isFinite(expected[i])) {
      throw new Error(
        `${what}: element ${i} is ${actual[i]}, but ${expected[i]} was expected ` +
          `(off by ${error.toExponential(2)}, allowed ${allowed.toExponential(2)})`,
      );
    }
  }
}

/** Whether a tensor's type differentiates. */
export function isFloat(x: Tensor): boolean {
  return x.dtype === "float32" || x.dtype === "float64";
}

/** One output or several, as a list. */
export function listOf(outputs: Tensor | readonly Tensor[]): readonly Tensor[] {
  return Array.isArray(outputs) ? outputs : [outputs as Tensor];
}

/** Gradients of `targets` for given gradients of the float outputs of `compute`. */
export function pullBack(
  compute: () => readonly Tensor[],
  outputGradients: readonly (Tensor | undefined)[],
  targets: readonly Tensor[],
): { outputs: readonly Tensor[]; gradients: readonly Tensor[] } {
  return recordingOn(() => {
    const outputs = compute();
    const parts = outputs.flatMap((output, i) => {
      const gradient = outputGradients[i];
      return gradient ? [sum(mul(output, gradient))] : [];
    });
    const total = parts.reduce((before, part) => before.add(part));
    return { outputs, gradients: gradients(total, targets) };
  });
}
