// The table of gradient rules: exhaustive by type, so that an operation without one, or a reason, does not compile.

import type { OperationName } from "../../tensor/operation.ts";
import type { GradientRule, NotDifferentiable } from "../rule.ts";
import { attention } from "./attention.ts";
import { gather, scatterAdd } from "./indexing.ts";
import { concat, expand, permute, placeSlice, reshape, slice } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { layerNorm, softmax } from "./normalize.ts";
import { convert, pointwise } from "./pointwise.ts";
import { cumulativeSum, reduce } from "./reduce.ts";
import { fold, unfold } from "./window.ts";

const fusedBackward: NotDifferentiable = {
  reason: "it is a fused backward kernel; ask for gradients with { differentiable: true }, which " +
    "computes them in operations that differentiate again",
};
const wholeNumbers: NotDifferentiable = { reason: "its result is whole numbers" };

/** Every operation's gradient rule, or why it has none. */
export const gradientRules: {
  readonly [Name in OperationName]: GradientRule<Name> | NotDifferentiable;
} = {
  pointwise,
  convert,
  reduce,
  cumulativeSum,
  matmul,
  softmax,
  layerNorm,
  attention,
  reshape,
  permute,
  slice,
  placeSlice,
  concat,
  expand,
  gather,
  scatterAdd,
  unfold,
  fold,
  softmaxBackward: fusedBackward,
  layerNormBackward: fusedBackward,
  attentionBackward: fusedBackward,
  argReduce: wholeNumbers,
  sort: wholeNumbers,
  findNonFinite: wholeNumbers,
};
