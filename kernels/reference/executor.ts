// The executor that everything else is measured against.

import { DeviceError } from "../../errors.ts";
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
import { elementsOf, ReferenceBuffer, storedAs } from "./buffers.ts";
import { referenceKernels } from "./kernels.ts";

/**
 * The reference executor: plain loops in float64, slow and obvious.
 *
 * It also holds float32, int32 and bool; arithmetic is float64 throughout and rounds when a result is
 * stored. Fresh buffers hold NaN (-1 as int32), so that reading what was never written shows; using a
 * released buffer throws ReleasedError.
 *
 * @example
 * ```ts
 * import { ReferenceExecutor } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const executor = new ReferenceExecutor();
 * const x = { buffer: executor.allocate(32), byteOffset: 0, dtype: "float64" } as const;
 * const y = { buffer: executor.allocate(8), byteOffset: 0, dtype: "float64" } as const;
 * executor.write(x, Float64Array.of(1, 2, 3, 4));
 * executor.run("reduce", { outer: 1, length: 4, inner: 1, kind: "sum" }, [x], [y]);
 * assertEquals(executor.read(y, 1), Float64Array.of(10));
 * ```
 */
export class ReferenceExecutor implements Executor {
  /** The name under which devices know it. */
  readonly name = "reference";
  /** Tensors are float64 unless told otherwise. */
  readonly defaultDType = "float64";
  #buffers = 0;
  #bytes = 0;

  /** Takes a buffer of poisoned memory. Throws DeviceError when memory is exhausted. */
  allocate(byteLength: number): DeviceBuffer {
    const buffer = new ReferenceBuffer(byteLength);
    this.#buffers += 1;
    this.#bytes += byteLength;
    return buffer;
  }

  /** Gives a buffer back. Throws ReleasedError on the second time. */
  release(buffer: DeviceBuffer): void {
    if (!(buffer instanceof ReferenceBuffer)) {
      throw new DeviceError("reference: a buffer of another executor was released");
    }
    buffer.release();
    this.#buffers -= 1;
    this.#bytes -= buffer.byteLength;
  }

  /** Copies elements into a buffer, converting them to its type. */
  write(destination: Binding, data: TypedArray): void {
    const elements = elementsOf(destination, data.length);
    data.forEach((value, i) => elements[i] = storedAs(destination.dtype, value));
  }

  /** Copies `count` elements out of a buffer. */
  read(source: Binding, count: number): TypedArray {
    return elementsOf(source, count).slice();
  }

  /** Runs one kernel at once. */
  run<Name extends KernelName>(
    name: Name,
    parameters: KernelParameters[Name],
    inputs: readonly Binding[],
    outputs: readonly Binding[],
  ): void {
    referenceKernels[name](parameters, inputs, outputs);
  }

  /** Keeps the calls and runs them one by one. */
  prepare(calls: readonly KernelCall[]): Program {
    return {
      launches: calls.length,
      run: () => calls.forEach(({ name, ...call }) => this.#call(name, call)),
      runTimed: (told) =>
        calls.forEach(({ name, ...call }, at) => {
          const start = performance.now();
          this.#call(name, call);
          told(at, performance.now() - start);
        }),
      release: () => {},
    };
  }

  #call<Name extends KernelName>(name: Name, call: Omit<KernelCall<Name>, "name">): void {
    this.run(name, call.parameters, call.inputs, call.outputs);
  }

  /** Buffers and bytes handed out and not released; nothing is held beyond them. */
  memory(): MemoryLevel {
    return { buffers: this.#buffers, bytes: this.#bytes, reserved: this.#bytes };
  }
}
