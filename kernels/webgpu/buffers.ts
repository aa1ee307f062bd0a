// Device memory: buffers by size class, idle ones kept for the next that needs one.
//
// The garbage collector does not give device memory back in time, so idle buffers are destroyed here, by name.

import { DeviceError } from "../../errors.ts";
import type { WebGpuDevice } from "./device.ts";

/** A buffer of the device. */
export interface PooledBuffer {
  /** The memory: storage, uniform, and either end of a copy. */
  readonly memory: GPUBuffer;
  /** Its bytes: those asked for, rounded up to the size class. */
  readonly size: number;
  /** Names it among the buffers of its device. */
  readonly id: number;
  /** The batch of commands that used it last: see `CommandStream.serial`. */
  usedIn: number;
}

/** The smallest size class, and the alignment of bindings. */
export const ALIGNMENT = 256;

/** Idle bytes that are always kept. */
const KEPT_IDLE_BYTES = 64 << 20;

/** Buffers from this size on, in bytes, are few: finer classes waste less. */
const LARGE = 1 << 20;

/** The size class of `byteLength` bytes: whole quarters between powers of two, sixteenths where they are large. */
export function sizeClass(byteLength: number): number {
  if (byteLength <= 4 * ALIGNMENT) {
    return Math.max(1, Math.ceil(byteLength / ALIGNMENT)) * ALIGNMENT;
  }
  const step = 2 ** (Math.ceil(Math.log2(byteLength)) - (byteLength >= LARGE ? 5 : 3));
  return Math.ceil(byteLength / step) * step;
}

/** The buffers of a device. */
export class BufferPool {
  readonly #gpu: WebGpuDevice;
  readonly #maximumBytes: number;
  readonly #beforeDestroying: () => void;
  readonly #idle = new Map<number, PooledBuffer[]>();
  #idleBytes = 0;
  #reserved = 0;
  #made = 0;

  /**
   * Begins without buffers. `beforeDestroying` is called while idle buffers still exist, so that commands that use them
   * can be handed in and what refers to them forgotten.
   */
  constructor(gpu: WebGpuDevice, maximumBytes: number, beforeDestroying: () => void) {
    this.#gpu = gpu;
    this.#maximumBytes = maximumBytes;
    this.#beforeDestroying = beforeDestroying;
  }

  /** Bytes of all buffers, idle or not. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Bytes of buffers that are in use. */
  get taken(): number {
    return this.#reserved - this.#idleBytes;
  }

  /** Buffers made so far, idle ones that were used again not counted. */
  get made(): number {
    return this.#made;
  }

  /** A buffer of at least `byteLength` bytes and undefined content. Throws DeviceError where that is too much. */
  take(byteLength: number): PooledBuffer {
    const { maxBufferSize } = this.#gpu.limits;
    const size = Math.min(sizeClass(byteLength), Math.floor(maxBufferSize / 4) * 4);
    if (!(byteLength <= size)) {
      throw new DeviceError(
        `webgpu: cannot reserve ${byteLength} bytes: a buffer of ${this.#gpu.description} has at most ` +
          `${maxBufferSize} bytes; work on smaller batches`,
      );
    }
    const known = this.#idle.get(size)?.pop();
    if (known) {
      this.#idleBytes -= size;
      return known;
    }
    if (this.#reserved + size > this.#maximumBytes) this.#destroyIdle(0);
    if (this.#reserved + size > this.#maximumBytes) {
      throw new DeviceError(
        `webgpu: cannot reserve ${byteLength} bytes: ${this.#reserved} of at most ${this.#maximumBytes} bytes are ` +
          "taken; release tensors (scopes do it), or work on smaller batches",
      );
    }
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const usage = STORAGE | UNIFORM | COPY_SRC | COPY_DST;
    const memory = this.#gpu.watch(
      () => `cannot reserve ${byteLength} bytes beside ${this.#reserved - size} that are taken`,
      () => this.#gpu.device.createBuffer({ size, usage }),
    );
    this.#reserved += size;
    return { memory, size, id: this.#made++, usedIn: 0 };
  }

  /** Takes a buffer back. Commands that were recorded before may still use it. */
  give(buffer: PooledBuffer): void {
    const list = this.#idle.get(buffer.size);
    if (list) list.push(buffer);
    else this.#idle.set(buffer.size, [buffer]);
    this.#idleBytes += buffer.size;
    // As much again as is in use may lie idle: a training step takes and gives back about the same every time.
    const limit = Math.max(KEPT_IDLE_BYTES, this.#reserved / 2);
    if (this.#idleBytes > limit) this.#destroyIdle(limit / 2);
  }

  /** Destroys what lies idle: after work that needed more than what follows. */
  trim(): void {
    this.#destroyIdle(0);
  }

  /** Destroys idle buffers, the longest idle of each class first, until at most `left` idle bytes are left. */
  #destroyIdle(left: number): void {
    if (this.#idleBytes <= left) return;
    this.#beforeDestroying();
    const largestFirst = [...this.#idle.keys()].sort((a, b) => b - a);
    for (const size of largestFirst) {
      const list = this.#idle.get(size)!;
      while (list.length > 0 && this.#idleBytes > left) {
        list.shift()!.memory.destroy();
        this.#idleBytes -= size;
        this.#reserved -= size;
      }
      if (list.length === 0) this.#idle.delete(size);
    }
  }
}
