// Gradients of sliding windows: each is the other's adjoint.

import { apply } from "../../tensor/apply.ts";
import type { GradientRule } from "../rule.ts";

/** Overlapping windows add up. */
export const unfold: GradientRule<"unfold"> = ({ inputs: [x], options }, gradient) => {
  const { kernel, stride, dilation, padding } = options;
  const [height, width] = x.shape.slice(2);
  return [apply("fold", [gradient], { kernel, stride, dilation, padding, height, width })];
};

/** Every column reads the gradient of its window. */
export const fold: GradientRule<"fold"> = ({ options }, gradient) => {
  const { kernel, stride, dilation, padding } = options;
  return [apply("unfold", [gradient], { kernel, stride, dilation, padding, fill: 0 })];
};
