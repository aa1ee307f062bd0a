// What the tests of the WebGPU kernels share: the adapter, or its absence said aloud, and comparison with the reference.

import { assertEquals } from "@std/assert";
import type { KernelName, KernelParameters, TypedArray } from "../../kernels/kernel.ts";
import { ReferenceExecutor } from "../../kernels/reference/mod.ts";
import { WebGpuExecutor } from "../../kernels/webgpu/executor.ts";
import { assertClose, type Operand, type Result, runKernel } from "./harness.ts";

const executor = await WebGpuExecutor.create();

/** Whether a missing adapter is a failure. */
export const webGpuIsRequired: boolean = Deno.env.get("CORIT_REQUIRE_WEBGPU") === "1";

if (!executor) {
  console.warn(
    "no WebGPU adapter: the tests on it are left out (Debian's mesa-vulkan-drivers has a software one)",
  );
}

/** The executor under test, shared by the tests of a file. Throws where there is no adapter. */
export function webGpuExecutor(): WebGpuExecutor {
  if (!executor) throw new Error("CORIT_REQUIRE_WEBGPU is 1 and there is no WebGPU adapter");
  return executor;
}

/** Registers a test that needs an adapter: ignored without one, unless one is required. */
export function testOnWebGpu(name: string, run: () => void | Promise<void>): void {
  Deno.test({ name: `webgpu: ${name}`, ignore: !executor && !webGpuIsRequired, fn: run });
}

const reference = new ReferenceExecutor();

/** Runs one kernel on the device, in buffers whose ends are guarded. */
export function runOnWebGpu<Name extends KernelName>(
  name: Name,
  parameters: KernelParameters[Name],
  operands: readonly Operand[],
  results: readonly Result[],
): TypedArray[] {
  return runKernel(webGpuExecutor(), name, parameters, operands, results);
}

/**
 * Runs one kernel on the device and on the reference executor (float64 arithmetic on the same numbers) and compares:
 * exactly unless a tolerance is given.
 */
export function compareWithReference<Name extends KernelName>(
  name: Name,
  parameters: KernelParameters[Name],
  operands: readonly Operand[],
  results: readonly Result[],
  tolerance: { readonly absolute?: number; readonly relative?: number } = {},
): void {
  const actual = runOnWebGpu(name, parameters, operands, results);
  const expected = runKernel(reference, name, parameters, operands, results);
  const what = `${name} ${JSON.stringify(parameters).slice(0, 200)}`;
  assertEquals(actual.length, expected.length);
  actual.forEach((each, index) => {
    assertClose(each, expected[index], tolerance, `${what}, result ${index},`);
  });
}
