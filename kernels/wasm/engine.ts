// What runs WebAssembly kernels: the one owner of the memory, the threads and the compiled kernels.

import { ConfigError } from "../../errors.ts";
import { ModuleBuilder } from "./assembler.ts";
import { type LaunchOptions, SCRATCH_BYTES, type WasmKernel, type WasmLauncher } from "./kernel.ts";
import { type MemoryBlock, WasmMemory } from "./memory.ts";
import { canWait, type CompiledKernel, trapped, WorkerPool } from "./workers.ts";

/** Argument words that fit where they usually go; more take a temporary block. */
const ARGUMENT_WORDS = 4096;

/** A launch that stays on the calling thread still goes in this many calls: V8 replaces slow code between calls only. */
const CALLS = 16;

/** How a {@linkcode WasmExecutor} is made. */
export interface WasmExecutorOptions {
  /** Threads that work, the calling one among them; as many as the machine has logical cores unless told otherwise. */
  readonly threads?: number;
  /** Bytes that its memory may grow to; at most (and unless told otherwise) 4 GiB less 64 KiB. */
  readonly maximumBytes?: number;
}

/** A memory, threads over it, and the kernels that were compiled for both. */
export class WasmEngine implements WasmLauncher {
  /** The memory that everything is in. */
  readonly memory: WasmMemory;
  /** Missing where there is only the calling thread. */
  readonly #pool: WorkerPool | null;
  readonly #kernels = new Map<string, CompiledKernel>();
  readonly #arguments: MemoryBlock;
  readonly #scratch: MemoryBlock;
  readonly #temporaries: MemoryBlock[] = [];

  /** Reserves the memory's address range. Throws DeviceError where there is none, ConfigError for a bad thread count. */
  constructor(options: WasmExecutorOptions = {}) {
    const shared = canWait();
    this.memory = new WasmMemory({ shared, maximumBytes: options.maximumBytes });
    this.#pool = shared ? new WorkerPool(this.memory) : null;
    this.#arguments = this.memory.take(4 * ARGUMENT_WORDS);
    this.#scratch = this.memory.take(SCRATCH_BYTES);
    this.setThreads(options.threads ?? globalThis.navigator?.hardwareConcurrency ?? 1);
  }

  /** Threads that may work on one launch, the calling one among them. */
  get threads(): number {
    return this.#pool?.threads ?? 1;
  }

  /** Threads that would work on a launch now: those that run by now. */
  get running(): number {
    return this.#pool?.running ?? 1;
  }

  /** Sets how many threads work, the calling one among them. Throws ConfigError unless it is a whole number from 1. */
  setThreads(threads: number): void {
    if (!(Number.isInteger(threads) && threads >= 1)) {
      throw new ConfigError(`wasm: threads is ${threads}; give a whole number, 1 or more`);
    }
    this.#pool?.setThreads(threads);
  }

  /** Starts the threads that are missing; resolves when all run. Throws DeviceError where one could not be started. */
  async ready(): Promise<void> {
    await this.#pool?.ready();
  }

  /** Ends the worker threads; the calling thread goes on alone. */
  close(): void {
    this.#pool?.close();
  }

  /** Runs all items of a kernel, compiling it the first time. See {@linkcode WasmLauncher}. */
  launch(
    kernel: WasmKernel,
    words: readonly number[],
    items: number,
    options: LaunchOptions = {},
  ): void {
    if (items === 0) return;
    const compiled = this.compile(kernel);
    const address = words.length <= ARGUMENT_WORDS
      ? this.#arguments.address
      : this.temporary(4 * words.length);
    this.writeWords(address, words);
    const grain = Math.min(options.grain ?? 1, items);
    this.start(compiled, address, items, grain, options.parallel ?? items > grain);
  }

  /** Puts argument words into the memory. */
  writeWords(address: number, words: readonly number[]): void {
    const view = this.memory.words;
    const first = address / 4;
    for (let i = 0; i < words.length; i++) view[first + i] = words[i];
  }

  /** Runs all items of a compiled kernel whose argument words are in place. */
  start(
    compiled: CompiledKernel,
    address: number,
    items: number,
    grain: number,
    parallel: boolean,
  ): void {
    const scratch = this.#scratch.address;
    const pool = this.#pool;
    if (pool && parallel && pool.threads > 1) {
      return pool.launch(compiled, address, items, grain, scratch);
    }
    const step = Math.max(grain, Math.ceil(items / CALLS));
    try {
      for (let begin = 0; begin < items; begin += step) {
        compiled.run(address, begin, Math.min(begin + step, items), scratch);
      }
    } catch (error) {
      throw trapped(compiled.key, error);
    }
  }

  /** The address of `byteLength` bytes with undefined content, until {@linkcode freeTemporaries}. */
  temporary(byteLength: number): number {
    const block = this.memory.take(byteLength);
    this.#temporaries.push(block);
    return block.address;
  }

  /** Gives all temporary memory back. */
  freeTemporaries(): void {
    for (const block of this.#temporaries) this.memory.give(block);
    this.#temporaries.length = 0;
  }

  /** A kernel ready to run, compiled the first time. */
  compile(kernel: WasmKernel): CompiledKernel {
    return this.#kernels.get(kernel.key) ?? this.#compile(kernel);
  }

  #compile(kernel: WasmKernel): CompiledKernel {
    const builder = new ModuleBuilder({ shared: this.memory.shared });
    kernel.build(builder);
    const bytes = builder.bytes();
    const { memory } = this.memory;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    // Kept for the workers, which may start later.
    const block = this.memory.take(bytes.length);
    new Uint8Array(memory.buffer).set(bytes, block.address);
    const compiled: CompiledKernel = {
      key: kernel.key,
      slot: this.#kernels.size,
      run: instance.exports.run as CompiledKernel["run"],
      module: block.address,
      moduleBytes: bytes.length,
    };
    this.#kernels.set(kernel.key, compiled);
    return compiled;
  }
}
