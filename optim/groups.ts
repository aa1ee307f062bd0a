// Groups of parameters that learn at another rate or decay otherwise.

import { keep, type Tensor } from "../tensor/tensor.ts";
import type { Shape } from "../tensor/shape.ts";
import type { ArenaEntry, ParameterArena } from "./parameters.ts";

/** Parameters picked by name or shape, and what is different for them. */
export interface ParameterGroup {
  /** Whether a parameter belongs to the group. */
  readonly match: (name: string, shape: Shape) => boolean;
  /** Multiplies the learning rate; 1 by default. */
  readonly learningRateScale?: number | ((name: string) => number);
  /** Weight decay instead of the optimizer's. */
  readonly weightDecay?: number;
}

/**
 * What does not decay in a vision transformer, by timm's rule: everything with one axis (biases, norms, layer scales), the
 * class token and the position embedding. It stands before the groups that an optimizer is given.
 */
export const withoutDecay: ParameterGroup = {
  match: (name, shape) =>
    shape.length <= 1 || name.endsWith(".bias") ||
    ["cls_token", "pos_embed"].includes(name.split(".").at(-1)!),
  weightDecay: 0,
};

/**
 * Layer-wise decay of the learning rate, as timm and BEiT do it: the head learns at the full rate, every layer below it
 * at `decay` times the rate of the one above; embeddings are the lowest layer.
 *
 * @param options `depth`: the number of blocks; `decay`: the factor a layer, such as 0.75.
 * @returns The learning rate's scale of a parameter, for a group's `learningRateScale`.
 *
 * @example
 * ```ts
 * import { layerDecay } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const scale = layerDecay({ depth: 12, decay: 0.5 });
 * assertEquals([scale("head.weight"), scale("blocks.11.norm1.bias")], [1, 0.5]);
 * ```
 */
export function layerDecay(
  options: { readonly depth: number; readonly decay: number },
): (name: string) => number {
  const { depth, decay } = options;
  return (name) => decay ** (depth + 1 - layerOf(name, depth));
}

/** 0 for embeddings, i + 1 for block i, the last block's for the final norm, depth + 1 for the head. */
function layerOf(name: string, depth: number): number {
  // A detector may hold the transformer in a field: what stands before the known part does not matter.
  const block = /(?:^|\.)blocks\.(\d+)\./.exec(name);
  if (block) return Number(block[1]) + 1;
  if (/(?:^|\.)(?:cls_token|pos_embed|patch_embed|norm_pre|reg_token)(?:\.|$)/.test(name)) return 0;
  return /(?:^|\.)norm\./.test(name) ? depth : depth + 1;
}

/** The learning rate's scale and the weight decay of every element of an arena. */
export class GroupVectors {
  #scale: Tensor | undefined;
  #decay: Tensor | undefined;

  /** `groups` come after {@linkcode withoutDecay}; where several match, the last one that names a value wins. */
  constructor(readonly weightDecay: number, readonly groups: readonly ParameterGroup[]) {}

  /** Works them out for an arena. */
  attach(arena: ParameterArena): void {
    this.#scale?.release();
    this.#decay?.release();
    const all = [withoutDecay, ...this.groups];
    const matching = (entry: ArenaEntry) =>
      all.filter((each) => each.match(entry.name, entry.shape));
    this.#scale = keep(arena.perElement((entry) => {
      const scale = matching(entry).findLast((group) => group.learningRateScale !== undefined)
        ?.learningRateScale ?? 1;
      return typeof scale === "number" ? scale : scale(entry.name);
    }));
    this.#decay = keep(
      arena.perElement((entry) =>
        matching(entry).findLast((group) => group.weightDecay !== undefined)?.weightDecay ??
          this.weightDecay
      ),
    );
  }

  /** Multiplies the learning rate: flat, or a scalar where all are equal. */
  get scale(): Tensor {
    return this.#scale!;
  }

  /** Weight decay: flat, or a scalar where all are equal. */
  get decay(): Tensor {
    return this.#decay!;
  }
}
