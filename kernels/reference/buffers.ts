// Buffers of the reference executor: plain ArrayBuffers, viewed as the type that a binding names.

import { DeviceError, ReleasedError } from "../../errors.ts";
import type { Binding, DeviceBuffer, DType, TypedArray } from "../kernel.ts";

/** A buffer of the reference executor. Fresh memory is poisoned, so that reading it before writing shows. */
export class ReferenceBuffer implements DeviceBuffer {
  /** Usable bytes. */
  readonly byteLength: number;
  #memory: ArrayBuffer | undefined;

  /** Takes `byteLength` bytes, every one 0xFF: NaN as either float, -1 as int32. */
  constructor(byteLength: number) {
    this.byteLength = byteLength;
    try {
      this.#memory = new ArrayBuffer(byteLength);
    } catch (cause) {
      throw new DeviceError(
        `reference: ${byteLength} bytes were asked for and are not to be had`,
        { cause },
      );
    }
    new Uint8Array(this.#memory).fill(0xff);
  }

  /** The bytes; throws ReleasedError after {@linkcode ReferenceBuffer.release}. */
  get memory(): ArrayBuffer {
    if (this.#memory === undefined) {
      throw new ReleasedError(
        `reference: a buffer of ${this.byteLength} bytes was used after its release`,
      );
    }
    return this.#memory;
  }

  /** Gives the bytes back; every later use throws. */
  release(): void {
    if (this.#memory === undefined) {
      throw new ReleasedError(`reference: a buffer of ${this.byteLength} bytes was released twice`);
    }
    this.#memory = undefined;
  }
}

/** The first `count` elements of a binding as a view that reads and writes its buffer. */
export function elementsOf(binding: Binding, count: number): TypedArray {
  if (!(binding.buffer instanceof ReferenceBuffer)) {
    throw new DeviceError("reference: a buffer of another executor was passed");
  }
  const { memory } = binding.buffer;
  switch (binding.dtype) {
    case "float32":
    case "bool":
      return new Float32Array(memory, binding.byteOffset, count);
    case "float64":
      return new Float64Array(memory, binding.byteOffset, count);
    case "int32":
      return new Int32Array(memory, binding.byteOffset, count);
  }
}

/** What a number becomes when it is stored as `dtype` (float32 rounds by itself when it is written). */
export function storedAs(dtype: DType, value: number): number {
  switch (dtype) {
    case "float32":
    case "float64":
      return value;
    case "int32":
      if (Number.isNaN(value)) return 0;
      return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(value)));
    case "bool":
      return value === 0 ? 0 : 1;
  }
}

/** The product of a shape's lengths. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
