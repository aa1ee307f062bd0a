// The cells that hold a module's tensors: parameters, which are trained, and state buffers, which are only saved.

import type { Shape } from "../tensor/shape.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";

/** A cell that owns one tensor and can lend its place to another for a while. */
export abstract class TensorCell {
  #value: Tensor;
  #substitute: Tensor | undefined;

  /** Takes over a tensor; it outlives its scope from now on. */
  constructor(value: Tensor) {
    this.#value = keep(value);
  }

  /** The tensor. Setting it keeps the new one and releases the old one. */
  get value(): Tensor {
    return this.#substitute ?? this.#value;
  }

  set value(next: Tensor) {
    if (next === this.#value) return;
    const before = this.#value;
    this.#value = keep(next);
    before.release();
  }

  /** The lengths of its axes. */
  get shape(): Shape {
    return this.#value.shape;
  }

  /** The number of its elements. */
  get size(): number {
    return this.#value.size;
  }

  /** Puts a tensor in the place of its own, without owning it, until called with undefined. */
  substitute(tensor: Tensor | undefined): void {
    this.#substitute = tensor;
  }
}

/**
 * A tensor that training changes: a mutable cell, so that an optimizer can move it into its arena.
 *
 * A `Parameter` that several modules hold is tied: it is one tensor, trained once.
 *
 * @example
 * ```ts
 * import { zeros } from "@corit/corit";
 * import { Parameter } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const bias = new Parameter(zeros([3]));
 * assertEquals([bias.size, bias.trained], [3, true]);
 * ```
 */
export class Parameter extends TensorCell {
  /** Whether training changes it; `Module.freeze` sets it. */
  trained: boolean;

  /** Takes over a tensor. */
  constructor(value: Tensor, options: { readonly trained?: boolean } = {}) {
    super(value);
    this.trained = options.trained ?? true;
  }
}

/** A tensor that is saved with the model but not trained: running statistics, prototypes. */
export class StateBuffer extends TensorCell {}
