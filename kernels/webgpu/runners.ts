// Which function carries out which kernel.

import type { KernelName } from "../kernel.ts";
import { argReduce } from "./arg_reduce.ts";
import { attention } from "./attention.ts";
import { attentionBackward } from "./attention_backward.ts";
import { convert } from "./convert.ts";
import { copy } from "./copy.ts";
import { cumulativeSum } from "./cumulative.ts";
import { fill } from "./fill.ts";
import { gather, scatterAdd } from "./gather.ts";
import type { WebGpuRunner } from "./kernel.ts";
import { layerNorm } from "./layer_norm.ts";
import { layerNormBackward } from "./layer_norm_backward.ts";
import { matmul } from "./matmul.ts";
import { findNonFinite } from "./non_finite.ts";
import { pointwise } from "./pointwise.ts";
import { productMoments } from "./product_moments.ts";
import { reduce } from "./reduce.ts";
import { softmax, softmaxBackward } from "./softmax.ts";
import { sort } from "./sort.ts";
import { fold, unfold } from "./unfold.ts";

/** The kernels of the WebGPU executor by name. */
export const webGpuRunners: { readonly [Name in KernelName]: WebGpuRunner<Name> } = {
  pointwise,
  reduce,
  matmul,
  softmax,
  softmaxBackward,
  layerNorm,
  layerNormBackward,
  attention,
  attentionBackward,
  copy,
  fill,
  convert,
  argReduce,
  cumulativeSum,
  sort,
  gather,
  scatterAdd,
  unfold,
  fold,
  findNonFinite,
  productMoments,
};
