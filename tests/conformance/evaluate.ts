// One example of a row carried out on a device: its outputs, and the gradients of its inputs.

import {
  type Device,
  RandomStream,
  type Tensor,
  tensor,
  withoutRecording,
} from "../../tensor/mod.ts";
import { isFloat, listOf, pullBack } from "./compare.ts";
import type { Example, Row } from "./row.ts";
import { place, type Values } from "./values.ts";

/** The outputs of one call, and the gradients of its float inputs for seeded output gradients. */
export interface Outcome {
  readonly outputs: readonly Tensor[];
  readonly gradients: readonly Tensor[];
}

/** Calls an operation on a device, the gradients of its outputs drawn from a seed. */
export function evaluate(
  row: Row,
  { inputs, options }: Example<unknown>,
  values: readonly Values[],
  seed: number,
  device: Device,
): Outcome {
  const tensors = inputs.map((input, i) => place(input, values[i], device));
  const compute = () => listOf(row.call(tensors, options));
  const outputs = withoutRecording(compute);
  if (row.order === 0) return { outputs, gradients: [] };
  const random = new RandomStream(seed, 1);
  const outputGradients = outputs.map((output) => {
    if (!isFloat(output)) return undefined;
    const drawn = Float64Array.from({ length: output.size }, () => random.uniform(-1, 1));
    return tensor(drawn, { shape: output.shape, device });
  });
  const { gradients } = pullBack(compute, outputGradients, tensors.filter(isFloat));
  return { outputs, gradients };
}
