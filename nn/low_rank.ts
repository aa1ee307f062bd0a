// Low-rank updates of linear layers (LoRA): what is learned beside a frozen weight, and how it becomes part of it.

import { zeros } from "../tensor/create.ts";
import { add, mul } from "../tensor/operations/pointwise.ts";
import { matmul } from "../tensor/operations/matmul.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { copyInto } from "../tensor/update.ts";
import { kaimingUniform, type LayerOptions, makeParameter } from "./initialize.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** What a linear layer adds to its output: scale * x a' b', which begins as zero (Hu et al., 2022). */
export class LowRankUpdate extends Module {
  /** [rank, inputs], random at first. */
  readonly a: Parameter;
  /** [outputs, rank], zero at first. */
  readonly b: Parameter;

  /** For a layer from `inputs` to `outputs` features. */
  constructor(
    inputs: number,
    outputs: number,
    rank: number,
    /** Multiplies the product. */
    readonly scale: number,
    options: LayerOptions,
  ) {
    super();
    const { device } = options;
    // PyTorch's initial values of a linear layer, as LoRA's authors have them.
    this.a = makeParameter("a", [rank, inputs], kaimingUniform({ slope: Math.sqrt(5) }), options);
    this.b = new Parameter(zeros([outputs, rank], { device }));
  }

  /** x [..., inputs] -> [..., outputs]. */
  forward(x: Tensor): Tensor {
    const narrow = matmul(x, this.a.value, { transposeB: true });
    return mul(matmul(narrow, this.b.value, { transposeB: true }), this.scale);
  }
}

/**
 * Makes every low-rank update inside a model part of its layer's weight, so that the model computes the same without
 * them and has its usual names again. An optimizer made before must not be used any more.
 *
 * @returns How many layers had one.
 *
 * @example
 * ```ts
 * import { tune, mergeLowRank, VisionTransformer } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const model = VisionTransformer.create({ preset: "starter", seed: 0 });
 * const names = [...model.namedParameters().keys()];
 * tune(model, { way: "low-rank", rank: 2 });
 * assertEquals(mergeLowRank(model), 2 * 3);
 * assertEquals([...model.namedParameters().keys()], names);
 * ```
 */
export function mergeLowRank(model: Module): number {
  let merged = 0;
  for (const layer of model.namedModules().values()) {
    if (!(layer instanceof Linear) || !layer.lowRank) continue;
    const { a, b, scale } = layer.lowRank;
    withoutRecording(() =>
      scoped(() => {
        const weight = layer.weight.value;
        copyInto(weight, add(weight, mul(matmul(b.value, a.value), scale)));
      })
    );
    layer.lowRank = undefined;
    a.value.release();
    b.value.release();
    merged++;
  }
  return merged;
}
