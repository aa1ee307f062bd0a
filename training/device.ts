// Where a run computes, and with how many threads.

import { tmpdir } from "node:os";
import { ConfigError, DeviceError } from "../errors.ts";
import {
  type AdapterFacts,
  adapterName,
  classifyAdapter,
  requestAdapter,
} from "../kernels/webgpu/mod.ts";
import { type Device, setDefaultDevice, setThreads, startWebGpu } from "../tensor/mod.ts";
import type { TrainingConfig } from "./config.ts";
import { readTuned } from "./tuned_choices.ts";

/** A device, and why it is this one. */
export interface DeviceChoice {
  /** The device's name. */
  readonly device: Device;
  /** Why, in half a sentence. */
  readonly why: string;
}

/** What computes. */
export interface Computing extends DeviceChoice {
  /** Threads that work. */
  readonly threads: number;
}

/**
 * The device for those who name none: a graphics processor where there is one. An adapter that computes in software, or
 * that does not say what it is, is never chosen; it must be asked for.
 *
 * @param adapter What the adapter says of itself; undefined where there is none.
 *
 * @example
 * ```ts
 * import { chooseDevice } from "@corit/corit/training";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(chooseDevice({ vendor: "apple", architecture: "metal-3" }).device, "webgpu");
 * assertEquals(chooseDevice({ description: "llvmpipe (LLVM 15.0.6, 256 bits)" }).device, "wasm");
 * assertEquals(chooseDevice(undefined).device, "wasm");
 * ```
 */
export function chooseDevice(adapter: AdapterFacts | undefined): DeviceChoice {
  if (!adapter) return { device: "wasm", why: "there is no WebGPU adapter" };
  const name = adapterName(adapter);
  switch (classifyAdapter(adapter)) {
    case "hardware":
      return { device: "webgpu", why: `the graphics processor ${name} is here` };
    case "software":
      return { device: "wasm", why: `the only WebGPU adapter, ${name}, computes in software` };
    case "unknown":
      return {
        device: "wasm",
        why: "the WebGPU adapter does not say what it is; --device webgpu uses it all the same",
      };
  }
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
 * Makes a configuration's device the default, started where that takes time. `auto` takes a graphics processor where
 * there is one that works ({@linkcode chooseDevice}), and the CPU elsewhere.
 *
 * @throws {DeviceError} where the device that was named does not exist here, or lacks float16 and `precision` is mixed.
 * @throws {ConfigError} where `precision` is mixed and the device is not webgpu.
 */
export async function useDevice(
  { device, threads, precision = "full" }:
    & Pick<TrainingConfig, "device" | "threads">
    & Partial<Pick<TrainingConfig, "precision">>,
): Promise<Computing> {
  quietDrivers();
  const choice = device === "auto" ? await automaticDevice() : { device, why: "as asked for" };
  if (choice.device === "webgpu") {
    const executor = await startWebGpu();
    executor.choices.override((await readTuned(executor.description)).choices);
    executor.halfProducts = precision === "mixed";
  } else if (precision === "mixed") {
    throw new ConfigError(
      `precision mixed computes products of float16, which ${choice.device} does not have (${choice.why}); ` +
        "use --precision full, or --device webgpu",
    );
  }
  if (choice.device !== "wasm") {
    setDefaultDevice(choice.device);
    return { ...choice, threads: 1 };
  }
  const count = threadCount(threads);
  setThreads(count);
  setDefaultDevice(choice.device);
  return { ...choice, threads: count };
}

/**
 * Mesa's drivers write an error line where this variable is not set, as on servers and in containers, though no window is
 * ever opened.
 */
export function quietDrivers(): void {
  if (Deno.build.os !== "linux" || Deno.env.has("XDG_RUNTIME_DIR")) return;
  Deno.env.set("XDG_RUNTIME_DIR", tmpdir());
}

/** The automatic choice; a graphics processor that refuses to work is said and left alone. */
async function automaticDevice(): Promise<DeviceChoice> {
  const choice = chooseDevice((await requestAdapter())?.info);
  if (choice.device !== "webgpu") return choice;
  try {
    await startWebGpu();
    return choice;
  } catch (cause) {
    if (!(cause instanceof DeviceError)) throw cause;
    return { device: "wasm", why: cause.message };
  }
}
