// Makes an example's tensors on a device, from a seed.

import { type Device, RandomStream, type Tensor, tensor } from "../../tensor/mod.ts";
import type { FloatInput, Input } from "./row.ts";

/** The numbers of one input. */
export type Values = Float64Array | Int32Array;

/** Moves a number out of the neighbourhood of the points to avoid. */
function kept(value: number, avoid: readonly number[]): number {
  const near = avoid.find((point) => Math.abs(value - point) < 0.02);
  return near === undefined ? value : near + (value < near ? -0.02 : 0.02);
}

function drawFloats(input: FloatInput, count: number, random: RandomStream): Float64Array {
  const { low, high, avoid = [], distinct = false, step } = input;
  if (distinct) {
    const order = random.permutation(count);
    return Float64Array.from(order, (rank) => {
      return Math.fround(kept(low + (high - low) * (rank + 0.5) / count, avoid));
    });
  }
  return Float64Array.from({ length: count }, () => {
    const value = kept(random.uniform(low, high), avoid);
    return Math.fround(step === undefined ? value : Math.round(value / step) * step);
  });
}

/** Draws an input's numbers. */
export function drawValues(input: Input, random: RandomStream): Values {
  const count = input.shape.reduce((product, length) => product * length, 1);
  switch (input.kind) {
    case "float":
      return drawFloats(input, count, random);
    case "index":
      return Int32Array.from({ length: count }, () => random.integer(input.below));
    case "mask": {
      const row = input.shape.at(-1) ?? 1;
      return Float64Array.from(
        { length: count },
        (_, i) => Number(random.bernoulli(0.6) || (input.firstTrue && i % row === 0)),
      );
    }
  }
}

/** Draws the numbers of all inputs of an example. */
export function drawAll(inputs: readonly Input[], seed: number): Values[] {
  const random = new RandomStream(seed);
  return inputs.map((input) => drawValues(input, random));
}

/** A tensor of an input's numbers on a device, in the device's own float type. */
export function place(input: Input, values: Values, device: Device): Tensor {
  const dtype = { float: undefined, index: "int32", mask: "bool" } as const;
  return tensor(values, { shape: input.shape, device, dtype: dtype[input.kind] });
}
