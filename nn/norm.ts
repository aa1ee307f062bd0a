// The normalization layers.

import { input } from "../kernels/expression/expression.ts";
import { type CreateOptions, ones, tensor, zeros } from "../tensor/create.ts";
import { batchNorm, groupNorm, layerNorm } from "../tensor/operations/normalize.ts";
import { mean, variance } from "../tensor/operations/reduce.ts";
import { withoutRecording } from "../tensor/recording.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { update } from "../tensor/update.ts";
import { Module } from "./module.ts";
import { Parameter, StateBuffer } from "./parameter.ts";

/** Options of the normalization layers. */
export interface NormOptions extends Pick<CreateOptions, "device"> {
  /** Added to the variance. */
  readonly epsilon?: number;
}

/** Layer normalization over the last axis with scale and bias (Ba et al., 2016). */
export class LayerNorm extends Module {
  /** [width], starts at 1. */
  readonly weight: Parameter;
  /** [width], starts at 0. */
  readonly bias: Parameter;
  /** Added to the variance; 1e-6 by default, as in timm's ViT. */
  readonly epsilon: number;

  /** For a last axis of length `width`. */
  constructor(width: number, options: NormOptions = {}) {
    super();
    this.weight = new Parameter(ones([width], options));
    this.bias = new Parameter(zeros([width], options));
    this.epsilon = options.epsilon ?? 1e-6;
  }

  /** x [..., width] -> same shape. */
  forward(x: Tensor): Tensor {
    const { weight, bias, epsilon } = this;
    return layerNorm(x, { scale: weight.value, bias: bias.value, epsilon });
  }
}

/** Group normalization of [batch, channels, ...] (Wu and He, 2018). */
export class GroupNorm extends Module {
  /** [channels], starts at 1. */
  readonly weight: Parameter;
  /** [channels], starts at 0. */
  readonly bias: Parameter;
  /** Added to the variance; 1e-5 by default. */
  readonly epsilon: number;

  /** `groups` divides `channels`. */
  constructor(readonly groups: number, channels: number, options: NormOptions = {}) {
    super();
    this.weight = new Parameter(ones([channels], options));
    this.bias = new Parameter(zeros([channels], options));
    this.epsilon = options.epsilon ?? 1e-5;
  }

  /** x [batch, channels, ...] -> same shape. */
  forward(x: Tensor): Tensor {
    const { weight, bias, epsilon } = this;
    return groupNorm(x, this.groups, { scale: weight.value, bias: bias.value, epsilon });
  }
}

/** running + momentum (measured - running). */
const running = input(0).add(input(2).mul(input(1).sub(input(0))));

/**
 * Batch normalization of [batch, channels, height, width] (Ioffe and Szegedy, 2015): by the batch's statistics in
 * training, by running averages of them in evaluation. The averages move after the first pass of a training step, not
 * during SAM's second; a loop of your own calls {@linkcode afterFirstPass} itself.
 */
export class BatchNorm2d extends Module {
  /** [channels], starts at 1. */
  readonly weight: Parameter;
  /** [channels], starts at 0. */
  readonly bias: Parameter;
  /** Average of the batches' means. */
  readonly runningMean: StateBuffer;
  /** Average of the batches' unbiased variances. */
  readonly runningVar: StateBuffer;
  /** int32 scalar: how many batches the averages have seen. */
  readonly numBatchesTracked: StateBuffer;
  /** Added to the variance; 1e-5 by default. */
  readonly epsilon: number;
  /** Share of the newest batch in the averages; 0.1 by default. */
  readonly momentum: number;
  #measured: { readonly mean: Tensor; readonly variance: Tensor } | undefined;

  /** For `channels` channels. */
  constructor(channels: number, options: NormOptions & { readonly momentum?: number } = {}) {
    super();
    this.weight = new Parameter(ones([channels], options));
    this.bias = new Parameter(zeros([channels], options));
    this.runningMean = new StateBuffer(zeros([channels], options));
    this.runningVar = new StateBuffer(ones([channels], options));
    this.numBatchesTracked = new StateBuffer(zeros([], { ...options, dtype: "int32" }));
    this.epsilon = options.epsilon ?? 1e-5;
    this.momentum = options.momentum ?? 0.1;
  }

  /** x [batch, channels, height, width] -> same shape. */
  forward(x: Tensor): Tensor {
    const shared = { scale: this.weight.value, bias: this.bias.value, epsilon: this.epsilon };
    if (!this.training) {
      return batchNorm(x, {
        ...shared,
        mean: this.runningMean.value,
        variance: this.runningVar.value,
      });
    }
    this.#measured = withoutRecording(() => ({
      mean: mean(x, [0, 2, 3]),
      variance: variance(x, [0, 2, 3]),
    }));
    return batchNorm(x, shared);
  }

  /** Moves the running averages towards the statistics of the last batch. */
  override afterFirstPass(): void {
    if (!this.#measured) return;
    const { mean, variance } = this.#measured;
    this.#measured = undefined;
    const share = tensor(this.momentum, { device: mean.device, dtype: mean.dtype });
    const move = (average: Tensor, latest: Tensor) =>
      update([average], [running], [average, latest, share]);
    move(this.runningMean.value, mean);
    move(this.runningVar.value, variance);
    const count = this.numBatchesTracked.value;
    update([count], [input(0).add(1)], [count]);
    for (const each of [share, mean, variance]) each.release();
  }
}
