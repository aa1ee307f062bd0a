// Gradients of reductions and of what runs along one axis.

import { apply } from "../../tensor/apply.ts";
import { reshape } from "../../tensor/operations/layout.ts";
import { div, equal, expand, mul, sum, to } from "../../tensor/operations/mod.ts";
import type { GradientRule } from "../rule.ts";
import { expressionGradient } from "./pointwise.ts";

/** A sum hands its gradient to every element; an extremum shares it among the elements that attain it. */
export const reduce: GradientRule<"reduce"> = (operation, gradient, { needs }) => {
  const { inputs, options: { kind, first, last, map }, outputs: [output] } = operation;
  const [x] = inputs;
  const kept = x.shape.map((length, axis) => axis >= first && axis <= last ? 1 : length);
  const spread = reshape(gradient, kept);
  if (kind === "sum") {
    if (!map) return [expand(spread, x.shape)];
    return inputs.map((_, index) =>
      needs[index] ? expressionGradient(map, inputs, index, expand(spread, x.shape)) : undefined
    );
  }
  const attains = to(equal(x, reshape(output, kept)), gradient.dtype);
  const axes = kept.map((_, axis) => axis).filter((axis) => axis >= first && axis <= last);
  return [mul(div(attains, sum(attains, axes, { keepAxes: true })), spread)];
};

/** Running sums in the other direction. */
export const cumulativeSum: GradientRule<"cumulativeSum"> = ({ options }, gradient) => [
  apply("cumulativeSum", [gradient], { axis: options.axis, reverse: !options.reverse }),
];
