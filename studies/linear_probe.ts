// A linear read-out fitted anew on features: whether what a head no longer tells is still in them.

import { ShapeError } from "../errors.ts";

/** Features of samples, row by row: `[count, width]`. */
export interface Features {
  /** Values. */
  readonly values: ArrayLike<number>;
  /** Samples. */
  readonly count: number;
  /** Features of a sample. */
  readonly width: number;
}

/**
 * Fits a logistic regression with a ridge penalty on standardized features by Newton's method (iteratively reweighted
 * least squares; Hastie, Tibshirani and Friedman, 2009, section 4.4), and returns its logits for other features.
 *
 * @param labels 0 or 1 for each sample of `train`.
 * @param options `ridge` is the penalty of a sample on |w|^2 / 2; 1e-3 by default. `iterations`; 12 by default.
 * @throws {ShapeError} Widths or counts do not fit.
 *
 * @example
 * ```ts
 * import { probeLogits } from "@corit/corit/studies";
 * import { assert } from "@std/assert";
 *
 * const train = { values: [0, 1, 2, 3, 4, 5], count: 6, width: 1 };
 * const [low, high] = probeLogits(train, [0, 0, 1, 0, 1, 1], { values: [0, 5], count: 2, width: 1 });
 * assert(low < 0 && high > 0);
 * ```
 */
export function probeLogits(
  train: Features,
  labels: ArrayLike<number>,
  test: Features,
  options: { readonly ridge?: number; readonly iterations?: number } = {},
): Float64Array {
  const { ridge = 1e-3, iterations = 12 } = options;
  const { count, width } = train;
  if (labels.length !== count || test.width !== width) {
    throw new ShapeError(
      `probeLogits: ${count} samples of width ${width} with ${labels.length} labels, tested on ` +
        `width ${test.width}`,
    );
  }
  const scale = standardization(train);
  const rows = standardized(train, scale), columns = width + 1;
  const weights = new Float64Array(columns);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const hessian = new Float64Array(columns * columns), gradient = new Float64Array(columns);
    for (let sample = 0; sample < count; sample++) {
      const row = rows.subarray(sample * columns, (sample + 1) * columns);
      const probability = 1 / (1 + Math.exp(-inner(row, weights)));
      const residual = probability - labels[sample];
      const curvature = Math.max(probability * (1 - probability), 1e-6);
      for (let i = 0; i < columns; i++) {
        gradient[i] += residual * row[i];
        const factor = curvature * row[i];
        for (let j = 0; j <= i; j++) hessian[i * columns + j] += factor * row[j];
      }
    }
    for (let i = 0; i < columns; i++) {
      // The bias, last, is not penalized but for a trace that keeps the matrix regular.
      const penalty = count * (i < width ? ridge : 1e-9);
      gradient[i] += penalty * weights[i];
      hessian[i * columns + i] += penalty;
    }
    const step = solveCholesky(hessian, gradient, columns);
    for (let i = 0; i < columns; i++) weights[i] -= step[i];
  }
  const tested = standardized(test, scale);
  return Float64Array.from(
    { length: test.count },
    (_, sample) => inner(tested.subarray(sample * columns, (sample + 1) * columns), weights),
  );
}

/** Mean and standard deviation of every feature. */
interface Standardization {
  readonly means: Float64Array;
  readonly deviations: Float64Array;
}

function standardization({ values, count, width }: Features): Standardization {
  const means = new Float64Array(width), deviations = new Float64Array(width);
  for (let at = 0; at < count * width; at++) means[at % width] += values[at] / count;
  for (let at = 0; at < count * width; at++) {
    deviations[at % width] += (values[at] - means[at % width]) ** 2 / count;
  }
  // A feature that never moves tells nothing, whatever it is divided by.
  return { means, deviations: deviations.map((value) => Math.sqrt(value) || 1) };
}

/** Standardized features, a 1 for the bias behind each row. */
function standardized(
  { values, count, width }: Features,
  { means, deviations }: Standardization,
): Float64Array {
  const rows = new Float64Array(count * (width + 1)).fill(1);
  for (let sample = 0; sample < count; sample++) {
    for (let i = 0; i < width; i++) {
      rows[sample * (width + 1) + i] = (values[sample * width + i] - means[i]) / deviations[i];
    }
  }
  return rows;
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Solves A x = b for a symmetric positive definite A, of which the lower triangle is given and overwritten. */
function solveCholesky(a: Float64Array, b: Float64Array, size: number): Float64Array {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * size + j];
      for (let k = 0; k < j; k++) sum -= a[i * size + k] * a[j * size + k];
      a[i * size + j] = i === j ? Math.sqrt(sum) : sum / a[j * size + j];
    }
  }
  const x = Float64Array.from(b);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i] -= a[i * size + k] * x[k];
    x[i] /= a[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] -= a[k * size + i] * x[k];
    x[i] /= a[i * size + i];
  }
  return x;
}
