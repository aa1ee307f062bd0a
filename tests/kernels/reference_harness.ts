// Running one reference kernel on given numbers.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { bytesPerElement } from "../../kernels/kernel.ts";
import type { Binding, DType, KernelName, KernelParameters } from "../../kernels/kernel.ts";
import { ReferenceExecutor } from "../../kernels/reference/mod.ts";

/** Numbers on an executor, with their type. */
export interface Values {
  readonly data: readonly number[];
  readonly dtype: DType;
}

/** float64 numbers. */
export const float64 = (...data: number[]): Values => ({ data, dtype: "float64" });
/** int32 numbers. */
export const int32 = (...data: number[]): Values => ({ data, dtype: "int32" });

/** Runs one kernel on fresh buffers and reads its outputs. */
export function run<Name extends KernelName>(
  name: Name,
  parameters: KernelParameters[Name],
  inputs: readonly Values[],
  outputs: readonly { count: number; dtype?: DType; initial?: readonly number[] }[],
): number[][] {
  const executor = new ReferenceExecutor();
  const bind = (count: number, dtype: DType, data?: readonly number[]): Binding => {
    const buffer = executor.allocate(count * bytesPerElement[dtype]);
    const binding = { buffer, byteOffset: 0, dtype };
    if (data) executor.write(binding, Float64Array.from(data));
    return binding;
  };
  const sources = inputs.map(({ data, dtype }) => bind(data.length, dtype, data));
  const results = outputs.map(({ count, dtype, initial }) =>
    bind(count, dtype ?? "float64", initial)
  );
  executor.run(name, parameters, sources, results);
  return results.map((result, i) => Array.from(executor.read(result, outputs[i].count)));
}

/** Equal within 1e-12. */
export function assertClose(actual: readonly number[], expected: readonly number[]): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((value, i) => assertAlmostEquals(value, expected[i], 1e-12));
}
