// Stages one after another.

import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/** A module that maps one tensor to one tensor. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/**
 * Layers and functions applied one after another; a layer's parameters are named by its position.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear, Sequential } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const net = new Sequential([
 *   new Linear(2, 8, { random: 1 }),
 *   (x) => x.tanh(),
 *   new Linear(8, 1, { random: 2 }),
 * ]);
 * assertEquals(net.forward(tensor([[0, 1]])).shape, [1, 1]);
 * assertEquals([...net.namedParameters().keys()][3], "2.bias");
 * ```
 */
export class Sequential extends Module {
  readonly #stages: readonly (Layer | ((x: Tensor) => Tensor))[];

  /** The stages in order. */
  constructor(stages: readonly (Layer | ((x: Tensor) => Tensor))[]) {
    super();
    this.#stages = stages;
    // Numbered fields give the stages the names that PyTorch's Sequential gives them.
    stages.forEach((stage, at) => {
      if (stage instanceof Module) Object.assign(this, { [at]: stage });
    });
  }

  /** x through all stages. */
  forward(x: Tensor): Tensor {
    return this.#stages.reduce(
      (value, stage) => stage instanceof Module ? stage.forward(value) : stage(value),
      x,
    );
  }
}
