// Launches laid out once and started many times: what a planned step is on this executor.

import type { Program } from "../kernel.ts";
import type { WasmEngine } from "./engine.ts";
import type { LaunchOptions, WasmKernel, WasmLauncher } from "./kernel.ts";
import type { MemoryBlock } from "./memory.ts";
import type { CompiledKernel } from "./workers.ts";

/** One launch whose argument words are in place. */
interface PreparedLaunch {
  readonly kernel: CompiledKernel;
  readonly words: number;
  readonly items: number;
  readonly grain: number;
  readonly parallel: boolean;
  /** The number of the call that it belongs to. */
  readonly call: number;
}

/** A launcher that keeps what it is asked to launch, with the words and the temporary memory that it needs. */
export class WasmProgram implements WasmLauncher, Program {
  readonly #engine: WasmEngine;
  readonly #launches: PreparedLaunch[] = [];
  readonly #words: MemoryBlock[] = [];
  /** Temporary memory, shared by all calls: the i-th block that a call asked for. */
  readonly #temporaries: MemoryBlock[] = [];
  /** Blocks that a later call found too small; earlier launches still use them. */
  readonly #outgrown: MemoryBlock[] = [];
  #taken = 0;
  #calls = 0;

  /** Begins an empty program on an engine. */
  constructor(engine: WasmEngine) {
    this.#engine = engine;
  }

  /** Threads that may work on one launch, the calling one among them. */
  get threads(): number {
    return this.#engine.threads;
  }

  /** The number of launches. */
  get launches(): number {
    return this.#launches.length;
  }

  /** Keeps a launch. */
  launch(
    kernel: WasmKernel,
    words: readonly number[],
    items: number,
    options: LaunchOptions = {},
  ): void {
    if (items === 0) return;
    const block = this.#engine.memory.take(4 * words.length);
    this.#words.push(block);
    this.#engine.writeWords(block.address, words);
    const grain = Math.min(options.grain ?? 1, items);
    this.#launches.push({
      kernel: this.#engine.compile(kernel),
      words: block.address,
      items,
      grain,
      parallel: options.parallel ?? items > grain,
      call: this.#calls,
    });
  }

  /** The address of `byteLength` bytes that are the call's own until it ends. */
  temporary(byteLength: number): number {
    const at = this.#taken++;
    const block = this.#temporaries[at];
    if (block && block.size >= byteLength) return block.address;
    if (block) this.#outgrown.push(block);
    const larger = this.#engine.memory.take(byteLength);
    this.#temporaries[at] = larger;
    return larger.address;
  }

  /** Ends a call: the next one may use its temporary memory. */
  endCall(): void {
    this.#taken = 0;
    this.#calls++;
  }

  /** Starts all launches in order. */
  run(): void {
    for (const { kernel, words, items, grain, parallel } of this.#launches) {
      this.#engine.start(kernel, words, items, grain, parallel);
    }
  }

  /** Starts all launches in order, telling after each how long its call has taken with it. */
  runTimed(told: (call: number, milliseconds: number) => void): void {
    for (const { kernel, words, items, grain, parallel, call } of this.#launches) {
      const start = performance.now();
      this.#engine.start(kernel, words, items, grain, parallel);
      told(call, performance.now() - start);
    }
  }

  /** Gives words and temporary memory back; the program cannot run any more. */
  release(): void {
    for (const block of [...this.#words, ...this.#temporaries, ...this.#outgrown]) {
      this.#engine.memory.give(block);
    }
    this.#launches.length = 0;
    this.#words.length = 0;
    this.#temporaries.length = 0;
    this.#outgrown.length = 0;
  }
}
