// What a WebAssembly kernel is, and what one asks of its executor.

import type { DType, KernelName, KernelParameters } from "../kernel.ts";
import type { ModuleBuilder } from "./assembler.ts";

/** Bytes of memory private to each thread while a kernel runs, aligned to 64. */
export const SCRATCH_BYTES: number = 1 << 20;

/**
 * One module of WebAssembly, made on demand.
 *
 * `build` exports exactly one function, named `run`, of four i32 parameters and no result:
 * `run(words, begin, end, scratch)` does the work items `begin` to `end - 1`. `words` is the address of the
 * argument words given to the launch, `scratch` that of {@linkcode SCRATCH_BYTES} bytes of undefined content.
 *
 * Items must be independent, and the result must not depend on how they are split over threads: a sum that is
 * itself split goes to one slot per item, which a second launch adds in order.
 */
export interface WasmKernel {
  /** Names the kernel and everything its code depends on. Equal keys mean equal bytes. */
  readonly key: string;
  /** Emits the code. Called at most once for each key and executor. */
  build(module: ModuleBuilder): void;
}

/**
 * One operand of a kernel: the byte address of its first element, and their type. Elements are four bytes;
 * bool is stored as float32 0 or 1, so that kernels read masks and numbers alike.
 */
export interface WasmBinding {
  readonly address: number;
  readonly dtype: DType;
}

/** How a launch is split. */
export interface LaunchOptions {
  /** Items that a thread takes at a time; 1 unless told otherwise. */
  readonly grain?: number;
  /** Whether other threads help; by default where there is more than one grain of items. */
  readonly parallel?: boolean;
}

/** What a runner may ask of the executor that it runs on. */
export interface WasmLauncher {
  /** Threads that may work on one launch, the calling one among them. */
  readonly threads: number;
  /**
   * Runs `items` items of a kernel and returns when all are done. Words are stored as int32: addresses and
   * counts up to 2^32 - 1 keep their bits, a float32 goes through {@linkcode floatWord}.
   * Throws DeviceError naming the kernel where it traps, on whichever thread.
   */
  launch(
    kernel: WasmKernel,
    words: readonly number[],
    items: number,
    options?: LaunchOptions,
  ): void;
  /** The address of `byteLength` bytes, aligned to 64, that are given back when the current call ends. */
  temporary(byteLength: number): number;
}

/** How this executor carries out one kernel: it lays out the argument words and launches. */
export type WasmRunner<Name extends KernelName> = (
  executor: WasmLauncher,
  parameters: KernelParameters[Name],
  inputs: readonly WasmBinding[],
  outputs: readonly WasmBinding[],
) => void;

const floatView = new Float32Array(1);
const wordView = new Int32Array(floatView.buffer);

/** The bits of a number rounded to float32, as an argument word. */
export function floatWord(value: number): number {
  floatView[0] = value;
  return wordView[0];
}

/** Work below this many nanoseconds is not worth waking another thread for (a wake-up costs 5 to 10 microseconds). */
const PARALLEL_NANOSECONDS = 20_000;

/** Work that a thread takes at a time lasts about this long: far above the cost of taking it (below 0.1 microseconds). */
const GRAIN_NANOSECONDS = 5_000;

/**
 * Splits `items` items of about `nanosecondsPerItem` single-thread work each: small launches stay on the calling
 * thread, large ones go out in pieces long enough to be cheap and numerous enough to balance.
 */
export function splitWork(items: number, nanosecondsPerItem: number): LaunchOptions {
  if (items * nanosecondsPerItem < PARALLEL_NANOSECONDS) return { grain: items, parallel: false };
  const grain = Math.max(1, Math.ceil(GRAIN_NANOSECONDS / nanosecondsPerItem));
  // At most 1,024 pieces: a launch that long balances anyway.
  return { grain: Math.max(grain, Math.ceil(items / 1024)) };
}
