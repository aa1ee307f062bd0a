// WebGPU executors for each class of adapters: a machine has one adapter, but the kernels chosen for the others compute the
// same and are tested too.

import { assertEquals } from "@std/assert";
import type { Executor, KernelName, KernelParameters, TypedArray } from "../../kernels/kernel.ts";
import { ReferenceExecutor } from "../../kernels/reference/mod.ts";
import { WebGpuExecutor } from "../../kernels/webgpu/executor.ts";
import { assertClose, bitsOf, type Operand, type Result, runKernel } from "./harness.ts";
import { webGpuExecutor } from "./webgpu_harness.ts";

const adapterClasses = ["software", "software without subgroups", "hardware"] as const;

const made = new Map<string, WebGpuExecutor>();
for (const adapterClass of adapterClasses) {
  const executor = await WebGpuExecutor.create({
    adapterClass: adapterClass === "hardware" ? adapterClass : "software",
    subgroups: adapterClass !== "software without subgroups",
  });
  if (executor) made.set(adapterClass, executor);
}

/** The executor whose kernels are chosen for a class of adapters. Throws where there is no adapter. */
export function executorFor(adapterClass: typeof adapterClasses[number]): WebGpuExecutor {
  return made.get(adapterClass) ?? webGpuExecutor();
}

/** The reference executor: float64 arithmetic on the same float32 numbers. */
export const reference: Executor = new ReferenceExecutor();

/** Runs one kernel as chosen for each class of adapters, twice with the same bits; the results by class. */
export function runOnClasses<Name extends KernelName>(
  name: Name,
  parameters: KernelParameters[Name],
  operands: readonly Operand[],
  results: readonly Result[],
): { readonly adapterClass: string; readonly actual: readonly TypedArray[] }[] {
  return adapterClasses.map((adapterClass) => {
    const executor = executorFor(adapterClass);
    const actual = runKernel(executor, name, parameters, operands, results);
    const again = runKernel(executor, name, parameters, operands, results);
    again.forEach((each, index) =>
      assertEquals(bitsOf(each), bitsOf(actual[index]), `${name}, ${adapterClass}, twice`)
    );
    return { adapterClass, actual };
  });
}

/** Runs one kernel as chosen for each class of adapters and compares with the reference executor. */
export function compareClasses<Name extends KernelName>(
  name: Name,
  parameters: KernelParameters[Name],
  operands: readonly Operand[],
  results: readonly Result[],
  tolerance: { readonly absolute?: number; readonly relative?: number },
): void {
  const expected = runKernel(reference, name, parameters, operands, results);
  for (const { adapterClass, actual } of runOnClasses(name, parameters, operands, results)) {
    const what = `${name} ${JSON.stringify(parameters).slice(0, 200)} ${adapterClass}`;
    actual.forEach((each, index) => {
      assertClose(each, expected[index], tolerance, `${what}, result ${index},`);
    });
  }
}
