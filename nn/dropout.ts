// Layers that drop at random in training: single values, or a sample's whole residual branch.

import { ValueError } from "../errors.ts";
import { randomBernoulli } from "../tensor/create.ts";
import { pointwise } from "../tensor/operations/pointwise.ts";
import type { RandomStream } from "../tensor/random.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type RandomSource, streamOf } from "./initialize.ts";
import { Module } from "./module.ts";

const dropped = pointwise((x, mask, scale) => x.mul(mask).mul(scale));

/** What both layers share: a rate, and a stream whose position is part of a run's state. */
export abstract class RandomMask extends Module {
  /** The stream that masks are drawn from. */
  readonly random: RandomStream;

  /** `rate` is the probability of dropping, in [0, 1). */
  constructor(readonly rate: number, random: RandomSource) {
    super();
    if (!(rate >= 0 && rate < 1)) {
      throw new ValueError(`dropout: the rate lies in [0, 1), but is ${rate}`);
    }
    this.random = streamOf(random);
  }

  /** x with masked parts 0 and the others scaled up, in training; x itself otherwise. */
  protected drop(x: Tensor, maskShape: Shape): Tensor {
    if (!this.training || this.rate === 0) return x;
    const mask = randomBernoulli(maskShape, {
      random: this.random,
      probability: 1 - this.rate,
      device: x.device,
      dtype: x.dtype,
    });
    return dropped(x, mask, 1 / (1 - this.rate));
  }
}

/** Sets values to 0 with probability `rate` in training, and scales the others by 1 / (1 - rate) (Srivastava et al., 2014). */
export class Dropout extends RandomMask {
  /** x of any shape -> same shape. */
  forward(x: Tensor): Tensor {
    return this.drop(x, x.shape);
  }
}

/** Stochastic depth: sets whole samples to 0 with probability `rate` in training, and scales the others (Huang et al., 2016). */
export class DropPath extends RandomMask {
  /** x [batch, ...] -> same shape. */
  forward(x: Tensor): Tensor {
    return this.drop(x, x.shape.map((length, axis) => axis === 0 ? length : 1));
  }
}
