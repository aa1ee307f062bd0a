// The last singular triple of a matrix: what the smallest part of it does.

import { NumericError } from "../errors.ts";

/** A singular value with its vectors, both of length 1. */
export interface SingularTriple {
  /** Left vector, [rows]. */
  readonly left: Float64Array;
  /** The singular value, at least 0. */
  readonly value: number;
  /** Right vector, [columns]. */
  readonly right: Float64Array;
}

/** Vectors that are iterated together: the closer the next singular values, the more help they are. */
const together = 8;

/** How exactly A v = s u and A' u = s v must hold, over the matrix's largest column norm. */
const tolerance = 1e-8;

/** Rounds of iteration before it is given up. */
const mostRounds = 500;

/**
 * The triple of the smallest singular value among min(rows, columns), by inverse iteration of a few vectors on A'A + a
 * touch of the identity (Cholesky), with a Rayleigh-Ritz step in each round. Works in float64.
 *
 * @param matrix Row by row, [rows * columns].
 * @throws {NumericError} The matrix is singular, or holds NaN or infinity.
 */
export function lastSingularTriple(
  matrix: Float64Array,
  rows: number,
  columns: number,
): SingularTriple {
  if (rows < columns) {
    const { left, value, right } = lastSingularTriple(
      transposed(matrix, rows, columns),
      columns,
      rows,
    );
    return { left: right, value, right: left };
  }
  const scale = Math.sqrt(matrix.reduce((sum, value) => sum + value * value, 0) / columns) || 1;
  const gram = gramOf(matrix, rows, columns);
  // Makes the factor exist for a singular matrix; it shifts all eigenvalues alike, so that no vector changes.
  for (let at = 0; at < columns; at++) gram[at * columns + at] += 1e-13 * scale * scale;
  const factor = cholesky(gram, columns);
  const count = Math.min(together, columns);
  let basis = Array.from({ length: count }, (_, which) => startVector(columns, which));
  for (let round = 0; round < mostRounds; round++) {
    orthonormalize(basis);
    const images = basis.map((vector) => times(matrix, vector, rows, columns));
    const rotation = smallestEigenvector(images);
    const right = combine(basis, rotation);
    const image = combine(images, rotation);
    const value = lengthOf(image);
    if (value < 1e-10 * scale) break;
    const left = image.map((each) => each / value);
    const back = timesTransposed(matrix, left, rows, columns);
    const error = Math.sqrt(
      back.reduce((sum, each, at) => sum + (each - value * right[at]) ** 2, 0),
    );
    if (error <= tolerance * scale) return { left, value, right };
    if (!Number.isFinite(error)) break;
    basis = basis.map((vector) => solve(factor, vector, columns));
  }
  throw new NumericError(
    `lastSingularTriple: the last singular component of a [${rows}, ${columns}] matrix was not ` +
      `found in ${mostRounds} rounds; its numbers must be finite, and its rank full`,
  );
}

/** The transpose, row by row. */
function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = matrix[row * columns + column];
    }
  }
  return result;
}

/** A'A, [columns * columns]. */
function gramOf(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const gram = new Float64Array(columns * columns);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    for (let i = 0; i < columns; i++) {
      const factor = matrix[from + i];
      const to = i * columns;
      for (let j = 0; j <= i; j++) gram[to + j] += factor * matrix[from + j];
    }
  }
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < i; j++) gram[j * columns + i] = gram[i * columns + j];
  }
  return gram;
}

/** The lower factor L of a positive matrix L L', in its place. */
function cholesky(matrix: Float64Array, size: number): Float64Array {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j];
      for (let k = 0; k < j; k++) sum -= matrix[i * size + k] * matrix[j * size + k];
      matrix[i * size + j] = i === j ? Math.sqrt(sum) : sum / matrix[j * size + j];
    }
  }
  return matrix;
}

/** x with L L' x = vector. */
function solve(factor: Float64Array, vector: Float64Array, size: number): Float64Array {
  const x = vector.slice();
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i] -= factor[i * size + k] * x[k];
    x[i] /= factor[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    x[i] /= factor[i * size + i];
    for (let k = 0; k < i; k++) x[k] -= factor[i * size + k] * x[i];
  }
  return x;
}

/** A x. */
function times(
  matrix: Float64Array,
  vector: Float64Array,
  rows: number,
  columns: number,
): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      sum += matrix[row * columns + column] * vector[column];
    }
    return sum;
  });
}

/** A' x. */
function timesTransposed(
  matrix: Float64Array,
  vector: Float64Array,
  rows: number,
  columns: number,
): Float64Array {
  const result = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column] += matrix[row * columns + column] * vector[row];
    }
  }
  return result;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at] * b[at];
  return sum;
}

function lengthOf(vector: Float64Array): number {
  return Math.sqrt(dot(vector, vector));
}

/** Where the iteration starts: waves of different lengths, which no weight is orthogonal to by chance. */
function startVector(size: number, which: number): Float64Array {
  return Float64Array.from({ length: size }, (_, at) => Math.cos((at + 1) * (which + 1) * 1.618));
}

/** Makes vectors orthogonal and of length 1, in their place (Gram-Schmidt, twice). */
function orthonormalize(vectors: Float64Array[]): void {
  for (let i = 0; i < vectors.length; i++) {
    const vector = vectors[i];
    const first = lengthOf(vector);
    for (let at = 0; at < vector.length; at++) vector[at] /= first;
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const along = dot(vector, vectors[j]);
        for (let at = 0; at < vector.length; at++) vector[at] -= along * vectors[j][at];
      }
    }
    const length = lengthOf(vector);
    for (let at = 0; at < vector.length; at++) vector[at] /= length;
  }
}

/** Sum of vectors times factors. */
function combine(vectors: readonly Float64Array[], factors: Float64Array): Float64Array {
  const sum = new Float64Array(vectors[0].length);
  vectors.forEach((vector, which) => {
    for (let at = 0; at < sum.length; at++) sum[at] += factors[which] * vector[at];
  });
  return sum;
}

/** The eigenvector of the smallest eigenvalue of the vectors' matrix of products, by Jacobi's rotations. */
function smallestEigenvector(vectors: readonly Float64Array[]): Float64Array {
  const size = vectors.length;
  const matrix = vectors.map((a) => vectors.map((b) => dot(a, b)));
  const rotated = matrix.map((_, i) => matrix.map((_, j): number => i === j ? 1 : 0));
  for (let sweep = 0; sweep < 20; sweep++) {
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(matrix[p][q]) <= 1e-300) continue;
        const theta = (matrix[q][q] - matrix[p][p]) / (2 * matrix[p][q]);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1), s = t * c;
        for (let k = 0; k < size; k++) {
          const [a, b] = [matrix[k][p], matrix[k][q]];
          matrix[k][p] = c * a - s * b;
          matrix[k][q] = s * a + c * b;
        }
        for (let k = 0; k < size; k++) {
          const [a, b] = [matrix[p][k], matrix[q][k]];
          matrix[p][k] = c * a - s * b;
          matrix[q][k] = s * a + c * b;
          const [x, y] = [rotated[k][p], rotated[k][q]];
          rotated[k][p] = c * x - s * y;
          rotated[k][q] = s * x + c * y;
        }
      }
    }
  }
  const values = matrix.map((row, at) => row[at]);
  const smallest = values.indexOf(Math.min(...values));
  return Float64Array.from(rotated, (row) => row[smallest]);
}
