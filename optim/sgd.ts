// Stochastic gradient descent.

import { elementwise, type ElementwiseOptions } from "./elementwise.ts";
import type { Optimizer } from "./optimizer.ts";

/** Options of {@linkcode sgd}. */
export interface SgdOptions extends ElementwiseOptions {
  /** Share of the last direction that is kept; 0 by default. */
  readonly momentum?: number;
  /** Looks ahead along the momentum (Nesterov, 1983); false by default. */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent as PyTorch computes it: weight decay is part of the gradient, momentum is not dampened.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { sgd, trainStep } from "@corit/corit/optim";
 * import { assert } from "@std/assert";
 *
 * const model = new Linear(1, 1, { random: 0 });
 * const step = trainStep(model, sgd({ learningRate: 0.1, momentum: 0.9 }), (m, x) =>
 *   m.forward(x).sub(3).square().mean());
 * let loss = Infinity;
 * for (let i = 0; i < 100; i++) ({ loss } = await step(tensor([[1]])));
 * assert(loss < 1e-3);
 * ```
 */
export function sgd(options: SgdOptions): Optimizer {
  const { momentum = 0, nesterov = false } = options;
  if (momentum === 0) {
    return elementwise({
      name: "sgd",
      vectors: [],
      scalars: [],
      scalarsAt: () => ({}),
      formula: ({ weight, gradient, rate, decay }) => ({
        weight: weight.sub(rate.mul(gradient.add(decay.mul(weight)))),
        vectors: {},
      }),
    }, options);
  }
  return elementwise({
    name: "sgd",
    vectors: ["momentum"],
    scalars: [],
    scalarsAt: () => ({}),
    formula: ({ weight, gradient, rate, decay, vectors }) => {
      const slope = gradient.add(decay.mul(weight));
      const direction = vectors.momentum.mul(momentum).add(slope);
      const descent = nesterov ? slope.add(direction.mul(momentum)) : direction;
      return { weight: weight.sub(rate.mul(descent)), vectors: { momentum: direction } };
    },
  }, options);
}
