// Where a run computes, and with how many threads.

import { type Device, setDefaultDevice, setThreads } from "../tensor/mod.ts";
import type { TrainingConfig } from "./config.ts";

/** What computes. */
export interface Computing {
  /** The device's name. */
  readonly device: Device;
  /** Threads that work. */
  readonly threads: number;
}

/**
 * Makes a configuration's device the default.
 *
 * @throws {DeviceError} where it does not exist here.
 */
export function useDevice(
  { device, threads }: Pick<TrainingConfig, "device" | "threads">,
): Computing {
  const chosen: Device = device === "auto" ? "wasm" : device;
  if (chosen !== "wasm") {
    setDefaultDevice(chosen);
    return { device: chosen, threads: 1 };
  }
  const count = threads === 0 ? navigator.hardwareConcurrency : threads;
  setThreads(count);
  setDefaultDevice(chosen);
  return { device: chosen, threads: count };
}
