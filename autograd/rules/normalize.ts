// Gradients of softmax and layer norm: in forward operations, or fused where nobody differentiates them again.

import { apply, applyAll } from "../../tensor/apply.ts";
import { exp, mean, mul, rsqrt, square, sub, sum } from "../../tensor/operations/mod.ts";
import { type GradientRule, sumToShape } from "../rule.ts";

const keepAxes = { keepAxes: true };

/** Softmax: y (dy - sum(y dy)). Its logarithm: dy - exp(y) sum(dy). */
export const softmax: GradientRule<"softmax"> = (operation, dy, { differentiable }) => {
  const { outputs: [y], options: { logarithm } } = operation;
  if (!differentiable) return [apply("softmaxBackward", [y, dy], { logarithm })];
  return logarithm
    ? [sub(dy, mul(exp(y), sum(dy, -1, keepAxes)))]
    : [mul(y, sub(dy, sum(mul(y, dy), -1, keepAxes)))];
};

/**
 * With n = (x - mean) / deviation and h = dy scale: dx = (h - mean(h) - n mean(n h)) / deviation,
 * dscale = sum of dy n, dbias = sum of dy.
 */
export const layerNorm: GradientRule<"layerNorm"> = (operation, dy, { differentiable }) => {
  const { inputs: [x, scale, bias], options: { epsilon } } = operation;
  if (!differentiable) return applyAll("layerNormBackward", [x, scale, dy], { epsilon });
  const centred = sub(x, mean(x, -1, keepAxes));
  const inverse = rsqrt(mean(square(centred), -1, keepAxes).add(epsilon));
  const normalized = mul(centred, inverse);
  const h = mul(dy, scale);
  const along = mul(normalized, mean(mul(normalized, h), -1, keepAxes));
  return [
    mul(sub(sub(h, mean(h, -1, keepAxes)), along), inverse),
    sumToShape(mul(dy, normalized), scale.shape),
    sumToShape(dy, bias.shape),
  ];
};
