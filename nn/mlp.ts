// The two-layer perceptron of a transformer block.

import type { Activation } from "../tensor/operations/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Dropout } from "./dropout.ts";
import {
  constantValues,
  type LayerOptions,
  streamOf,
  truncatedNormalValues,
} from "./initialize.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";

/** Options of {@linkcode Mlp}. */
export interface MlpOptions extends LayerOptions {
  /** Between the layers; exact GELU by default. */
  readonly activation?: Activation;
  /** Dropout after each layer; 0 by default. */
  readonly dropout?: number;
}

/** Linear, activation, linear, with timm's names and initial values. */
export class Mlp extends Module {
  /** [hidden, inputs]. */
  readonly fc1: Linear;
  /** [outputs, hidden]. */
  readonly fc2: Linear;
  /** Drops hidden values. */
  readonly drop1: Dropout;
  /** Drops outputs. */
  readonly drop2: Dropout;
  /** Between the layers. */
  readonly activation: Activation;

  /** From `inputs` by `hidden` to `outputs` features. */
  constructor(inputs: number, hidden: number, outputs: number, options: MlpOptions) {
    super();
    const { device, dropout = 0 } = options;
    const random = streamOf(options.random);
    const initial = { initialWeight: truncatedNormalValues(), initialBias: constantValues(0) };
    this.fc1 = new Linear(inputs, hidden, { ...initial, device, random: random.fork("fc1") });
    this.fc2 = new Linear(hidden, outputs, { ...initial, device, random: random.fork("fc2") });
    this.drop1 = new Dropout(dropout, random.fork("drop1"));
    this.drop2 = new Dropout(dropout, random.fork("drop2"));
    this.activation = options.activation ?? "gelu";
  }

  /** x [..., inputs] -> [..., outputs]. */
  forward(x: Tensor): Tensor {
    const hidden = this.drop1.forward(this.fc1.forward(x, this.activation));
    return this.drop2.forward(this.fc2.forward(hidden));
  }
}
