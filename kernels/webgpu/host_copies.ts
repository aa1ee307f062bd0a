// Indices that came from JavaScript and no kernel has changed since: a look at them (is every index in range?) needs no
// reading from the device, which would wait for all work before it.

import type { Binding, DeviceBuffer, KernelCall } from "../kernel.ts";

/** More numbers than this are not worth keeping twice. */
const LARGEST = 1 << 14;

/** Whether a copy moves all that two buffers hold, in order. */
function isWhole({ name, parameters, inputs, outputs }: KernelCall): boolean {
  if (name !== "copy") return false;
  const { shape, sourceOffset, sourceStrides, destinationOffset, destinationStrides } =
    parameters as KernelCall<"copy">["parameters"];
  return shape.length === 1 && sourceStrides[0] === 1 && destinationStrides[0] === 1 &&
    sourceOffset === 0 && destinationOffset === 0 &&
    [...inputs, ...outputs].every(({ buffer, byteOffset }) =>
      byteOffset === 0 && buffer.byteLength === 4 * shape[0]
    );
}

/** What the host knows of buffers' content. */
export class HostCopies {
  readonly #known = new WeakMap<DeviceBuffer, Int32Array>();

  /** Numbers were written. */
  write({ buffer, byteOffset, dtype }: Binding, data: ArrayLike<number>): void {
    const isKept = dtype === "int32" && byteOffset === 0 && data.length <= LARGEST &&
      buffer.byteLength === 4 * data.length && data instanceof Int32Array;
    if (isKept) this.#known.set(buffer, data.slice());
    else this.#known.delete(buffer);
  }

  /** A kernel runs. */
  run(call: KernelCall): void {
    const copied = isWhole(call) ? this.#known.get(call.inputs[0].buffer) : undefined;
    for (const { buffer } of call.outputs) this.#known.delete(buffer);
    if (copied) this.#known.set(call.outputs[0].buffer, copied);
  }

  /** Kernels of a program wrote these. */
  forget(buffers: Iterable<DeviceBuffer>): void {
    for (const buffer of buffers) this.#known.delete(buffer);
  }

  /** The content, where it is known. */
  read({ buffer, byteOffset, dtype }: Binding, count: number): Int32Array | undefined {
    if (dtype !== "int32") return undefined;
    return this.#known.get(buffer)?.slice(byteOffset / 4, byteOffset / 4 + count);
  }
}
