// The linear layer.

import { type Activation, matmul } from "../tensor/operations/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  defaultBias,
  defaultWeight,
  type Initializer,
  type LayerOptions,
  makeParameter,
} from "./initialize.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Options of {@linkcode Linear}. */
export interface LinearOptions extends LayerOptions {
  /** Whether a bias is added; true by default. */
  readonly bias?: boolean;
  /** Initial weight; PyTorch's default where absent. */
  readonly initialWeight?: Initializer;
  /** Initial bias; PyTorch's default where absent. */
  readonly initialBias?: Initializer;
}

/**
 * y = x weight' + bias over the last axis.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const layer = new Linear(2, 3, { random: 0 });
 * assertEquals(layer.weight.shape, [3, 2]);
 * assertEquals(layer.forward(tensor([[1, 2]])).shape, [1, 3]);
 * ```
 */
export class Linear extends Module {
  /** [outputs, inputs]. */
  readonly weight: Parameter;
  /** [outputs]. */
  readonly bias: Parameter | undefined;

  /** A layer from `inputs` to `outputs` features. */
  constructor(inputs: number, outputs: number, options: LinearOptions) {
    super();
    const { bias = true, initialWeight = defaultWeight } = options;
    const shape = [outputs, inputs];
    const initialBias = options.initialBias ?? defaultBias(shape);
    this.weight = makeParameter("weight", shape, initialWeight, options);
    this.bias = bias ? makeParameter("bias", [outputs], initialBias, options) : undefined;
  }

  /** x [..., inputs] -> [..., outputs], with an activation where one is named. */
  forward(x: Tensor, activation?: Activation): Tensor {
    return matmul(x, this.weight.value, {
      transposeB: true,
      bias: this.bias?.value,
      activation,
    });
  }
}
