// Losses. Each returns a scalar (the mean by default), or one value an element or sample.

import { ShapeError } from "../../errors.ts";
import { sameShape, showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { indexSelect, takeAlongAxis } from "./indexing.ts";
import { squeeze, unsqueeze } from "./layout.ts";
import { logSoftmax } from "./normalize.ts";
import {
  abs,
  add,
  div,
  exp,
  less,
  maximum,
  mul,
  neg,
  pointwise,
  sub,
  to,
  where,
} from "./pointwise.ts";
import { mean, norm, sum } from "./reduce.ts";
import { softplus } from "../../kernels/expression/functions.ts";

/** What becomes of a loss's elements. */
export type Reduction = "mean" | "sum" | "none";

/** Options of every loss. */
export interface LossOptions {
  /** `mean` by default. */
  readonly reduction?: Reduction;
}

function reduced(loss: Tensor, reduction: Reduction = "mean"): Tensor {
  return reduction === "none" ? loss : reduction === "sum" ? sum(loss) : mean(loss);
}

function requireSameShape(operation: string, a: Tensor, b: Tensor): void {
  if (!sameShape(a.shape, b.shape)) {
    throw new ShapeError(
      `${operation}: prediction ${showShape(a.shape)} and target ${showShape(b.shape)} differ`,
    );
  }
}

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions extends LossOptions {
  /** Share of the target spread evenly over all classes; 0 by default. */
  readonly labelSmoothing?: number;
  /** One weight for each class [classes]; the mean then divides by the weights of the targets. */
  readonly classWeights?: Tensor;
}

/**
 * Cross-entropy of logits against classes, as PyTorch computes it.
 *
 * @param logits [batch, classes].
 * @param target int32 [batch], or class probabilities [batch, classes].
 *
 * @example
 * ```ts
 * import { crossEntropy, tensor } from "@corit/corit";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const loss = crossEntropy(tensor([[0, 0]]), tensor(new Int32Array([1])));
 * assertAlmostEquals(loss.item(), Math.log(2), 1e-6);
 * ```
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { labelSmoothing = 0, classWeights, reduction } = options;
  if (logits.rank !== 2 || target.shape[0] !== logits.shape[0]) {
    throw new ShapeError(
      `crossEntropy: expected logits [batch, classes] and one target a row, but found ` +
        `${showShape(logits.shape)} and ${showShape(target.shape)}`,
    );
  }
  const logarithms = logSoftmax(logits);
  const weighted = classWeights ? mul(logarithms, classWeights) : logarithms;
  const uniform = mean(weighted, 1);
  if (target.dtype !== "int32") {
    requireSameShape("crossEntropy", logits, target);
    const chosen = sum(mul(weighted, target), 1);
    return reduced(neg(mix(chosen, uniform, labelSmoothing)), reduction);
  }
  const chosen = squeeze(takeAlongAxis(weighted, unsqueeze(target, 1), 1), 1);
  const loss = neg(mix(chosen, uniform, labelSmoothing));
  if (classWeights && (reduction ?? "mean") === "mean") {
    return div(sum(loss), sum(indexSelect(classWeights, target)));
  }
  return reduced(loss, reduction);
}

function mix(chosen: Tensor, uniform: Tensor, smoothing: number): Tensor {
  return smoothing === 0 ? chosen : add(mul(chosen, 1 - smoothing), mul(uniform, smoothing));
}

const logisticLoss = pointwise((x, y) => softplus(x).sub(x.mul(y)));

/** Binary cross-entropy of logits against probabilities of the same shape, without overflow. */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  options: LossOptions & {
    /** Multiplies each element's loss; broadcasts. */
    readonly weight?: Tensor;
  } = {},
): Tensor {
  requireSameShape("binaryCrossEntropyWithLogits", logits, target);
  const loss = logisticLoss(logits, target);
  return reduced(options.weight ? mul(loss, options.weight) : loss, options.reduction);
}

const squaredError = pointwise((a, b) => a.sub(b).mul(a.sub(b)));

/** Squared difference. */
export function mseLoss(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  requireSameShape("mseLoss", prediction, target);
  return reduced(squaredError(prediction, target), options.reduction);
}

/** Squared difference over 2 beta where below beta, else its magnitude less beta / 2. */
export function smoothL1Loss(
  prediction: Tensor,
  target: Tensor,
  options: LossOptions & { readonly beta?: number } = {},
): Tensor {
  const { beta = 1, reduction } = options;
  requireSameShape("smoothL1Loss", prediction, target);
  const distance = abs(sub(prediction, target));
  if (beta === 0) return reduced(distance, reduction);
  const near = div(mul(distance, distance), 2 * beta);
  return reduced(where(less(distance, beta), near, sub(distance, beta / 2)), reduction);
}

/**
 * Kullback-Leibler divergence of target probabilities from predicted log-probabilities.
 *
 * @param options `logTarget`: the target holds log-probabilities; `batchMean`: the sum over the first axis' length, the divergence proper.
 */
export function klDivergence(
  logPrediction: Tensor,
  target: Tensor,
  options: LossOptions & { readonly logTarget?: boolean; readonly batchMean?: boolean } = {},
): Tensor {
  const { logTarget = false, batchMean = false, reduction } = options;
  requireSameShape("klDivergence", logPrediction, target);
  const loss = logTarget
    ? mul(exp(target), sub(target, logPrediction))
    : sub(targetEntropy(target), mul(target, logPrediction));
  return batchMean ? div(sum(loss), loss.shape[0]) : reduced(loss, reduction);
}

/** t log t, and 0 at 0. */
function targetEntropy(target: Tensor): Tensor {
  const positive = to(target.greater(0), target.dtype);
  const safe = where(positive, target, 1);
  return mul(mul(target, safe.log()), positive);
}

/** Cosine of the angle between vectors along an axis, the last by default; epsilon bounds the norms from below. */
export function cosineSimilarity(a: Tensor, b: Tensor, axis = -1, epsilon = 1e-8): Tensor {
  const length = (x: Tensor) => maximum(norm(x, axis), epsilon);
  return div(sum(mul(a, b), axis), mul(length(a), length(b)));
}
