// The table of primitive operations.

import type { OperationName, OperationRow } from "../operation.ts";
import { attention, attentionBackward } from "./attention.ts";
import { gather, scatterAdd } from "./indexing.ts";
import { concat, expand, permute, placeSlice, reshape, slice } from "./layout.ts";
import { matmul } from "./matmul.ts";
import { layerNorm, layerNormBackward, softmax, softmaxBackward } from "./normalize.ts";
import { convert, findNonFinite, pointwise } from "./pointwise.ts";
import { argReduce, cumulativeSum, reduce, sort } from "./reduce.ts";
import { fold, unfold } from "./window.ts";

/** Every primitive operation's row; an operation without one does not compile. */
export const operationRows: { readonly [Name in OperationName]: OperationRow<Name> } = {
  pointwise,
  convert,
  findNonFinite,
  reduce,
  argReduce,
  cumulativeSum,
  sort,
  matmul,
  softmax,
  softmaxBackward,
  layerNorm,
  layerNormBackward,
  attention,
  attentionBackward,
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
};
