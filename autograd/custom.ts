// Functions with a gradient rule of their own, and gradient checkpointing, which is one.

import { isRecording, recordingOn, withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import type { CustomRule, Tensor } from "../tensor/tensor.ts";
import { gradients } from "./gradients.ts";

/**
 * Gives a function a gradient rule of your own instead of the one that its operations imply.
 *
 * @param inputs What the result depends on.
 * @param compute The function; what it does is not recorded.
 * @param rule Maps the gradient of the result to one gradient for each input (undefined for none).
 *
 * @example
 * ```ts
 * import { customGradient, gradients, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * // Rounding that passes its gradient straight through.
 * const x = tensor([0.4, 1.7]);
 * const y = customGradient([x], (x) => x.mul(10).sub(x.mul(9)), (gradient) => [gradient.mul(2)]);
 * assertEquals(gradients(y.sum(), [x])[0].toArray(), [2, 2]);
 * ```
 */
export function customGradient(
  inputs: readonly Tensor[],
  compute: (...inputs: Tensor[]) => Tensor,
  rule: CustomRule,
): Tensor {
  return remembered(inputs, compute, rule);
}

function remembered(
  inputs: readonly Tensor[],
  compute: (...inputs: Tensor[]) => Tensor,
  rule: CustomRule,
  again?: () => Tensor,
): Tensor {
  const result = withoutRecording(() => compute(...inputs).detach());
  if (isRecording()) result.remember({ name: "custom", inputs, rule, again });
  return result;
}

/**
 * Computes a function without keeping what it makes on the way, and computes it again when its gradient is needed:
 * less memory for one more forward pass (Chen et al., 2016).
 *
 * @param compute A deterministic function; anything random in it must draw from streams that it sets back itself.
 * @param inputs What it is called with, and differentiated by.
 * @param captured Tensors that it reads without being called with, such as parameters.
 */
export function checkpoint(
  compute: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  captured: readonly Tensor[] = [],
): Tensor {
  const all = [...inputs, ...captured];
  return remembered(
    all,
    () => scoped(() => compute(...inputs)),
    (outputGradient) => {
      const differentiable = isRecording();
      const walk = () => {
        const again = recordingOn(() => compute(...inputs));
        return gradients(again, all, { outputGradient, differentiable });
      };
      return differentiable ? walk() : scoped(walk);
    },
    () => recordingOn(() => compute(...inputs)),
  );
}
