// Numbers that change from step to step, in device memory: written before each step, never part of a kernel.

import { zeros } from "../tensor/create.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";

/** A few named numbers on a device. */
export class Scalars<Name extends string> {
  #block: Tensor | undefined;
  #views: readonly Tensor[] = [];

  /** For numbers of these names. */
  constructor(readonly names: readonly Name[]) {}

  /** Makes room on the device and in the type of a tensor. */
  attach(like: Tensor): void {
    if (this.#block?.device === like.device && this.#block.dtype === like.dtype) return;
    this.#views.forEach((view) => view.release());
    this.#block?.release();
    const block = keep(zeros([Math.max(1, this.names.length)], like));
    this.#block = block;
    this.#views = this.names.map((_, at) => keep(block.view([], at)));
  }

  /** Writes all numbers. */
  set(values: Readonly<Record<Name, number>>): void {
    const block = this.#block!;
    const numbers = this.names.map((name) => values[name]);
    const array = block.dtype === "float64" ? Float64Array : Float32Array;
    block.storage.executor.write(block.binding, array.from(numbers));
  }

  /** Scalar tensors in the order of the names. */
  get tensors(): readonly Tensor[] {
    return this.#views;
  }

  /** All numbers as one tensor [count]. */
  get block(): Tensor {
    return this.#block!;
  }
}
