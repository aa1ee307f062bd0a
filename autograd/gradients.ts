// The public face of differentiation.

import { GradientError, ShapeError } from "../errors.ts";
import { onesLike, zerosLike } from "../tensor/create.ts";
import { mul } from "../tensor/operations/pointwise.ts";
import { sum } from "../tensor/operations/reduce.ts";
import { recordingOn, withoutRecording } from "../tensor/recording.ts";
import { isFloat } from "../tensor/rows/types.ts";
import { scoped } from "../tensor/scoped.ts";
import { sameShape, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { backward } from "./backward.ts";

/** Options of {@linkcode gradients}. */
export interface GradientOptions {
  /** The gradient of the result itself, of its shape; ones by default, which needs a scalar result. */
  readonly outputGradient?: Tensor;
  /** Records the gradients, so that they can be differentiated again. */
  readonly differentiable?: boolean;
}

/**
 * The gradients of a result with respect to tensors.
 *
 * @param result What was computed while recording; a scalar unless `outputGradient` is given.
 * @param targets Float tensors that it was computed from, at any point of the computation.
 * @returns One gradient for each target, of its shape; zeros where the result does not depend on it.
 * @throws {GradientError} An operation on the way cannot be differentiated, or the result is no scalar.
 *
 * @example
 * ```ts
 * import { gradients, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([1, 2, 3]);
 * const [slope] = gradients(x.mul(x).sum(), [x]);
 * assertEquals(slope.toArray(), [2, 4, 6]);
 * ```
 */
export function gradients(
  result: Tensor,
  targets: readonly Tensor[],
  options: GradientOptions = {},
): Tensor[] {
  const { outputGradient, differentiable = false } = options;
  if (!isFloat(result.dtype)) {
    throw new GradientError(
      `gradients: the result is ${result.dtype}, which does not differentiate`,
    );
  }
  if (!outputGradient && result.size !== 1) {
    throw new GradientError(
      `gradients: the result has shape ${showShape(result.shape)}; sum it to a scalar, or give ` +
        "an outputGradient of that shape",
    );
  }
  if (outputGradient && !sameShape(outputGradient.shape, result.shape)) {
    throw new ShapeError(
      `gradients: the outputGradient has shape ${showShape(outputGradient.shape)}, the result ` +
        showShape(result.shape),
    );
  }
  const record = differentiable ? recordingOn : withoutRecording;
  return record(() => {
    const seed = outputGradient ?? onesLike(result);
    return backward([result], [seed], targets, differentiable)
      .map((gradient, at) => gradient ?? zerosLike(targets[at]));
  });
}

/**
 * Runs a function and differentiates its scalar result; what it makes on the way is released.
 *
 * @example
 * ```ts
 * import { tensor, valueAndGradients } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([3]);
 * const { value, gradients } = valueAndGradients(() => x.square().sum(), [x]);
 * assertEquals([value.item(), gradients[0].item()], [9, 6]);
 * ```
 */
export function valueAndGradients(
  compute: () => Tensor,
  targets: readonly Tensor[],
): { value: Tensor; gradients: Tensor[] } {
  return scoped(() => {
    const value = recordingOn(compute);
    return { value, gradients: gradients(value, targets) };
  });
}

/** Vector-Jacobian product: the gradient of a function's result in the direction of `outputGradient`. */
export function vjp(
  compute: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  outputGradient: Tensor,
): { value: Tensor; gradients: Tensor[] } {
  return scoped(() => {
    const value = recordingOn(() => compute(...inputs));
    return { value, gradients: gradients(value, inputs, { outputGradient }) };
  });
}

/**
 * Hessian-vector product: the derivative of the gradient in the direction of `vectors`, by differentiating twice
 * (Pearlmutter, 1994). The Hessian itself is never formed.
 *
 * @param compute A scalar function of the inputs.
 * @param vectors One tensor for each input, of its shape.
 *
 * @example
 * ```ts
 * import { hessianVectorProduct, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([1, 2]);
 * const [product] = hessianVectorProduct((x) => x.mul(x).mul(x).sum(), [x], [tensor([1, 0])]);
 * assertEquals(product.toArray(), [6, 0]);
 * ```
 */
export function hessianVectorProduct(
  compute: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  vectors: readonly Tensor[],
): Tensor[] {
  return scoped(() => {
    const slope = recordingOn(() => {
      const first = gradients(compute(...inputs), inputs, { differentiable: true });
      return first
        .map((gradient, at) => sum(mul(gradient, vectors[at])))
        .reduce((total, part) => total.add(part));
    });
    return gradients(slope, inputs);
  });
}
