// Devices by name: which executor a tensor lives on, and which one is the default.

import { DeviceError } from "../errors.ts";
import type { Executor, ExecutorName } from "../kernels/kernel.ts";
import { ReferenceExecutor } from "../kernels/reference/mod.ts";
import { WasmExecutor } from "../kernels/wasm/mod.ts";

/**
 * Where tensors live and are computed: `wasm` (float32, SIMD and threads) or `reference` (float64,
 * slow and obvious, the oracle of the tests).
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
  return Object.keys(makers) as Device[];
}

/** The executor of a device, started at first use. Throws DeviceError for an unknown name. */
export function executorOf(device: Device): Executor {
  let executor = executors.get(device);
  if (!executor) {
    const make = makers[device];
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

/** How many threads the `wasm` device computes with; results do not depend on it. */
export function setThreads(threads: number): void {
  const executor = executors.get("wasm");
  if (executor instanceof WasmExecutor) executor.setThreads(threads);
  else executors.set("wasm", new WasmExecutor({ threads }));
}
