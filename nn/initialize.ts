// Initial values, drawn on the CPU so that every device starts from the same numbers.

import { ShapeError } from "../errors.ts";
import { tensor, zeros } from "../tensor/create.ts";
import { RandomStream } from "../tensor/random.ts";
import { type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { defaultDevice, type Device, executorOf } from "../tensor/device.ts";
import { Parameter } from "./parameter.ts";

/** Draws the initial values of a parameter of a shape, in row-major order. */
export type Initializer = (shape: Shape, random: RandomStream) => Float32Array;

/** Where initial values are drawn from: a stream, or the seed of a new one. */
export type RandomSource = RandomStream | number;

/** What every layer with initial values or random behaviour is made with. */
export interface LayerOptions {
  /** Draws initial values and drops; each part takes a child stream of its own name. */
  readonly random: RandomSource;
  /** Where its tensors live; the default device where absent. */
  readonly device?: Device;
}

/** The stream itself, or a new one of that seed. */
export function streamOf(source: RandomSource): RandomStream {
  return typeof source === "number" ? new RandomStream(source) : source;
}

let drawing = true;

/**
 * Runs `make` with zeros in the place of random initial values, for a model whose weights are loaded afterwards:
 * drawing those of a large model takes longer than reading them from a file.
 *
 * @param make A synchronous function that makes modules.
 *
 * @example
 * ```ts
 * import { Linear, withoutInitialValues } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = withoutInitialValues(() => new Linear(2, 1, { random: 0 }));
 * assertEquals(layer.weight.value.toArray(), [[0, 0]]);
 * ```
 */
export function withoutInitialValues<Result>(make: () => Result): Result {
  const before = drawing;
  drawing = false;
  try {
    return make();
  } finally {
    drawing = before;
  }
}

/** A new parameter whose values come from the child stream of its own name. */
export function makeParameter(
  name: string,
  shape: Shape,
  initialize: Initializer,
  options: LayerOptions,
): Parameter {
  const { device = defaultDevice() } = options;
  const dtype = executorOf(device).defaultDType;
  if (!drawing) return new Parameter(zeros(shape, { dtype, device }));
  const values = initialize(shape, streamOf(options.random).fork(name));
  return new Parameter(tensor(values, { shape, dtype, device }));
}

/** Inputs and outputs of a weight [outputs, inputs, ...kernel], each times the kernel's area, as PyTorch counts them. */
export function fans(shape: Shape): { inputs: number; outputs: number } {
  if (shape.length < 2) {
    throw new ShapeError(
      `fans: a weight has at least two axes, [outputs, inputs, ...], but found ${showShape(shape)}`,
    );
  }
  const area = sizeOf(shape.slice(2));
  return { inputs: shape[1] * area, outputs: shape[0] * area };
}

/** The same value everywhere. */
export function constantValues(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** Uniform in [low, high). */
export function uniformValues(low: number, high: number): Initializer {
  return (shape, random) => {
    const values = new Float32Array(sizeOf(shape));
    random.fillUniform(values, low, high);
    return values;
  };
}

/** Normal with mean 0. */
export function normalValues(deviation: number): Initializer {
  return (shape, random) => {
    const values = new Float32Array(sizeOf(shape));
    random.fillNormal(values, 0, deviation);
    return values;
  };
}

/** Normal with mean 0, within -2 to 2 (absolute bounds): timm's `trunc_normal_`, which a ViT starts from at deviation 0.02. */
export function truncatedNormalValues(deviation = 0.02): Initializer {
  return (shape, random) => {
    const values = new Float32Array(sizeOf(shape));
    random.fillTruncatedNormal(values, 0, deviation, -2, 2);
    return values;
  };
}

/** Uniform with variance 2 / (inputs + outputs), times gain squared (Glorot and Bengio, 2010). */
export function xavierUniform(gain = 1): Initializer {
  return (shape, random) => {
    const { inputs, outputs } = fans(shape);
    const bound = gain * Math.sqrt(6 / (inputs + outputs));
    return uniformValues(-bound, bound)(shape, random);
  };
}

/** Normal with variance 2 / (inputs + outputs), times gain squared (Glorot and Bengio, 2010). */
export function xavierNormal(gain = 1): Initializer {
  return (shape, random) => {
    const { inputs, outputs } = fans(shape);
    return normalValues(gain * Math.sqrt(2 / (inputs + outputs)))(shape, random);
  };
}

/** Options of the Kaiming initializers. */
export interface KaimingOptions {
  /** Slope of a leaky relu below zero: the gain is sqrt(2 / (1 + slope^2)); 0 (relu) by default. */
  readonly slope?: number;
  /** Keeps the variance of the forward pass (inputs, the default) or of the backward pass (outputs). */
  readonly fan?: "inputs" | "outputs";
}

/** Uniform with variance gain^2 / fan (He et al., 2015). */
export function kaimingUniform(options: KaimingOptions = {}): Initializer {
  const { slope = 0, fan = "inputs" } = options;
  return (shape, random) => {
    const bound = Math.sqrt(6 / ((1 + slope * slope) * fans(shape)[fan]));
    return uniformValues(-bound, bound)(shape, random);
  };
}

/** Normal with variance gain^2 / fan (He et al., 2015). */
export function kaimingNormal(options: KaimingOptions = {}): Initializer {
  const { slope = 0, fan = "inputs" } = options;
  return (shape, random) =>
    normalValues(Math.sqrt(2 / ((1 + slope * slope) * fans(shape)[fan])))(shape, random);
}

/** What PyTorch's linear and convolution layers start from: uniform in +-1/sqrt(inputs). */
export const defaultWeight: Initializer = kaimingUniform({ slope: Math.sqrt(5) });

/** The bias that PyTorch pairs with {@linkcode defaultWeight}: uniform in +-1/sqrt(inputs of the weight). */
export function defaultBias(weightShape: Shape): Initializer {
  const bound = 1 / Math.sqrt(fans(weightShape).inputs);
  return uniformValues(-bound, bound);
}
