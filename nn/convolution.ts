// The convolution layer.

import { conv2d, type ConvolutionOptions, type Pair } from "../tensor/operations/convolution.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ShapeError } from "../errors.ts";
import {
  defaultBias,
  defaultWeight,
  type Initializer,
  type LayerOptions,
  makeParameter,
} from "./initialize.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Options of {@linkcode Conv2d}. */
export interface Conv2dOptions extends LayerOptions, Omit<ConvolutionOptions, "bias"> {
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** Initial weight; PyTorch's default where absent. */
  readonly initialWeight?: Initializer;
}

/** Two-dimensional convolution of [batch, channels, height, width], as in PyTorch. */
export class Conv2d extends Module {
  /** [outputs, inputs / groups, kernel height, kernel width]. */
  readonly weight: Parameter;
  /** [outputs]. */
  readonly bias: Parameter | undefined;
  /** Stride, padding, dilation and groups. */
  readonly geometry: Omit<ConvolutionOptions, "bias">;

  /**
   * A layer from `inputs` to `outputs` channels.
   *
   * @throws {ShapeError} The channels do not divide into the groups.
   */
  constructor(inputs: number, outputs: number, kernel: Pair, options: Conv2dOptions) {
    super();
    const { bias = true, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    if (inputs % groups !== 0 || outputs % groups !== 0) {
      throw new ShapeError(
        `Conv2d: ${inputs} inputs and ${outputs} outputs do not divide into ${groups} groups`,
      );
    }
    const [height, width] = typeof kernel === "number" ? [kernel, kernel] : kernel;
    const shape = [outputs, inputs / groups, height, width];
    this.weight = makeParameter("weight", shape, options.initialWeight ?? defaultWeight, options);
    this.bias = bias ? makeParameter("bias", [outputs], defaultBias(shape), options) : undefined;
    this.geometry = { stride, padding, dilation, groups };
  }

  /** x [batch, inputs, height, width] -> [batch, outputs, output height, output width]. */
  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight.value, { ...this.geometry, bias: this.bias?.value });
  }
}
