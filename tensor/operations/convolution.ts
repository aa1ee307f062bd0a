// Convolution and pooling, made of sliding windows and matrix products.

import { ShapeError } from "../../errors.ts";
import { apply } from "../apply.ts";
import type { WindowOptions } from "../operation.ts";
import { windowCount } from "../rows/window.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { reshape } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { add } from "./pointwise.ts";
import { max, mean } from "./reduce.ts";

/** One number for both axes, or [vertical, horizontal]. */
export type Pair = number | readonly [vertical: number, horizontal: number];

function pair(value: Pair): readonly [number, number] {
  return typeof value === "number" ? [value, value] : value;
}

/** Options of {@linkcode conv2d}. */
export interface ConvolutionOptions {
  /** One value for each output channel. */
  readonly bias?: Tensor;
  /** Step of the window; 1 by default. */
  readonly stride?: Pair;
  /** Zeros added on both sides; 0 by default. */
  readonly padding?: Pair;
  /** Distance between the window's elements; 1 by default. */
  readonly dilation?: Pair;
  /** Groups of channels that are convolved apart; 1 by default. */
  readonly groups?: number;
}

function windowOptions(
  kernel: readonly [number, number],
  stride: Pair,
  padding: Pair,
  dilation: Pair,
): WindowOptions {
  const [vertical, horizontal] = pair(padding);
  return {
    kernel,
    stride: pair(stride),
    dilation: pair(dilation),
    padding: [vertical, horizontal, vertical, horizontal],
  };
}

function withBias(y: Tensor, bias: Tensor | undefined): Tensor {
  return bias ? add(y, reshape(bias, [bias.size, 1, 1])) : y;
}

function requireImage(operation: string, x: Tensor): void {
  if (x.rank !== 4) {
    throw new ShapeError(
      `${operation}: expected [batch, channels, height, width], but found ${showShape(x.shape)}`,
    );
  }
}

/**
 * Two-dimensional convolution (cross-correlation, as in PyTorch).
 *
 * @param x [batch, inputs, height, width].
 * @param weight [outputs, inputs / groups, kernelHeight, kernelWidth].
 * @returns [batch, outputs, outputHeight, outputWidth].
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvolutionOptions = {}): Tensor {
  const { bias, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  requireImage("conv2d", x);
  const [batch, inputs, height, width] = x.shape;
  const [outputs, perGroup, kernelHeight, kernelWidth] = weight.shape;
  if (weight.rank !== 4 || perGroup * groups !== inputs || outputs % groups !== 0) {
    throw new ShapeError(
      `conv2d: a weight ${showShape(weight.shape)} in ${groups} groups does not fit an image ` +
        `${showShape(x.shape)}`,
    );
  }
  const windows = windowOptions([kernelHeight, kernelWidth], stride, padding, dilation);
  const columns = apply("unfold", [x], { ...windows, fill: 0 });
  const depth = perGroup * kernelHeight * kernelWidth;
  const product = matmul(
    reshape(weight, [groups, outputs / groups, depth]),
    reshape(columns, [batch, groups, depth, -1]),
  );
  const [stepDown, stepRight] = windows.stride;
  const [spreadDown, spreadRight] = windows.dilation;
  const [vertical, horizontal] = pair(padding);
  return withBias(
    reshape(product, [
      batch,
      outputs,
      windowCount(height, kernelHeight, stepDown, spreadDown, 2 * vertical),
      windowCount(width, kernelWidth, stepRight, spreadRight, 2 * horizontal),
    ]),
    bias,
  );
}

/**
 * Transposed two-dimensional convolution: the adjoint of {@linkcode conv2d} in x.
 *
 * @param x [batch, inputs, height, width].
 * @param weight [inputs, outputs / groups, kernelHeight, kernelWidth].
 * @param options `outputPadding` adds rows and columns at the bottom and right.
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  options: ConvolutionOptions & { readonly outputPadding?: Pair } = {},
): Tensor {
  const { bias, stride = 1, padding = 0, dilation = 1, groups = 1, outputPadding = 0 } = options;
  requireImage("convTranspose2d", x);
  const [batch, inputs, height, width] = x.shape;
  const [weightInputs, perGroup, kernelHeight, kernelWidth] = weight.shape;
  if (weight.rank !== 4 || weightInputs !== inputs || inputs % groups !== 0) {
    throw new ShapeError(
      `convTranspose2d: a weight ${showShape(weight.shape)} in ${groups} groups does not fit an ` +
        `image ${showShape(x.shape)}`,
    );
  }
  const windows = windowOptions([kernelHeight, kernelWidth], stride, padding, dilation);
  const depth = perGroup * kernelHeight * kernelWidth;
  const columns = matmul(
    reshape(weight, [groups, inputs / groups, depth]),
    reshape(x, [batch, groups, inputs / groups, height * width]),
    { transposeA: true },
  );
  const extra = pair(outputPadding);
  const length = (size: number, axis: 0 | 1) =>
    (size - 1) * windows.stride[axis] - 2 * pair(padding)[axis] +
    windows.dilation[axis] * (windows.kernel[axis] - 1) + extra[axis] + 1;
  const image = apply("fold", [reshape(columns, [batch, groups * depth, height * width])], {
    ...windows,
    height: length(height, 0),
    width: length(width, 1),
  });
  return withBias(image, bias);
}

/** Options of the poolings. */
export interface PoolOptions {
  /** Step of the window; the window's own size by default. */
  readonly stride?: Pair;
  /** Added on both sides; 0 by default. */
  readonly padding?: Pair;
}

/** Every window's elements on axis 2: [batch, channels, kernel area, outputHeight, outputWidth]. */
function windowsOf(
  x: Tensor,
  kernel: Pair,
  { stride = kernel, padding = 0 }: PoolOptions,
  fill: number,
): Tensor {
  requireImage("pool", x);
  const [batch, channels, height, width] = x.shape;
  const [kernelHeight, kernelWidth] = pair(kernel);
  const options = windowOptions([kernelHeight, kernelWidth], stride, padding, 1);
  const [vertical, horizontal] = pair(padding);
  return reshape(apply("unfold", [x], { ...options, fill }), [
    batch,
    channels,
    kernelHeight * kernelWidth,
    windowCount(height, kernelHeight, options.stride[0], 1, 2 * vertical),
    windowCount(width, kernelWidth, options.stride[1], 1, 2 * horizontal),
  ]);
}

/** Largest element of each window of [batch, channels, height, width]; ties share the gradient. */
export function maxPool2d(x: Tensor, kernel: Pair, options: PoolOptions = {}): Tensor {
  return max(windowsOf(x, kernel, options, -Infinity), 2);
}

/** Mean of each window of [batch, channels, height, width], padding counted as zeros. */
export function avgPool2d(x: Tensor, kernel: Pair, options: PoolOptions = {}): Tensor {
  return mean(windowsOf(x, kernel, options, 0), 2);
}
