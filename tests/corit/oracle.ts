// Plain float64 arithmetic on nested arrays, and random tensors: what the parts of CoRIT are compared with.

import { RandomStream, type Tensor, tensor } from "../../tensor/mod.ts";

/** A vector, and vectors by patch and image. */
export type Vector = number[];
export type Vectors = Vector[][];

/** A seeded normal tensor on the reference device, in float64. */
export function normal(seed: number, shape: readonly number[], scale = 1): Tensor {
  const random = new RandomStream(seed);
  const size = shape.reduce((product, length) => product * length, 1);
  const values = Float64Array.from({ length: size }, () => random.normal(0, scale));
  return tensor(values, { shape, device: "reference" });
}

/** A float64 tensor on the reference device. */
export function exact(values: Parameters<typeof tensor>[0]): Tensor {
  return tensor(values, { device: "reference" });
}

/** A tensor's elements as nested arrays of a known depth. */
export const vectors = (x: Tensor): Vectors => x.toArray() as Vectors;

export const dot = (a: Vector, b: Vector): number => a.reduce((sum, x, i) => sum + x * b[i], 0);
export const length = (a: Vector): number => Math.sqrt(dot(a, a));
export const minus = (a: Vector, b: Vector): Vector => a.map((x, i) => x - b[i]);
export const scaled = (a: Vector, factor: number): Vector => a.map((x) => x * factor);

/** The mean of vectors. */
export function average(all: readonly Vector[]): Vector {
  return all[0].map((_, i) => all.reduce((sum, each) => sum + each[i], 0) / all.length);
}

/** Layer normalization without affine part, epsilon 1e-5. */
export function normalized(a: Vector): Vector {
  const mean = a.reduce((sum, x) => sum + x, 0) / a.length;
  const variance = a.reduce((sum, x) => sum + (x - mean) ** 2, 0) / a.length;
  return a.map((x) => (x - mean) / Math.sqrt(variance + 1e-5));
}

/** The trace of the covariance of vectors: the mean squared distance from their mean. */
export function spread(all: readonly Vector[]): number {
  const centre = average(all);
  return all.reduce((sum, each) => sum + dot(minus(each, centre), minus(each, centre)), 0) /
    all.length;
}

/** Fails unless two nested arrays agree within an absolute tolerance. */
export function assertClose(found: unknown, expected: unknown, tolerance: number): void {
  const flat = (value: unknown): number[] =>
    Array.isArray(value) ? value.flatMap(flat) : [value as number];
  const a = flat(found), b = flat(expected);
  if (a.length !== b.length) throw new Error(`${a.length} numbers, expected ${b.length}`);
  a.forEach((x, i) => {
    if (!(Math.abs(x - b[i]) <= tolerance)) {
      throw new Error(`number ${i} is ${x}, expected ${b[i]} within ${tolerance}`);
    }
  });
}
