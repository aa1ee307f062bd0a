// The linear layer.

import { type Activation, matmul } from "../tensor/operations/matmul.ts";
import { gelu, relu, sigmoid, silu, tanh } from "../tensor/operations/pointwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  defaultBias,
  defaultWeight,
  type Initializer,
  type LayerOptions,
  makeParameter,
} from "./initialize.ts";
import type { SingularComponent } from "./effort.ts";
import type { LowRankUpdate } from "./low_rank.ts";
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

/** The activations alone, for where one cannot follow the product itself. */
const activations: Readonly<Record<Activation, (x: Tensor) => Tensor>> = {
  relu,
  gelu: (x) => gelu(x),
  geluTanh: (x) => gelu(x, "tanh"),
  geluQuick: (x) => gelu(x, "quick"),
  silu,
  sigmoid,
  tanh,
};

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
  /** What is added to the output, if `tune` gave it such an update. */
  lowRank: LowRankUpdate | undefined = undefined;
  /** What was taken out of the weight to learn by itself, if `tune` did so. */
  singular: SingularComponent | undefined = undefined;

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
    const { weight, bias, lowRank, singular } = this;
    const options = { transposeB: true, bias: bias?.value };
    if (!lowRank && !singular) return matmul(x, weight.value, { ...options, activation });
    const added = [lowRank, singular].flatMap((part) => part ? [part.forward(x)] : []);
    const updated = added.reduce((sum, part) => sum.add(part), matmul(x, weight.value, options));
    return activation ? activations[activation](updated) : updated;
  }
}
