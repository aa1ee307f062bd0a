// A block of device memory shared by the tensors that view it, returned when the last of them is released.

import type { DeviceBuffer, Executor } from "../kernels/kernel.ts";

/** Reference-counted device memory. */
export class Storage {
  #references = 1;

  private constructor(
    /** The executor that owns the memory. */
    readonly executor: Executor,
    /** The memory. */
    readonly buffer: DeviceBuffer,
  ) {}

  /** Bytes in use. */
  get byteLength(): number {
    return this.buffer.byteLength;
  }

  /** Reserves memory for one owner. */
  static allocate(executor: Executor, byteLength: number): Storage {
    return new Storage(executor, executor.allocate(byteLength));
  }

  /** Adds an owner. */
  retain(): this {
    this.#references++;
    return this;
  }

  /** Removes an owner; the memory goes back to the pool with the last. */
  release(): void {
    if (--this.#references === 0) this.executor.release(this.buffer);
  }
}
