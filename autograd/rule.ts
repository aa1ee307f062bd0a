// What a gradient rule is.

import type { OperationName } from "../tensor/operation.ts";
import { sum } from "../tensor/operations/reduce.ts";
import { reshape } from "../tensor/operations/layout.ts";
import { type Shape, sizeOf } from "../tensor/shape.ts";
import type { PrimitiveOrigin, Tensor } from "../tensor/tensor.ts";

/** What a rule is told beside the operation. */
export interface RuleContext {
  /** Whether input i's gradient is wanted; a rule may leave the others out. */
  readonly needs: readonly boolean[];
  /**
   * Whether the gradient itself will be differentiated. If not, a rule may use a fused backward kernel, which has
   * no rule of its own.
   */
  readonly differentiable: boolean;
}

/** Maps the gradient of an operation's first output to gradients of its inputs. */
export type GradientRule<Name extends OperationName> = (
  operation: PrimitiveOrigin<Name>,
  gradient: Tensor,
  context: RuleContext,
) => readonly (Tensor | undefined)[];

/** Why an operation has no gradient. */
export interface NotDifferentiable {
  /** In words, for the error message. */
  readonly reason: string;
}

/** The adjoint of broadcasting: sums over the axes along which a tensor of `shape` was repeated. */
export function sumToShape(gradient: Tensor, shape: Shape): Tensor {
  const lead = gradient.rank - shape.length;
  const axes = gradient.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < lead || (shape[axis - lead] === 1 && gradient.shape[axis] !== 1));
  return axes.length === 0 ? reshape(gradient, shape) : reshape(sum(gradient, axes), shape);
}

/** The number of elements in a shape's leading axes, all but the last. */
export function rowsOf(shape: Shape): number {
  return sizeOf(shape.slice(0, -1));
}
