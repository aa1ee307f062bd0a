// The gradient of packed attention.

import { apply } from "../../tensor/apply.ts";
import { arange } from "../../tensor/create.ts";
import {
  lessEqual,
  matmul,
  mul,
  permute,
  reshape,
  slice,
  softmax,
  stack,
  sub,
  sum,
  unsqueeze,
  where,
} from "../../tensor/operations/mod.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { GradientRule } from "../rule.ts";

/**
 * With p = softmax(scale q k'), y = p v: dv = p' dy, dp = dy v', ds = p (dp - sum(p dp)), dq = scale ds k,
 * dk = scale ds' q. The fused kernel computes p again from the kept log-sum-exp.
 */
export const attention: GradientRule<"attention"> = (operation, dy, { differentiable }) => {
  const { inputs: [queryKeyValue], outputs, options } = operation;
  if (!differentiable) {
    return [apply("attentionBackward", [queryKeyValue, outputs[0], outputs[1], dy], options)];
  }
  const { heads, scale, causal } = options;
  const [batch, tokens, packed] = queryKeyValue.shape;
  const headWidth = packed / (3 * heads);
  // [3, batch, heads, tokens, headWidth]
  const parts = permute(reshape(queryKeyValue, [batch, tokens, 3, heads, headWidth]), [
    2,
    0,
    3,
    1,
    4,
  ]);
  const [q, k, v] = [0, 1, 2].map((part) => slice(parts, part));
  const dyHeads = permute(reshape(dy, [batch, tokens, heads, headWidth]), [0, 2, 1, 3]);
  let scores: Tensor = mul(matmul(q, k, { transposeB: true }), scale);
  if (causal) {
    const numbers = arange(0, tokens, 1, { device: dy.device });
    scores = where(lessEqual(numbers, unsqueeze(numbers, 1)), scores, -Infinity);
  }
  const p = softmax(scores);
  const dp = matmul(dyHeads, v, { transposeB: true });
  const ds = mul(mul(p, sub(dp, sum(mul(p, dp), -1, { keepAxes: true }))), scale);
  const gradients = stack([
    matmul(ds, k),
    matmul(ds, q, { transposeA: true }),
    matmul(p, dyHeads, { transposeA: true }),
  ]);
  return [reshape(permute(gradients, [1, 3, 0, 2, 4]), queryKeyValue.shape)];
};
