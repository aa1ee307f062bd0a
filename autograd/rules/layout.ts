// Gradients of operations that only move elements: each is its operation's adjoint.

import { apply } from "../../tensor/apply.ts";
import { narrow, permute as reorder, reshape as shapeAs } from "../../tensor/operations/layout.ts";
import { type GradientRule, sumToShape } from "../rule.ts";

/** The gradient in the old shape. */
export const reshape: GradientRule<"reshape"> = ({ inputs: [x] }, gradient) => [
  shapeAs(gradient, x.shape),
];

/** The inverse order of axes. */
export const permute: GradientRule<"permute"> = ({ options: { axes } }, gradient) => [
  reorder(gradient, axes.map((_, axis) => axes.indexOf(axis))),
];

/** Zeros outside of the slice. */
export const slice: GradientRule<"slice"> = ({ inputs: [x], options }, gradient) => [
  apply("placeSlice", [gradient], {
    shape: x.shape,
    starts: options.starts,
    steps: options.steps,
  }),
];

/** The slice that was placed. */
export const placeSlice: GradientRule<"placeSlice"> = ({ inputs: [x], options }, gradient) => [
  apply("slice", [gradient], {
    starts: options.starts,
    sizes: x.shape,
    steps: options.steps,
  }),
];

/** Each input's part. */
export const concat: GradientRule<"concat"> = (
  { inputs, options: { axis } },
  gradient,
  context,
) => {
  let start = 0;
  return inputs.map((input, index) => {
    const size = input.shape[axis];
    start += size;
    return context.needs[index] ? narrow(gradient, axis, start - size, size) : undefined;
  });
};

/** The sum over the repetitions. */
export const expand: GradientRule<"expand"> = ({ inputs: [x] }, gradient) => [
  sumToShape(gradient, x.shape),
];
