// Gradients of elementwise operations, by symbolic differentiation of their expressions.

import { derivative } from "../../kernels/expression/derivative.ts";
import { constant, type Expression, input } from "../../kernels/expression/expression.ts";
import { apply } from "../../tensor/apply.ts";
import { to } from "../../tensor/operations/pointwise.ts";
import { isFloat } from "../../tensor/rows/types.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, sumToShape } from "../rule.ts";

const one = constant(1);
const zero = constant(0);

/** The gradient of one input of an expression: its derivative times the output's gradient. */
export function expressionGradient(
  expression: Expression,
  inputs: readonly Tensor[],
  index: number,
  gradient: Tensor,
): Tensor | undefined {
  const slope = derivative(expression, index);
  if (slope === zero) return undefined;
  if (slope === one) return gradient;
  const product = slope.mul(input(inputs.length));
  return apply("pointwise", [...inputs, gradient], {
    expression: product,
    dtype: gradient.dtype,
  });
}

/** Each float input gets derivative * gradient, summed over the axes it was repeated along. */
export const pointwise: GradientRule<"pointwise"> = ({ inputs, options }, gradient, { needs }) =>
  inputs.map((x, index) => {
    if (!needs[index] || !isFloat(x.dtype)) return undefined;
    const full = expressionGradient(options.expression, inputs, index, gradient);
    return full && sumToShape(full, x.shape);
  });

/** Between float types the gradient is converted back; whole numbers and truth values have none. */
export const convert: GradientRule<"convert"> = ({ inputs: [x], options }, gradient) =>
  isFloat(x.dtype) && isFloat(options.dtype) ? [to(gradient, x.dtype)] : [undefined];
