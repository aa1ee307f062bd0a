// Resizing images: every method is linear and separable, so each axis is a product with a small matrix.

import { ShapeError } from "../../errors.ts";
import { tensor } from "../create.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { matmul } from "./matmul.ts";

/** How {@linkcode resize} interpolates. */
export type ResizeMode = "nearest" | "bilinear" | "bicubic";

/** Keys' cubic with a = -0.75, PyTorch's choice. */
function cubic(distance: number): number {
  const a = -0.75;
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** The [to, from] matrix that resizes one axis. */
function resizeMatrix(
  from: number,
  to: number,
  mode: ResizeMode,
  alignCorners: boolean,
): Float64Array {
  const matrix = new Float64Array(to * from);
  const scale = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
  const put = (row: number, column: number, weight: number): void => {
    matrix[row * from + Math.min(from - 1, Math.max(0, column))] += weight;
  };
  for (let row = 0; row < to; row++) {
    if (mode === "nearest") {
      put(row, Math.floor(row * from / to), 1);
      continue;
    }
    const position = alignCorners ? row * scale : (row + 0.5) * scale - 0.5;
    const base = Math.floor(mode === "bilinear" ? Math.max(0, position) : position);
    const fraction = (mode === "bilinear" ? Math.max(0, position) : position) - base;
    if (mode === "bilinear") {
      put(row, base, 1 - fraction);
      put(row, base + 1, fraction);
    } else {
      for (let tap = -1; tap <= 2; tap++) put(row, base + tap, cubic(fraction - tap));
    }
  }
  return matrix;
}

/** The [to, from] matrix whose row i averages elements floor(i * from / to) to ceil((i + 1) * from / to). */
function averageMatrix(from: number, to: number): Float64Array {
  const matrix = new Float64Array(to * from);
  for (let row = 0; row < to; row++) {
    const start = Math.floor(row * from / to);
    const end = Math.ceil((row + 1) * from / to);
    matrix.fill(1 / (end - start), row * from + start, row * from + end);
  }
  return matrix;
}

function separable(
  x: Tensor,
  [height, width]: readonly [number, number],
  matrixOf: (from: number, to: number) => Float64Array,
): Tensor {
  const [fromHeight, fromWidth] = x.shape.slice(-2);
  if (x.rank < 2 || Math.min(fromHeight, fromWidth, height, width) < 1) {
    throw new ShapeError(
      `resize: ${showShape(x.shape)} cannot become ${height} x ${width}; sizes start at 1`,
    );
  }
  const matrix = (from: number, to: number) =>
    tensor(matrixOf(from, to), { shape: [to, from], dtype: x.dtype, device: x.device });
  const rows = height === fromHeight ? x : matmul(matrix(fromHeight, height), x);
  return width === fromWidth ? rows : matmul(rows, matrix(fromWidth, width), { transposeB: true });
}

/**
 * Resizes the last two axes, as PyTorch's `interpolate` does without antialiasing.
 *
 * @param size [height, width].
 */
export function resize(
  x: Tensor,
  size: readonly [height: number, width: number],
  options: { readonly mode?: ResizeMode; readonly alignCorners?: boolean } = {},
): Tensor {
  const { mode = "bilinear", alignCorners = false } = options;
  return separable(x, size, (from, to) => resizeMatrix(from, to, mode, alignCorners));
}

/** Averages the last two axes over windows that divide them into `size` [height, width]. */
export function adaptiveAvgPool2d(
  x: Tensor,
  size: readonly [height: number, width: number],
): Tensor {
  return separable(x, size, averageMatrix);
}
