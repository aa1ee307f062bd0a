// Resizing images: every method is linear and separable, so each axis is a product with a small matrix.

import { ShapeError, ValueError } from "../../errors.ts";
import { tensor } from "../create.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { matmul } from "./matmul.ts";

/** How {@linkcode resize} interpolates. */
export type ResizeMode = "nearest" | "bilinear" | "bicubic";

/** Keys' cubic; PyTorch takes a = -0.75 without antialiasing and, as Pillow does, a = -0.5 with it. */
function cubic(distance: number, a = -0.75): number {
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
  step: number,
): Float64Array {
  const matrix = new Float64Array(to * from);
  const scale = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : step;
  const put = (row: number, column: number, weight: number): void => {
    matrix[row * from + Math.min(from - 1, Math.max(0, column))] += weight;
  };
  for (let row = 0; row < to; row++) {
    if (mode === "nearest") {
      put(row, Math.floor(row * step), 1);
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

/** The [to, from] matrix that resizes one axis with kernels as wide as an output element where that is wider than an input one. */
function antialiasedMatrix(
  from: number,
  to: number,
  mode: ResizeMode,
  step: number,
): Float64Array {
  const matrix = new Float64Array(to * from);
  const stretch = Math.max(1, step);
  const radius = (mode === "bicubic" ? 2 : 1) * stretch;
  const weigh = mode === "bicubic"
    ? (distance: number) => cubic(distance, -0.5)
    : (distance: number) => Math.max(0, 1 - Math.abs(distance));
  for (let row = 0; row < to; row++) {
    const centre = (row + 0.5) * step;
    const start = Math.max(0, Math.floor(centre - radius + 0.5));
    const end = Math.min(from, Math.floor(centre + radius + 0.5));
    let total = 0;
    for (let column = start; column < end; column++) {
      total += matrix[row * from + column] = weigh((column + 0.5 - centre) / stretch);
    }
    for (let column = start; column < end; column++) matrix[row * from + column] /= total;
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
  matrixOf: (from: number, to: number, axis: 0 | 1) => Float64Array,
): Tensor {
  const [fromHeight, fromWidth] = x.shape.slice(-2);
  if (x.rank < 2 || Math.min(fromHeight, fromWidth, height, width) < 1) {
    throw new ShapeError(
      `resize: ${showShape(x.shape)} cannot become ${height} x ${width}; sizes start at 1`,
    );
  }
  const matrix = (from: number, to: number, axis: 0 | 1) =>
    tensor(matrixOf(from, to, axis), { shape: [to, from], dtype: x.dtype, device: x.device });
  const rows = height === fromHeight ? x : matmul(matrix(fromHeight, height, 0), x);
  return width === fromWidth
    ? rows
    : matmul(rows, matrix(fromWidth, width, 1), { transposeB: true });
}

/** Options of {@linkcode resize}. */
export interface ResizeOptions {
  /** How it interpolates; bilinearly by default. */
  readonly mode?: ResizeMode;
  /** Whether the outermost elements stay where they are, instead of the edges; false by default. */
  readonly alignCorners?: boolean;
  /** Whether the kernel widens where the axis shrinks, so that every element counts; false by default. */
  readonly antialias?: boolean;
  /** Input elements from one output element to the next, by axis, without aligned corners; the sizes' ratio by default. */
  readonly steps?: readonly [vertical: number, horizontal: number];
}

/**
 * Resizes the last two axes, as PyTorch's `interpolate` does.
 *
 * @param size [height, width].
 * @throws {ValueError} Antialiasing is asked for with mode `nearest` or aligned corners, for which it is not defined.
 */
export function resize(
  x: Tensor,
  size: readonly [height: number, width: number],
  options: ResizeOptions = {},
): Tensor {
  const { mode = "bilinear", alignCorners = false, antialias = false, steps } = options;
  if (antialias && (mode === "nearest" || alignCorners)) {
    throw new ValueError(
      `resize: antialias goes with mode bilinear or bicubic and without alignCorners, but mode is ` +
        `${mode} and alignCorners ${alignCorners}`,
    );
  }
  return separable(x, size, (from, to, axis) => {
    const step = steps?.[axis] ?? from / to;
    return antialias
      ? antialiasedMatrix(from, to, mode, step)
      : resizeMatrix(from, to, mode, alignCorners, step);
  });
}

/** Averages the last two axes over windows that divide them into `size` [height, width]. */
export function adaptiveAvgPool2d(
  x: Tensor,
  size: readonly [height: number, width: number],
): Tensor {
  return separable(x, size, averageMatrix);
}
