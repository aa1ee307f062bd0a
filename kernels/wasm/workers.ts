// The threads of the WebAssembly executor: starting them, and fork and join over shared memory.
//
// After a worker has started, no message is passed: a launch is described in the control block, and each worker
// has a mailbox word there (worker_loop.ts). The caller posts, works itself, takes back what no worker has
// begun, and waits for the rest. So a launch never waits for a thread that the system is slow to wake.

import { DeviceError } from "../../errors.ts";
import { SCRATCH_BYTES } from "./kernel.ts";
import type { MemoryBlock, WasmMemory } from "./memory.ts";
import { control, mailbox, type RunFunction, workerLoop, type WorkerStart } from "./worker_loop.ts";

/** Threads that a pool may have. */
const MAXIMUM_THREADS = 256;

/**
 * How often a thread looks before it sleeps. A look takes about 40 nanoseconds where the engine has Atomics.pause,
 * else 8: threads look for .4 milliseconds. Then the threads of a step, which launches a kernel every few
 * hundred microseconds, do not sleep while it lasts: waking one costs the waker 3 to 18 microseconds, and on a
 * virtual machine the sleeper far more. Taken in turns with 20 microseconds, a training step took .87 of the time.
 */
const looksFactor = typeof Atomics.pause === "function" ? 1 : 5;
const WORKER_LOOKS = 10_000 * looksFactor;
const CALLER_LOOKS = 10_000 * looksFactor;

/** What starting a worker costs the thread that does it (measured with Deno: 35 to 50). */
const START_MILLISECONDS = 40;

/** A kernel ready to run on any thread. */
export interface CompiledKernel {
  /** The kernel's key, for messages. */
  readonly key: string;
  /** Its number in this executor. */
  readonly slot: number;
  /** Its function in the calling thread's instance. */
  readonly run: RunFunction;
  /** Address and length of the module in shared memory; the workers compile from there. */
  readonly module: number;
  readonly moduleBytes: number;
}

/** The part of node:worker_threads that is used. */
interface WorkerThreads {
  readonly Worker: new (
    code: string,
    options: { readonly eval: true; readonly workerData: WorkerStart },
  ) => {
    unref(): void;
    on(event: "error", listener: (error: unknown) => void): void;
  };
}

/** The text of a worker of node:worker_threads. */
const nodeWorker = `(${workerLoop})(process.getBuiltinModule("node:worker_threads").workerData)`;

/** The text of a web worker. */
const webWorker = `
self.onmessage = (event) => {
  (${workerLoop})(event.data);
  self.close();
};`;

let webWorkerUrl: string | undefined;

/** `node:worker_threads`, where the runtime has it (Deno, Node, Bun). */
function workerThreads(): WorkerThreads | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => WorkerThreads | undefined };
  };
  return process?.getBuiltinModule?.("node:worker_threads");
}

/**
 * Starts a worker that does not keep the process alive. A web worker blocked in Atomics.wait keeps Deno alive for
 * ever, a worker of node:worker_threads does not; so that is used where it exists, else a blob: URL.
 */
function startWorker(start: WorkerStart, onError: (error: unknown) => void): void {
  const threads = workerThreads();
  if (threads) {
    const worker = new threads.Worker(nodeWorker, { eval: true, workerData: start });
    worker.on("error", onError);
    worker.unref();
  } else {
    webWorkerUrl ??= URL.createObjectURL(new Blob([webWorker], { type: "text/javascript" }));
    const worker = new Worker(webWorkerUrl, { type: "module" });
    worker.onerror = (event) => onError(event.message);
    worker.postMessage(start);
  }
}

/** Whether this thread may sleep on shared memory: a page's main thread may not. */
export function canWait(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/** Worker threads over one shared memory, with the calling thread as one of them. */
export class WorkerPool {
  readonly #memory: WasmMemory;
  readonly #control: MemoryBlock;
  /** Views that stay valid for the control block when the memory grows. */
  readonly #words: Int32Array<ArrayBufferLike>;
  readonly #counter: Uint32Array<ArrayBufferLike>;
  /** The control block's first word. */
  readonly #base: number;
  /** Workers told to start, whether or not they run yet. */
  #started = 0;
  /** Workers seen running, always the first ones. */
  #running = 0;
  #threads = 1;
  /** Milliseconds that launches took since a worker was last started, while one was missing. */
  #shorthanded = 0;
  #closed = false;
  #failure: unknown;

  /** Makes a pool over shared memory, of the calling thread alone. */
  constructor(memory: WasmMemory) {
    this.#memory = memory;
    this.#control = memory.take(
      4 * (control.mailboxes + MAXIMUM_THREADS * control.mailboxStride),
    );
    this.#words = memory.words;
    this.#base = this.#control.address / 4;
    this.#counter = new Uint32Array(
      memory.memory.buffer,
      this.#control.address + 4 * control.next,
      1,
    );
  }

  /** Threads that work on a launch once all have started, the calling one among them. */
  get threads(): number {
    return this.#threads;
  }

  /** Threads that would work on a launch now, the calling one among them. */
  get running(): number {
    while (
      this.#running < this.#started &&
      Atomics.load(this.#words, this.#mailbox(this.#running)) !== mailbox.starting
    ) this.#running++;
    return Math.min(this.#running + 1, this.#threads);
  }

  /** Sets the number of threads; surplus workers sleep. Throws DeviceError after `close`. */
  setThreads(threads: number): void {
    if (this.#closed) throw new DeviceError("wasm: the executor was closed; make another");
    this.#threads = Math.min(threads, MAXIMUM_THREADS);
  }

  /** Resolves when all threads run. Throws DeviceError where one could not be started. */
  async ready(): Promise<void> {
    while (this.#started < this.#threads - 1 && this.#failure === undefined) this.#startNext();
    while (this.running < this.#threads) {
      if (this.#failure !== undefined) {
        throw new DeviceError(
          `wasm: a worker thread could not be started (${this.#failure}); use fewer threads`,
          { cause: this.#failure },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /**
   * Runs all items of a kernel and returns when they are done. Throws DeviceError naming the kernel where it traps.
   *
   * A missing worker is started when launches have taken as long as starting it does: short programs never pay
   * for workers, and long ones soon have all.
   */
  launch(
    kernel: CompiledKernel,
    words: number,
    items: number,
    grain: number,
    scratch: number,
  ): void {
    if (this.#started >= this.#threads - 1 || this.#failure !== undefined) {
      return this.#forkAndJoin(kernel, words, items, grain, scratch);
    }
    const begun = performance.now();
    this.#forkAndJoin(kernel, words, items, grain, scratch);
    this.#shorthanded += performance.now() - begun;
    if (this.#shorthanded >= START_MILLISECONDS) {
      this.#shorthanded = 0;
      this.#startNext();
    }
  }

  #forkAndJoin(
    kernel: CompiledKernel,
    words: number,
    items: number,
    grain: number,
    scratch: number,
  ): void {
    const view = this.#words, base = this.#base;
    view[base + control.slot] = kernel.slot;
    view[base + control.module] = kernel.module;
    view[base + control.moduleBytes] = kernel.moduleBytes;
    view[base + control.words] = words;
    view[base + control.items] = items;
    view[base + control.grain] = grain;
    view[base + control.failure] = 0;
    Atomics.store(this.#counter, 0, 0);
    const helpers = Math.min(this.running, Math.ceil(items / grain)) - 1;
    for (let helper = 0; helper < helpers; helper++) {
      const index = this.#mailbox(helper);
      if (Atomics.exchange(view, index, mailbox.posted) === mailbox.asleep) {
        Atomics.notify(view, index, 1);
      }
    }
    let failure: unknown;
    try {
      for (;;) {
        const begin = Atomics.add(this.#counter, 0, grain);
        if (begin >= items) break;
        kernel.run(words, begin, Math.min(begin + grain, items), scratch);
      }
    } catch (error) {
      failure = error;
      Atomics.store(this.#counter, 0, items);
    }
    for (let helper = 0; helper < helpers; helper++) this.#join(this.#mailbox(helper));
    failure ??= this.#workerFailure();
    if (failure !== undefined) throw trapped(kernel.key, failure);
  }

  /** Ends the workers, which end by themselves; the calling thread can go on alone. */
  close(): void {
    for (let worker = 0; worker < this.#started; worker++) {
      const index = this.#mailbox(worker);
      Atomics.store(this.#words, index, mailbox.stopped);
      Atomics.notify(this.#words, index);
    }
    // Their scratch memory is not given back: a thread may end later than this call does.
    this.#threads = 1;
    this.#running = 0;
    this.#started = 0;
    this.#closed = true;
  }

  /** Starts one more worker. It takes part in launches once it runs. */
  #startNext(): void {
    const mailboxIndex = this.#mailbox(this.#started);
    Atomics.store(this.#words, mailboxIndex, mailbox.starting);
    this.#started++;
    const start = {
      memory: this.#memory.memory,
      address: this.#control.address,
      mailboxIndex,
      scratch: this.#memory.take(SCRATCH_BYTES).address,
      looks: WORKER_LOOKS,
      control,
      mailbox,
    };
    const onError = (error: unknown) => this.#failure ??= error;
    try {
      startWorker(start, onError);
    } catch (error) {
      onError(error); // A launch is complete without it; `ready` tells who asks.
    }
  }

  #mailbox(worker: number): number {
    return this.#base + control.mailboxes + worker * control.mailboxStride;
  }

  /** Takes back what a worker has not begun, or waits until it is done. */
  #join(index: number): void {
    const view = this.#words;
    let state: number = Atomics.compareExchange(view, index, mailbox.posted, mailbox.idle);
    for (let looked = 0; state === mailbox.taken || state === mailbox.awaited; looked++) {
      if (looked < CALLER_LOOKS) Atomics.pause?.();
      else {
        Atomics.compareExchange(view, index, mailbox.taken, mailbox.awaited);
        Atomics.wait(view, index, mailbox.awaited);
      }
      state = Atomics.load(view, index);
    }
  }

  /** What the first worker that trapped said. */
  #workerFailure(): string | undefined {
    const length = Atomics.load(this.#words, this.#base + control.failure) - 1;
    if (length < 0) return undefined;
    const address = 4 * (this.#base + control.message);
    return new TextDecoder().decode(new Uint8Array(this.#words.buffer, address, length).slice());
  }
}

/** The error for a kernel that trapped, on whichever thread. */
export function trapped(key: string, cause: unknown): DeviceError {
  return new DeviceError(
    `wasm: kernel ${key} trapped: ${cause instanceof Error ? cause.message : cause}`,
    { cause },
  );
}
