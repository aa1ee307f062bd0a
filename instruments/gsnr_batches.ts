// GSNR from one backward pass a batch: exact, for single elements as for whole models, and for tokens.

import { perSampleStatistics, perTokenStatistics } from "../autograd/mod.ts";
import { scoped, type Tensor } from "../tensor/mod.ts";
import { type DetailedGsnr, GradientStatistics } from "./gradient_statistics.ts";
import type { GradientGroup } from "./gsnr.ts";

/** A batch's losses, recorded. */
export interface ProbeBatch {
  /** [samples]: one loss for each sample. */
  readonly losses: Tensor;
  /** The class of all samples of the batch, where noise is to be taken within classes. */
  readonly stratum?: string;
  /** Tensors on the way to the losses whose GSNR is wanted instead of the parameters': tokens after each block. */
  readonly tokens?: readonly Tensor[];
}

/** What {@linkcode measureGsnrInBatches} is asked to do. */
export interface BatchGsnrOptions {
  /** The groups to report; members count the parameters, or the tokens' tensors. */
  readonly groups: readonly GradientGroup[];
  /** What the losses are differentiated by; not read where batches name tokens. */
  readonly parameters: readonly Tensor[];
  /** How many batches there are. The jackknife's shards are batches: make it 20 or more. */
  readonly batches: number;
  /** Computes the losses of one batch. What it makes is released before the next. */
  readonly lossesOf: (batch: number) => ProbeBatch;
  /**
   * Samples of a unit, side by side: 2 where the unit is a twin pair, real beside forged; 1 by default. Without twins,
   * use a stratum for each class. The wrong unit measures nothing: between balanced classes gradients nearly cancel.
   */
  readonly samplesPerUnit?: number;
  /** Shards of the jackknife; 20 by default, at most the number of batches. */
  readonly shards?: number;
}

/**
 * Measures GSNR exactly, from one backward pass a batch. Equal to `measureGsnr` over single units, at about the price
 * of training.
 *
 * @throws {GradientError} The computation mixes samples; see `perSampleStatistics`.
 * @throws {ValueError} There are fewer than two units, or two in a stratum.
 *
 * @example
 * ```ts
 * import { measureGsnrInBatches } from "@corit/corit/instruments";
 * import { RandomStream, randomNormal } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { assert } from "@std/assert";
 *
 * const model = new Linear(4, 1, { random: 0 });
 * const random = new RandomStream(1);
 * const [whole] = measureGsnrInBatches({
 *   groups: [{ name: "model", members: [0, 1] }],
 *   parameters: [model.weight.value, model.bias!.value],
 *   batches: 20,
 *   lossesOf: () => {
 *     const x = randomNormal([16, 4], { random });
 *     return { losses: model.forward(x).sub(1).square().reshape([16]) };
 *   },
 * });
 * assert(whole.units === 320 && whole.gsnr > 0 && whole.standardError > 0);
 * ```
 */
export function measureGsnrInBatches(options: BatchGsnrOptions): DetailedGsnr[] {
  const { groups, parameters, batches, lossesOf, samplesPerUnit = 1 } = options;
  const statistics = new GradientStatistics({ shards: Math.min(options.shards ?? 20, batches) });
  for (let batch = 0; batch < batches; batch++) {
    scoped(() => {
      const { losses, stratum, tokens } = lossesOf(batch);
      const found = tokens
        ? perTokenStatistics(losses, tokens, { samplesPerUnit })
        : perSampleStatistics(losses, parameters, { samplesPerUnit });
      statistics.add(found, losses.size / samplesPerUnit, stratum);
    });
  }
  return groups.map((group) => statistics.group(group));
}
