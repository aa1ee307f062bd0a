// Reading device memory from the calling thread, in the same turn where the implementation allows it.
//
// The standard has only an asynchronous `mapAsync`. In Deno, `getMappedRange` right after it waits for the device and
// gives the bytes: 0.1 ms where an awaited `mapAsync` takes 11. That is behaviour of the implementation: it is tried
// once at the start, and where it fails only the asynchronous path is left.

import { DeviceError } from "../../errors.ts";
import type { PooledBuffer } from "./buffers.ts";
import { LOST, type WebGpuDevice } from "./device.ts";
import { type CommandStream, LEDGER_BYTES } from "./encoder.ts";

/** The smallest staging buffer. */
const SMALLEST_BYTES = 1 << 16;

/** A larger staging buffer does not outlive its use. */
const LARGEST_KEPT_BYTES = 1 << 26;

/** What a buffer holds, copied to the calling thread. A staging buffer begins with a copy of the ledger. */
export class Readback {
  readonly #gpu: WebGpuDevice;
  readonly #stream: CommandStream;
  #staging: GPUBuffer | undefined;
  #isSynchronous = false;

  /** Readback of what a stream computes. */
  constructor(gpu: WebGpuDevice, stream: CommandStream) {
    this.#gpu = gpu;
    this.#stream = stream;
    stream.whenLedgerIsFull = () => {
      if (this.#isSynchronous) this.#readNow([], 0);
      else stream.clearLedger();
    };
  }

  /** Whether {@linkcode read} works here. */
  get isSynchronous(): boolean {
    return this.#isSynchronous;
  }

  /** Bytes of device memory that it holds. */
  get reserved(): number {
    return this.#staging?.size ?? 0;
  }

  /** Tries the synchronous path on a buffer, whose content it overwrites; until then it counts as missing. */
  test(scratch: PooledBuffer): void {
    const written = Uint32Array.of(0x600df00d, 1, 2, 0xffffffff);
    this.#gpu.queue.writeBuffer(scratch.memory, 0, written);
    try {
      const read = new Uint32Array(this.#readNow([{ buffer: scratch, byteOffset: 0 }], 16));
      this.#isSynchronous = read.every((word, at) => word === written[at]);
    } catch {
      this.#isSynchronous = false;
      this.#staging?.destroy();
      this.#staging = undefined;
    }
  }

  /** The bytes from a place on. Throws DeviceError where what should have written them was refused by the device. */
  read(buffer: PooledBuffer, byteOffset: number, byteLength: number): ArrayBuffer {
    if (!this.#isSynchronous) {
      throw new DeviceError(
        "webgpu: this implementation of WebGPU hands data out asynchronously only; await data() instead of dataSync()",
      );
    }
    return this.#readNow([{ buffer, byteOffset }], byteLength);
  }

  /** The same, asynchronously; works everywhere. Several may be under way: they do without the ledger. */
  async readLater(
    buffer: PooledBuffer,
    byteOffset: number,
    byteLength: number,
  ): Promise<ArrayBuffer> {
    const staging = this.#makeStaging(LEDGER_BYTES + byteLength);
    try {
      this.#stream.copy(buffer.memory, byteOffset, staging, LEDGER_BYTES, byteLength);
      this.#stream.flush();
      await staging.mapAsync(GPUMapMode.READ);
      // What was refused before is known by now.
      this.#gpu.assertWorking();
      return staging.getMappedRange(LEDGER_BYTES, byteLength).slice(0);
    } catch (cause) {
      this.#gpu.assertWorking();
      throw this.#unreadable(byteLength, cause);
    } finally {
      staging.destroy();
    }
  }

  /** Gives the staging memory back. */
  release(): void {
    this.#staging?.destroy();
    this.#staging = undefined;
  }

  #readNow(
    sources: readonly { buffer: PooledBuffer; byteOffset: number }[],
    byteLength: number,
  ): ArrayBuffer {
    const bytes = LEDGER_BYTES + byteLength;
    if (!this.#staging || this.#staging.size < bytes) {
      this.#staging?.destroy();
      this.#staging = this.#makeStaging(Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(bytes))));
    }
    const staging = this.#staging;
    this.#stage(sources, byteLength, staging);
    try {
      // The promise is of no use here, but a refusal that nobody hears would end the process.
      staging.mapAsync(GPUMapMode.READ, 0, bytes).catch(() => {});
      return this.#takeOut(staging, byteLength);
    } finally {
      if (staging.size > LARGEST_KEPT_BYTES) this.release();
    }
  }

  #stage(
    sources: readonly { buffer: PooledBuffer; byteOffset: number }[],
    byteLength: number,
    staging: GPUBuffer,
  ): void {
    for (const { buffer, byteOffset } of sources) {
      this.#stream.copy(buffer.memory, byteOffset, staging, LEDGER_BYTES, byteLength);
    }
    this.#stream.flushWithLedger(staging);
  }

  /** The bytes of a staging buffer whose mapping was asked for; unmaps it. */
  #takeOut(staging: GPUBuffer, byteLength: number): ArrayBuffer {
    let bytes: ArrayBuffer;
    let ledger: Uint32Array;
    try {
      const mapped = staging.getMappedRange(0, LEDGER_BYTES + byteLength);
      ledger = new Uint32Array(mapped.slice(0, LEDGER_BYTES));
      bytes = mapped.slice(LEDGER_BYTES);
    } catch (cause) {
      this.#gpu.assertWorking();
      throw this.#unreadable(byteLength, cause);
    }
    staging.unmap();
    this.#stream.checkLedger(ledger);
    return bytes;
  }

  #unreadable(byteLength: number, cause: unknown): DeviceError {
    if (cause instanceof DeviceError) return cause;
    // A device that was lost in this turn says so in the next one only.
    return new DeviceError(
      `webgpu: the device hands nothing back, so it was lost or out of memory: ${byteLength} bytes could not be read ` +
        `after ${this.#stream.describeLast()} (${cause}); ${LOST}`,
      { cause },
    );
  }

  /** Deno's process ends where a buffer is mapped that never was: this one has been. */
  #makeStaging(byteLength: number): GPUBuffer {
    const size = Math.ceil(byteLength / 16) * 16;
    const staging = this.#gpu.watch(
      () => `cannot reserve ${byteLength} bytes to read into`,
      () =>
        this.#gpu.device.createBuffer({
          size,
          usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
          mappedAtCreation: true,
        }),
    );
    staging.unmap();
    return staging;
  }
}
