// What a kernel launch turns into on one device, and the state that live launches and prepared ones share.

import type { KernelName } from "../kernel.ts";
import type { BufferPool, PooledBuffer } from "./buffers.ts";
import type { ChoiceTable } from "./choices.ts";
import type { WebGpuDevice } from "./device.ts";
import type { CommandStream } from "./encoder.ts";
import type { BoundBuffer, WebGpuBinding, WebGpuLauncher, WgslKernel } from "./kernel.ts";
import type { KernelCache } from "./pipelines.ts";

/** The parts of an executor. */
export interface WebGpuEngine {
  readonly gpu: WebGpuDevice;
  readonly pool: BufferPool;
  readonly stream: CommandStream;
  readonly cache: KernelCache;
  /** Which of several kernels to take. */
  readonly choices: ChoiceTable;
  /** Lanes of a subgroup, where kernels may use them. */
  readonly lanes: number | undefined;
  /** Whether factors of products are rounded to float16. */
  halfProducts: boolean;
}

/** A call as error messages name it. */
export interface CallDescription {
  readonly name: KernelName;
  readonly parameters: object;
  readonly inputs: readonly WebGpuBinding[];
  readonly outputs: readonly WebGpuBinding[];
}

/** The longest description of a call's parameters. */
const DESCRIPTION_LENGTH = 300;

/** A call in words: kernel, shapes and the bytes of its buffers. */
export function describeCall({ name, parameters, inputs, outputs }: CallDescription): string {
  const text = JSON.stringify(
    parameters,
    (key, value) =>
      ["expressions", "map", "epilogue"].includes(key) && typeof value === "object" ? "..." : value,
  );
  const bytes = (bindings: readonly WebGpuBinding[]) =>
    bindings.map(({ buffer }) => buffer.size).join(", ") || "none";
  return `${name} ${text.slice(0, DESCRIPTION_LENGTH)} (buffers of ${bytes(inputs)} -> ${
    bytes(outputs)
  } bytes)`;
}

/** A binding of all of a pooled buffer. */
export function bindingOf(buffer: PooledBuffer): WebGpuBinding {
  return { buffer, byteOffset: 0, first: 0, dtype: "float32" };
}

/** What every launcher tells kernels of its engine. */
export abstract class EngineLauncher implements WebGpuLauncher {
  /** A launcher of an engine. */
  constructor(protected readonly engine: WebGpuEngine) {}

  /** The device's limits. */
  get limits(): GPUSupportedLimits {
    return this.engine.gpu.limits;
  }

  /** Whether kernels are chosen as for an adapter that computes on the CPU. */
  get software(): boolean {
    return this.engine.choices.adapterClass === "software";
  }

  /** Lanes of a subgroup, where kernels may use them. */
  get lanes(): number | undefined {
    return this.engine.lanes;
  }

  /** Whether factors of products are rounded to float16. */
  get halfProducts(): boolean {
    return this.engine.halfProducts;
  }

  /** Which of several kernels to take. */
  get choices(): ChoiceTable {
    return this.engine.choices;
  }

  abstract launch(...launch: Parameters<WebGpuLauncher["launch"]>): void;

  abstract temporary(byteLength: number): WebGpuBinding;
}

/** Launches at once: dispatches go into the stream. */
export class LiveLauncher extends EngineLauncher {
  readonly #temporaries: PooledBuffer[] = [];
  #call: CallDescription | undefined;

  /** Begins a call. */
  beginCall(call: CallDescription): void {
    this.#call = call;
  }

  /** Starts a grid of workgroups. */
  launch(
    kernel: WgslKernel,
    buffers: readonly BoundBuffer[],
    words: readonly number[],
    workgroups: readonly [x: number, y: number, z: number],
  ): void {
    if (workgroups.includes(0)) return;
    const { cache, stream } = this.engine;
    const call = this.#call;
    const describe = () => call ? describeCall(call) : `the shader "${kernel.key}"`;
    const launch = cache.resolve(kernel, buffers, workgroups, describe);
    const bindGroup = cache.bindGroup(launch, stream.uniforms);
    // Placing words may hand the batch in: everything that belongs to the batch comes behind.
    const uniformOffset = launch.uniformBytes > 0 ? stream.placeWords(words) : undefined;
    for (const { buffer } of launch.ranges) buffer.usedIn = stream.serial;
    stream.describe(describe);
    stream.dispatch({ pipeline: launch.pipeline, bindGroup, uniformOffset, workgroups });
    stream.endSingle();
  }

  /** Memory for the call alone. */
  temporary(byteLength: number): WebGpuBinding {
    const buffer = this.engine.pool.take(byteLength);
    this.#temporaries.push(buffer);
    return bindingOf(buffer);
  }

  /** Ends a call: its temporary memory goes back to the pool, whose next user comes later in the stream. */
  endCall(): void {
    for (const buffer of this.#temporaries) this.engine.pool.give(buffer);
    this.#temporaries.length = 0;
    this.#call = undefined;
  }
}
