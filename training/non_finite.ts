// Where a NaN or an infinity came from: found by walking back what the tensors remember.

import type { CoritDetector } from "../corit/detector.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/mod.ts";
import { groupOf } from "./gsnr_probe.ts";

/** The first element that is not finite, or undefined. */
export function nonFiniteIn(values: ArrayLike<number>): number | undefined {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return values[i];
  return undefined;
}

/**
 * Says which operation first made a number that is not finite, and in which block.
 *
 * @param result A recorded result that is not finite, whose scope is still open.
 */
export function explainNonFinite(result: Tensor, detector: CoritDetector): string {
  const names = new Map<Tensor, string>();
  for (const [name, parameter] of detector.namedParameters()) names.set(parameter.value, name);
  const { culprit, value } = firstNonFinite(result);
  const parameter = names.get(culprit);
  if (parameter) return `parameter ${parameter} (${groupOf(parameter)}) holds ${value}`;
  if (!culprit.origin) return `an input of shape ${showShape(culprit.shape)} holds ${value}`;
  const near = nearestParameter(culprit, names);
  const where = near === undefined
    ? "before the first parameter"
    : `in ${groupOf(near)}, at ${near}`;
  return `operation ${culprit.origin.name} -> ${showShape(culprit.shape)} made ${value} ${where}`;
}

/** A tensor that is not finite, all of whose inputs are. */
function firstNonFinite(result: Tensor): { culprit: Tensor; value: number } {
  const seen = new Map<Tensor, number | undefined>();
  const valueOf = (tensor: Tensor): number | undefined => {
    if (!seen.has(tensor)) seen.set(tensor, nonFiniteIn(tensor.dataSync()));
    return seen.get(tensor);
  };
  let culprit = result;
  for (;;) {
    const earlier = culprit.origin?.inputs.find((input) => valueOf(input) !== undefined);
    if (earlier === undefined) return { culprit, value: valueOf(culprit)! };
    culprit = earlier;
  }
}

/** The parameter that is fewest operations before a tensor. */
function nearestParameter(from: Tensor, names: ReadonlyMap<Tensor, string>): string | undefined {
  const seen = new Set<Tensor>([from]);
  // A set is walked in the order in which it grows: breadth first.
  for (const tensor of seen) {
    const name = names.get(tensor);
    if (name !== undefined) return name;
    for (const input of tensor.origin?.inputs ?? []) seen.add(input);
  }
  return undefined;
}
