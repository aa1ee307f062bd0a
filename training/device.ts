// Where a run computes, and with how many threads.

import { ConfigError } from "../errors.ts";
import { type Device, setDefaultDevice, setThreads, startWebGpu } from "../tensor/mod.ts";
import type { TrainingConfig } from "./config.ts";

/** What computes. */
export interface Computing {
  /** The device's name. */
  readonly device: Device;
  /** Threads that work. */
  readonly threads: number;
}

/**
 * How many threads an option asks for: 0 leaves it to the environment variable CORIT_THREADS, and where that is not
 * set takes all cores.
 *
 * @throws {ConfigError} The variable is no whole number from 1.
 */
export function threadCount(option: number): number {
  if (option > 0) return option;
  const text = Deno.env.get("CORIT_THREADS");
  if (!text) return navigator.hardwareConcurrency;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new ConfigError(`CORIT_THREADS is "${text}"; set it to a whole number, 1 or more`);
}

/**
 * Makes a configuration's device the default, started where that takes time.
 *
 * @throws {DeviceError} where it does not exist here.
 */
export async function useDevice(
  { device, threads }: Pick<TrainingConfig, "device" | "threads">,
): Promise<Computing> {
  const chosen: Device = device === "auto" ? "wasm" : device;
  if (chosen === "webgpu") await startWebGpu();
  if (chosen !== "wasm") {
    setDefaultDevice(chosen);
    return { device: chosen, threads: 1 };
  }
  const count = threadCount(threads);
  setThreads(count);
  setDefaultDevice(chosen);
  return { device: chosen, threads: count };
}
