// Reading the golden values that tests/golden/make_golden.py wrote.

import { type Device, type Tensor, tensor } from "../../tensor/mod.ts";

/** A tensor in a golden file; float64 where no type is named. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
  readonly dtype?: "int32" | "bool";
}

/** One call with PyTorch's results and gradients. */
export interface GoldenCase {
  readonly name: string;
  readonly operation: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly inputs: readonly GoldenTensor[];
  readonly outputs: readonly GoldenTensor[];
  readonly outputGradients: readonly (GoldenTensor | null)[];
  readonly inputGradients: readonly (GoldenTensor | null)[];
}

/** The files whose cases are calls of one operation. */
export const families: readonly string[] = [
  "pointwise",
  "reduce",
  "matmul",
  "convolution",
  "normalize",
  "attention",
  "indexing",
  "shape",
  "loss",
];

/** The cases of one file. */
export function readGolden(family: string): GoldenCase[] {
  const url = new URL(`../golden/${family}.json`, import.meta.url);
  return JSON.parse(Deno.readTextFileSync(url)) as GoldenCase[];
}

/** A golden tensor on a device. */
export function placeGolden({ shape, data, dtype }: GoldenTensor, device: Device): Tensor {
  return tensor([...data], { shape, dtype, device });
}
