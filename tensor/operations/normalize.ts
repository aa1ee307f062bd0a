// Softmax and the normalizations.

import { ShapeError } from "../../errors.ts";
import { apply } from "../apply.ts";
import { normalizeAxis, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { reshape, transpose } from "./layout.ts";
import { add, div, maximum, mul, rsqrt, square, sub } from "./pointwise.ts";
import { type Axes, mean, norm } from "./reduce.ts";

function softmaxAlong(x: Tensor, axis: number, logarithm: boolean): Tensor {
  const at = normalizeAxis("softmax", axis, x.rank);
  if (at === x.rank - 1) return apply("softmax", [x], { logarithm });
  return transpose(apply("softmax", [transpose(x, at)], { logarithm }), at);
}

/** exp(x) / sum(exp(x)) along an axis, the last by default. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return softmaxAlong(x, axis, false);
}

/** The logarithm of softmax, without overflow. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return softmaxAlong(x, axis, true);
}

/** Options of the normalizations. */
export interface NormalizeOptions {
  /** Multiplies the normalized values: one value a feature or channel. */
  readonly scale?: Tensor;
  /** Added after the scale. */
  readonly bias?: Tensor;
  /** Added to the variance. */
  readonly epsilon?: number;
}

/** (x - mean) / sqrt(variance + epsilon) over given axes, with the population's variance. */
function standardize(x: Tensor, axes: Axes, epsilon: number): Tensor {
  const centred = sub(x, mean(x, axes, { keepAxes: true }));
  const spread = mean(square(centred), axes, { keepAxes: true });
  return mul(centred, rsqrt(add(spread, epsilon)));
}

/** Scale and bias of one value a channel, on axis 1 of x. */
function channelAffine(x: Tensor, scale: Tensor | undefined, bias: Tensor | undefined): Tensor {
  const shape = [x.shape[1], ...x.shape.slice(2).map(() => 1)];
  const scaled = scale ? mul(x, reshape(scale, shape)) : x;
  return bias ? add(scaled, reshape(bias, shape)) : scaled;
}

/**
 * Layer normalization over the last axis (Ba et al., 2016).
 *
 * @param options scale and bias of shape [width]; epsilon 1e-5 by default.
 */
export function layerNorm(x: Tensor, options: NormalizeOptions = {}): Tensor {
  const { scale, bias, epsilon = 1e-5 } = options;
  if (scale && bias) return apply("layerNorm", [x, scale, bias], { epsilon });
  const normalized = standardize(x, -1, epsilon);
  const scaled = scale ? mul(normalized, scale) : normalized;
  return bias ? add(scaled, bias) : scaled;
}

/** x / sqrt(mean(x^2) + epsilon) over the last axis (Zhang and Sennrich, 2019); scale [width]. */
export function rmsNorm(
  x: Tensor,
  options: Omit<NormalizeOptions, "bias"> = {},
): Tensor {
  const { scale, epsilon = 1e-6 } = options;
  const normalized = mul(x, rsqrt(add(mean(square(x), -1, { keepAxes: true }), epsilon)));
  return scale ? mul(normalized, scale) : normalized;
}

/**
 * Group normalization of [batch, channels, ...] (Wu and He, 2018).
 *
 * @throws {ShapeError} The channels do not divide into the groups.
 */
export function groupNorm(x: Tensor, groups: number, options: NormalizeOptions = {}): Tensor {
  const { scale, bias, epsilon = 1e-5 } = options;
  const [batch, channels] = x.shape;
  if (x.rank < 2 || channels % groups !== 0) {
    throw new ShapeError(
      `groupNorm: ${showShape(x.shape)} does not divide into ${groups} groups of channels`,
    );
  }
  const grouped = standardize(reshape(x, [batch, groups, -1]), -1, epsilon);
  return channelAffine(reshape(grouped, x.shape), scale, bias);
}

/** Options of {@linkcode batchNorm}. */
export interface BatchNormOptions extends NormalizeOptions {
  /** Mean of each channel; measured on the batch where absent. */
  readonly mean?: Tensor;
  /** Variance of each channel; measured on the batch where absent. */
  readonly variance?: Tensor;
}

/** Batch normalization of [batch, channels, ...] (Ioffe and Szegedy, 2015). */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  const { scale, bias, epsilon = 1e-5, mean: centre, variance: spread } = options;
  if (x.rank < 2) throw new ShapeError(`batchNorm: ${showShape(x.shape)} has no channels`);
  if (!centre || !spread) {
    const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    return channelAffine(standardize(x, axes, epsilon), scale, bias);
  }
  const shape = [x.shape[1], ...x.shape.slice(2).map(() => 1)];
  const centred = sub(x, reshape(centre, shape));
  const normalized = mul(centred, rsqrt(add(reshape(spread, shape), epsilon)));
  return channelAffine(normalized, scale, bias);
}

/** x / max(|x|, epsilon) along axes, the last by default; epsilon 1e-12 by default. */
export function l2Normalize(x: Tensor, axes: Axes = -1, epsilon = 1e-12): Tensor {
  return div(x, maximum(norm(x, axes, { keepAxes: true }), epsilon));
}
