// The WebAssembly executor: buffers, their content, and kernels by name, over a `WasmEngine`.

import { DeviceError, DTypeError, ReleasedError, ValueError } from "../../errors.ts";
import type {
  Binding,
  DeviceBuffer,
  Executor,
  KernelCall,
  KernelName,
  KernelParameters,
  MemoryLevel,
  Program,
  TypedArray,
} from "../kernel.ts";
import { saturated } from "./elements.ts";
import { WasmEngine, type WasmExecutorOptions } from "./engine.ts";
import type { WasmBinding } from "./kernel.ts";
import { type MemoryBlock, WasmBuffer, type WasmMemory } from "./memory.ts";
import { WasmProgram } from "./program.ts";
import { wasmRunners } from "./runners.ts";

/**
 * Computes in float32 with 128-bit SIMD WebAssembly on several threads.
 *
 * It can be used as soon as it is made. Worker threads are started one by one while there is work for them
 * ({@linkcode ready} starts them all), and they do not keep the process alive. Where shared memory is missing, or
 * the calling thread may not wait (the main thread of a page), it computes on the calling thread alone, and
 * `threads` says 1.
 *
 * Its types are float32, int32 and bool (stored as float32 0 or 1); float64 throws DTypeError. The same call
 * gives the same bits whatever the number of threads.
 *
 * @example
 * ```ts
 * import { WasmExecutor } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const executor = new WasmExecutor({ threads: 2 });
 * const x = { buffer: executor.allocate(16), byteOffset: 0, dtype: "float32" } as const;
 * const sums = { buffer: executor.allocate(16), byteOffset: 0, dtype: "float32" } as const;
 * executor.write(x, Float32Array.of(1, 2, 3, 4));
 * executor.run("cumulativeSum", { outer: 1, length: 4, inner: 1, reverse: false }, [x], [sums]);
 * assertEquals(executor.read(sums, 4), Float32Array.of(1, 3, 6, 10));
 * executor.close();
 * ```
 */
export class WasmExecutor implements Executor {
  /** The name under which devices know it. */
  readonly name = "wasm";
  /** Tensors are float32 unless told otherwise. */
  readonly defaultDType = "float32";
  readonly #engine: WasmEngine;
  readonly #memory: WasmMemory;
  #buffers = 0;
  #bytes = 0;

  /** Makes an executor. Throws DeviceError where there is no address range for its memory, ConfigError for a bad thread count. */
  constructor(options: WasmExecutorOptions = {}) {
    this.#engine = new WasmEngine(options);
    this.#memory = this.#engine.memory;
  }

  /** Threads that may work on one launch, the calling one among them. */
  get threads(): number {
    return this.#engine.threads;
  }

  /** Threads that would work on a launch now: those that run by now. */
  get running(): number {
    return this.#engine.running;
  }

  /** Sets how many threads work, the calling one among them. Throws ConfigError unless it is a whole number from 1. */
  setThreads(threads: number): void {
    this.#engine.setThreads(threads);
  }

  /**
   * Starts the threads that are missing and resolves when all run: for those who measure, and for pages, where
   * threads start only while the caller does not compute. Throws DeviceError where one could not be started.
   */
  async ready(): Promise<void> {
    await this.#engine.ready();
  }

  /** Ends the worker threads. The executor still computes, on the calling thread. */
  close(): void {
    this.#engine.close();
  }

  /** Reserves `byteLength` bytes with undefined content. Throws DeviceError when memory is exhausted. */
  allocate(byteLength: number): DeviceBuffer {
    const buffer = new WasmBuffer(this.#memory, this.#memory.take(byteLength), byteLength);
    this.#buffers++;
    this.#bytes += byteLength;
    return buffer;
  }

  /** Gives a buffer back. Throws ReleasedError on the second time. */
  release(buffer: DeviceBuffer): void {
    const { block } = this.#own(buffer);
    this.#memory.give(block);
    (buffer as WasmBuffer).block = null;
    this.#buffers--;
    this.#bytes -= buffer.byteLength;
  }

  /**
   * Copies elements into a buffer: toward zero into int32, 1 for what is not 0 into bool.
   * Throws ValueError where they do not fit.
   */
  write(destination: Binding, data: TypedArray): void {
    const view = this.#view(destination, data.length);
    if (destination.dtype === "bool") {
      for (let i = 0; i < data.length; i++) view[i] = data[i] === 0 ? 0 : 1;
    } else if (destination.dtype === "int32" && !(data instanceof Int32Array)) {
      for (let i = 0; i < data.length; i++) view[i] = saturated(data[i]);
    } else view.set(data);
  }

  /** Copies `count` elements out of a buffer: int32 as Int32Array, float32 and bool as Float32Array. */
  read(source: Binding, count: number): TypedArray {
    const view = this.#view(source, count);
    // Shared memory is not handed out: the copy is in memory of its own.
    return source.dtype === "int32" ? new Int32Array(view) : new Float32Array(view);
  }

  /** Runs one kernel and returns when it is done. Throws DTypeError for float64. */
  run<Name extends KernelName>(
    name: Name,
    parameters: KernelParameters[Name],
    inputs: readonly Binding[],
    outputs: readonly Binding[],
  ): void {
    const from = inputs.map((binding) => this.#bind(binding, name));
    const to = outputs.map((binding) => this.#bind(binding, name));
    try {
      wasmRunners[name](this.#engine, parameters, from, to);
    } finally {
      this.#engine.freeTemporaries();
    }
  }

  /**
   * Lays out every launch of the calls once: their argument words stay in memory, so that a run only starts them.
   * The number of threads may change afterwards.
   */
  prepare(calls: readonly KernelCall[]): Program {
    const program = new WasmProgram(this.#engine);
    for (const { name, ...call } of calls) this.#record(program, name, call);
    return program;
  }

  #record<Name extends KernelName>(
    program: WasmProgram,
    name: Name,
    { parameters, inputs, outputs }: Omit<KernelCall<Name>, "name">,
  ): void {
    const from = inputs.map((binding) => this.#bind(binding, name));
    const to = outputs.map((binding) => this.#bind(binding, name));
    wasmRunners[name](program, parameters, from, to);
    program.endCall();
  }

  /** Buffers in use, their bytes, and the bytes of the whole memory. */
  memory(): MemoryLevel {
    return { buffers: this.#buffers, bytes: this.#bytes, reserved: this.#memory.reserved };
  }

  /** A buffer of this executor and its block. */
  #own(buffer: DeviceBuffer): { address: number; block: MemoryBlock } {
    if (!(buffer instanceof WasmBuffer) || buffer.memory !== this.#memory) {
      throw new DeviceError("wasm: a buffer of another executor was passed");
    }
    const { address, block } = buffer;
    if (block === null) {
      throw new ReleasedError(
        `wasm: a buffer of ${buffer.byteLength} bytes was used after its release`,
      );
    }
    return { address, block };
  }

  #bind(binding: Binding, what: string): WasmBinding {
    if (binding.dtype === "float64") {
      throw new DTypeError(
        `wasm: ${what} got float64, which computes on the reference executor only; convert to float32`,
      );
    }
    return {
      address: this.#own(binding.buffer).address + binding.byteOffset,
      dtype: binding.dtype,
    };
  }

  /** `count` elements in the memory as it is now. */
  #view(binding: Binding, count: number): TypedArray {
    const { address, dtype } = this.#bind(binding, "a copy to or from it");
    const { byteOffset, buffer } = binding;
    if (!(byteOffset >= 0 && byteOffset % 4 === 0 && byteOffset + 4 * count <= buffer.byteLength)) {
      throw new ValueError(
        `wasm: ${count} elements from byte ${byteOffset} do not lie in a buffer of ${buffer.byteLength} bytes`,
      );
    }
    const all = dtype === "int32" ? this.#memory.words : this.#memory.floats;
    return all.subarray(address / 4, address / 4 + count);
  }
}
