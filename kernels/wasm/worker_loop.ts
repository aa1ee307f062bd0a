// What runs in a worker thread: wait for a launch in shared memory, take items until none is left, wait again.
//
// `workerLoop` is sent to the worker as text, so it uses nothing from outside its own body.

/** Where a launch is described, in words from the control block's start. The counter has a cache line to itself. */
export const control = {
  /** The first item that nobody has taken; counted up atomically. */
  next: 0,
  /** Number of the kernel: workers keep its function under it. */
  slot: 16,
  /** Address of the module's bytes, and how many. */
  module: 17,
  moduleBytes: 18,
  /** Address of the argument words. */
  words: 19,
  /** Number of items. */
  items: 20,
  /** Items that a thread takes at a time. */
  grain: 21,
  /** Bytes of the first trap's message, plus 1; 0 where there was none. */
  failure: 32,
  /** The message, in UTF-8. */
  message: 33,
  messageBytes: 252,
  /** The first worker's mailbox; one word in a pair of cache lines (processors fetch them in pairs). */
  mailboxes: 96,
  mailboxStride: 32,
} as const;

/** The states of a worker's mailbox. The caller posts and awaits, the worker does the rest. */
export const mailbox = {
  /** The worker is looking for work. */
  idle: 0,
  /** There is work. The caller may take it back until the worker has taken it. */
  posted: 1,
  /** The worker works. */
  taken: 2,
  /** The worker works, and the caller sleeps until it is done. */
  awaited: 3,
  /** The worker sleeps. */
  asleep: 4,
  /** The worker's thread is not running yet. */
  starting: 5,
  /** The worker must end. */
  stopped: 6,
} as const;

/** What a worker is told when it starts. */
export interface WorkerStart {
  /** The memory that everything is in. */
  readonly memory: WebAssembly.Memory;
  /** The address of the control block. */
  readonly address: number;
  /** The index of the worker's mailbox among the words of the memory. */
  readonly mailboxIndex: number;
  /** The address of the worker's scratch memory. */
  readonly scratch: number;
  /** How often to look for work before sleeping. */
  readonly looks: number;
  /** {@linkcode control}, by value. */
  readonly control: typeof control;
  /** {@linkcode mailbox}, by value. */
  readonly mailbox: typeof mailbox;
}

/** A kernel's exported function. */
export type RunFunction = (words: number, begin: number, end: number, scratch: number) => void;

/** A worker's whole life. */
export function workerLoop(start: WorkerStart): void {
  const { memory, control, mailbox, mailboxIndex, scratch, looks } = start;
  // The control block lies where the memory was before it ever grew: these views stay valid for it.
  const words = new Int32Array(memory.buffer);
  const counter = new Uint32Array(memory.buffer, start.address + 4 * control.next, 1);
  const base = start.address / 4;
  const functions: RunFunction[] = [];

  const compile = (address: number, byteLength: number): RunFunction => {
    // Growing by nothing makes this thread see growth that happened in another.
    if (memory.buffer.byteLength < address + byteLength) memory.grow(0);
    const bytes = new Uint8Array(byteLength); // a copy: engines refuse to compile from shared memory
    bytes.set(new Uint8Array(memory.buffer, address, byteLength));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    return instance.exports.run as RunFunction;
  };

  const work = (): void => {
    const items = words[base + control.items] >>> 0;
    const grain = words[base + control.grain] >>> 0;
    try {
      const slot = words[base + control.slot];
      const run = functions[slot] ??= compile(
        words[base + control.module] >>> 0,
        words[base + control.moduleBytes],
      );
      const argument = words[base + control.words];
      for (;;) {
        const begin = Atomics.add(counter, 0, grain);
        if (begin >= items) return;
        run(argument, begin, Math.min(begin + grain, items), scratch);
      }
    } catch (error) {
      Atomics.store(counter, 0, items); // the others stop early
      const message = new TextEncoder().encode(String(error)).subarray(0, control.messageBytes);
      const failure = base + control.failure;
      if (Atomics.compareExchange(words, failure, 0, message.length + 1) === 0) {
        new Uint8Array(memory.buffer, 4 * (base + control.message)).set(message);
      }
    }
  };

  if (
    Atomics.compareExchange(words, mailboxIndex, mailbox.starting, mailbox.idle) !==
      mailbox.starting
  ) return;
  let looked = 0;
  for (;;) {
    const state = Atomics.load(words, mailboxIndex);
    if (state === mailbox.stopped) return;
    if (state === mailbox.posted) {
      if (
        Atomics.compareExchange(words, mailboxIndex, mailbox.posted, mailbox.taken) ===
          mailbox.posted
      ) {
        work();
        if (Atomics.exchange(words, mailboxIndex, mailbox.idle) === mailbox.awaited) {
          Atomics.notify(words, mailboxIndex, 1);
        }
      }
      looked = 0;
    } else if (looked++ < looks) {
      Atomics.pause?.();
    } else {
      if (state === mailbox.idle) {
        Atomics.compareExchange(words, mailboxIndex, mailbox.idle, mailbox.asleep);
      }
      Atomics.wait(words, mailboxIndex, mailbox.asleep);
      looked = 0;
    }
  }
}
