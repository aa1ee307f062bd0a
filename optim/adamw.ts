// AdamW.

import { sqrt } from "../kernels/expression/functions.ts";
import { elementwise, type ElementwiseOptions } from "./elementwise.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@linkcode adamW}. */
export interface AdamWOptions extends ElementwiseOptions {
  /** Shares of the first and second moment that are kept; 0.9 and 0.999 by default. */
  readonly betas?: readonly [first: number, second: number];
  /** Added to the root of the second moment; 1e-8 by default. */
  readonly epsilon?: number;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as PyTorch computes it.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { adamW, trainStep } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const model = new Linear(2, 1, { random: 0 });
 * const optimizer = adamW({ learningRate: 1e-3, weightDecay: 0.05 });
 * const step = trainStep(model, optimizer, (m, x) => m.forward(x).square().mean());
 * const { step: number, learningRate } = await step(tensor([[1, 2]]));
 * assertEquals([number, learningRate], [1, 1e-3]);
 * ```
 */
export function adamW(options: AdamWOptions): Optimizer {
  const { betas: [first, second] = [0.9, 0.999], epsilon = 1e-8 } = options;
  return elementwise({
    name: "adamW",
    vectors: ["firstMoment", "secondMoment"],
    scalars: ["firstCorrection", "secondCorrection"],
    // Both moments start at 0; these undo the pull towards it.
    scalarsAt: (step) => ({
      firstCorrection: 1 / (1 - first ** step),
      secondCorrection: 1 / Math.sqrt(1 - second ** step),
    }),
    formula: ({ weight, gradient, rate, decay, vectors, scalars }) => {
      const firstMoment = vectors.firstMoment.mul(first).add(gradient.mul(1 - first));
      const secondMoment = vectors.secondMoment.mul(second)
        .add(gradient.mul(gradient).mul(1 - second));
      const spread = sqrt(secondMoment).mul(scalars.secondCorrection).add(epsilon);
      const decayed = weight.sub(rate.mul(decay).mul(weight));
      return {
        weight: decayed.sub(rate.mul(scalars.firstCorrection).mul(firstMoment).div(spread)),
        vectors: { firstMoment, secondMoment },
      };
    },
  }, options);
}
