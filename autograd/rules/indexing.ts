// Gradients of reading and adding at indices: each is the other's adjoint.

import { apply } from "../../tensor/apply.ts";
import type { GradientRule } from "../rule.ts";

/** Every gradient goes back to where its element was read. */
export const gather: GradientRule<"gather"> = ({ inputs: [x, index], options }, gradient) => [
  apply("scatterAdd", [gradient, index], { ...options, length: x.shape[options.axis] }),
  undefined,
];

/** Every value gets the gradient of the place it was added to. */
export const scatterAdd: GradientRule<"scatterAdd"> = (operation, gradient) => {
  const { inputs: [, index], options: { axis, mode } } = operation;
  return [apply("gather", [gradient, index], { axis, mode }), undefined];
};
