// Devices by name: which executor a tensor lives on, and which one is the default.

import { DeviceError } from "../errors.ts";
import type { Executor, ExecutorName } from "../kernels/kernel.ts";
import { ReferenceExecutor } from "../kernels/reference/mod.ts";
import { WasmExecutor } from "../kernels/wasm/mod.ts";
import { WebGpuExecutor } from "../kernels/webgpu/mod.ts";

/**
 * Where tensors live and are computed: `wasm` (float32, SIMD and threads), `webgpu` (float32, on a graphics
 * processor, once {@linkcode startWebGpu} has found one) or `reference` (float64, slow and obvious, the oracle of the
 * tests).
 */
export type Device = ExecutorName;

const makers: Partial<Record<Device, () => Executor>> = {
  reference: () => new ReferenceExecutor(),
  wasm: () => new WasmExecutor(),
};
const executors = new Map<Device, Executor>();
let current: Device = "wasm";

/** The names of the devices that exist here. */
export function deviceNames(): Device[] {
  return [...new Set([...Object.keys(makers) as Device[], ...executors.keys()])];
}

/** The executor of a device, started at first use. Throws DeviceError for an unknown name. */
export function executorOf(device: Device): Executor {
  let executor = executors.get(device);
  if (!executor) {
    const make = makers[device];
    if (device === "webgpu") {
      throw new DeviceError('the device "webgpu" is not started; await startWebGpu() first');
    }
    if (!make) {
      throw new DeviceError(
        `there is no device "${device}"; the devices here are ${deviceNames().join(", ")}`,
      );
    }
    executor = make();
    executors.set(device, executor);
  }
  return executor;
}

/** The device on which new tensors are made. */
export function defaultDevice(): Device {
  return current;
}

/**
 * Sets the device on which new tensors are made.
 *
 * @throws {DeviceError} The device does not exist.
 *
 * @example
 * ```ts
 * import { defaultDevice, setDefaultDevice, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const before = defaultDevice();
 * setDefaultDevice("reference");
 * assertEquals(tensor([1]).dtype, "float64");
 * setDefaultDevice(before);
 * ```
 */
export function setDefaultDevice(device: Device): void {
  executorOf(device);
  current = device;
}

/**
 * Starts the device `webgpu`, which then exists like the others, and returns its executor. A software adapter
 * counts too: the executor's `software` says so. Called again it returns what it has started, or starts anew where the
 * device was lost.
 *
 * @throws {DeviceError} The runtime has no WebGPU, the machine no adapter, or the adapter refuses.
 *
 * @example
 * ```ts
 * import { startWebGpu, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const webgpu = await startWebGpu().catch(() => undefined); // no adapter on this machine
 * if (webgpu) assertEquals(tensor([1, 2, 3], { device: "webgpu" }).sum().item(), 6);
 * ```
 */
export async function startWebGpu(): Promise<WebGpuExecutor> {
  const known = executors.get("webgpu");
  if (known instanceof WebGpuExecutor && !known.isLost) return known;
  if (!globalThis.navigator?.gpu) {
    throw new DeviceError(
      "webgpu: this runtime has no navigator.gpu; Deno has it from version 2, browsers on secure pages",
    );
  }
  const executor = await WebGpuExecutor.create();
  if (!executor) {
    throw new DeviceError(
      "webgpu: no adapter was found; install the driver of the graphics processor, or, to compute in software, " +
        "a Vulkan driver such as Debian's mesa-vulkan-drivers",
    );
  }
  executors.set("webgpu", executor);
  return executor;
}

/** How many threads the `wasm` device computes with; results do not depend on it. */
export function setThreads(threads: number): void {
  const executor = executors.get("wasm");
  if (executor instanceof WasmExecutor) executor.setThreads(threads);
  else executors.set("wasm", new WasmExecutor({ threads }));
}
