// Clipping the gradient's global norm.

import { ConfigError } from "../errors.ts";
import { minimum } from "../kernels/expression/functions.ts";
import { pointwise } from "../tensor/operations/pointwise.ts";
import {
  type Optimizer,
  type OptimizerState,
  type Pass,
  passWith,
  type StepContext,
} from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";

const clippedScale = pointwise((scale, norm, limit) =>
  scale.mul(minimum(limit.div(norm.add(1e-6)), 1))
);

/**
 * Scales every gradient that an optimizer asks for down to a global norm of at most `limit`, by PyTorch's rule
 * min(1, limit / (norm + 1e-6)). The factor stays on the device. Under SAM, `sam(clipNorm(adamW(...), 1), ...)` clips
 * the gradient of the step and leaves the climb as it is.
 *
 * @throws {ConfigError} The limit is not above 0.
 */
export function clipNorm(base: Optimizer, limit: number): Optimizer {
  if (!(limit > 0)) throw new ConfigError(`clipNorm: the limit must be above 0, but is ${limit}`);
  return new Clipped(base, limit);
}

class Clipped implements Optimizer {
  constructor(readonly base: Optimizer, readonly limit: number) {}

  get name(): string {
    return this.base.name;
  }

  get passes(): number {
    return this.base.passes;
  }

  get steps(): number {
    return this.base.steps;
  }

  get learningRate(): number {
    return this.base.learningRate;
  }

  attach(arena: ParameterArena): void {
    this.base.attach(arena);
  }

  *step(context: StepContext): Generator<void, void, Pass> {
    const inner = this.base.step(context);
    try {
      let asked = inner.next();
      while (!asked.done) {
        const pass = yield;
        const scale = clippedScale(pass.scale, pass.norm, this.limit);
        asked = inner.next(passWith(pass, { scale }));
      }
    } finally {
      inner.return();
    }
  }

  state(): OptimizerState {
    return this.base.state();
  }

  restore(state: OptimizerState): void {
    this.base.restore(state);
  }
}
