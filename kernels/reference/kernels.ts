// Which function carries out which kernel: exhaustive by type.

import type { KernelName, KernelRunner } from "../kernel.ts";
import { attention, attentionBackward } from "./attention.ts";
import { cumulativeSum } from "./cumulative.ts";
import { findNonFinite } from "./find_non_finite.ts";
import { gather, scatterAdd } from "./gather.ts";
import { layerNorm, layerNormBackward } from "./layer_norm.ts";
import { matmul } from "./matmul.ts";
import { convert, copy, fill } from "./movement.ts";
import { pointwise } from "./pointwise.ts";
import { productMoments } from "./product_moments.ts";
import { argReduce, reduce } from "./reduce.ts";
import { softmax, softmaxBackward } from "./softmax.ts";
import { sort } from "./sort.ts";
import { fold, unfold } from "./unfold.ts";

/** The reference kernels by name. */
export const referenceKernels: { readonly [Name in KernelName]: KernelRunner<Name> } = {
  pointwise,
  copy,
  fill,
  convert,
  reduce,
  argReduce,
  cumulativeSum,
  sort,
  matmul,
  productMoments,
  softmax,
  softmaxBackward,
  layerNorm,
  layerNormBackward,
  attention,
  attentionBackward,
  gather,
  scatterAdd,
  unfold,
  fold,
  findNonFinite,
};
