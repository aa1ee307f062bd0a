// A flat vector laid out as an arena that holds something within one step only: nothing of it is saved.

import { zeros } from "../tensor/create.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";
import type { ParameterArena } from "./parameters.ts";

/** One number for each trained element of an arena, for the time of a step. */
export class ScratchVector {
  #values: Tensor | undefined;

  /** The flat vector, once there is an arena. */
  get values(): Tensor {
    return this.#values!;
  }

  /** Makes room for an arena, in the place of what was there before. */
  attach(arena: ParameterArena): void {
    this.#values?.release();
    this.#values = keep(zeros(arena.values.shape, arena.values));
  }
}
