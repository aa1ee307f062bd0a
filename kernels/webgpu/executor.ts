// The WebGPU executor: buffers, their content, and kernels by name.

import { DeviceError, DTypeError, ReleasedError, ValueError } from "../../errors.ts";
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
import { BufferPool, type PooledBuffer } from "./buffers.ts";
import { type AdapterClass, type ChoiceOverrides, ChoiceTable } from "./choices.ts";
import { WebGpuDevice } from "./device.ts";
import { storedElements } from "./elements.ts";
import { CommandStream } from "./encoder.ts";
import { HostCopies } from "./host_copies.ts";
import type { Access, WebGpuBinding, WebGpuLauncher, WgslKernel } from "./kernel.ts";
import { type CallDescription, describeCall, LiveLauncher, type WebGpuEngine } from "./launcher.ts";
import { weightGradient, weightGradientOf } from "./matmul.ts";
import { alignedPlace, KernelCache } from "./pipelines.ts";
import { WebGpuProgram } from "./program.ts";
import { Readback } from "./readback.ts";
import { webGpuRunners } from "./runners.ts";

/** How the executor is set up. */
export interface WebGpuExecutorOptions {
  /** The most device memory that it takes for buffers; as much as the device has unless given. */
  readonly maximumBytes?: number;
  /** The class of adapters that kernels are chosen for, which changes the order of sums; the adapter's own unless given. */
  readonly adapterClass?: AdapterClass;
  /** Kernels to take in place of the standard ones. */
  readonly choices?: ChoiceOverrides;
  /** Whether kernels may use subgroups where the device has them; true unless given. */
  readonly subgroups?: boolean;
  /** Whether to read in the same turn where the implementation allows it; true unless given. */
  readonly readSynchronously?: boolean;
}

/** What the executor has made and handed in since it was made: what tests and tools count. */
export interface WebGpuCounts {
  /** Buffers of the pool. */
  readonly buffers: number;
  /** Bind groups. */
  readonly bindGroups: number;
  /** Pipelines: kernels that were compiled. */
  readonly pipelines: number;
  /** Dispatches: launches of kernels. */
  readonly dispatches: number;
  /** Batches of commands. */
  readonly submits: number;
  /** Times that something was read from the device. */
  readonly reads: number;
}

/** A buffer of this executor. */
class WebGpuBuffer implements DeviceBuffer {
  constructor(
    readonly owner: WebGpuExecutor,
    readonly byteLength: number,
    public memory: PooledBuffer | undefined,
  ) {}
}

/**
 * Computes in float32 with WGSL compute shaders on a WebGPU device.
 *
 * Calls return at once; the device works through them in order, and reading waits for it. What the device refuses
 * (memory exhausted, a shader that does not compile, a lost device) throws DeviceError at the next call at the
 * earliest, and at the next reading at the latest, naming the kernels, shapes and bytes.
 *
 * Its types are float32, int32 and bool (stored as float32 0 or 1); float64 throws DTypeError. The same calls on the
 * same device give the same bits.
 *
 * @example
 * ```ts
 * import { WebGpuExecutor } from "@corit/corit/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const executor = await WebGpuExecutor.create();
 * if (executor) { // undefined where there is no adapter
 *   const x = { buffer: executor.allocate(16), byteOffset: 0, dtype: "float32" } as const;
 *   const sum = { buffer: executor.allocate(4), byteOffset: 0, dtype: "float32" } as const;
 *   executor.write(x, Float32Array.of(1, 2, 3, 4));
 *   executor.run("reduce", { outer: 1, length: 4, inner: 1, kind: "sum" }, [x], [sum]);
 *   assertEquals(executor.read(sum, 1), Float32Array.of(10));
 *   executor.close();
 * }
 * ```
 */
export class WebGpuExecutor implements Executor {
  /** The name under which devices know it. */
  readonly name = "webgpu";
  /** Tensors are float32 unless told otherwise. */
  readonly defaultDType = "float32";
  /** A buffer that one launch reads and writes costs a second shader, with all of it declared as written. */
  readonly separatesBuffers = true;
  readonly #engine: WebGpuEngine;
  readonly #launcher: LiveLauncher;
  readonly #readback: Readback;
  readonly #copies = new HostCopies();
  #buffers = 0;
  #bytes = 0;
  #reads = 0;

  private constructor(gpu: WebGpuDevice, options: WebGpuExecutorOptions) {
    const { maximumBytes = Infinity, adapterClass, readSynchronously = true } = options;
    const stream = new CommandStream(gpu);
    const cache = new KernelCache(gpu);
    const pool = new BufferPool(gpu, maximumBytes, () => {
      stream.flush();
      cache.forgetBindGroups();
    });
    const choices = new ChoiceTable(
      adapterClass ?? (gpu.software ? "software" : "hardware"),
      options.choices,
    );
    const lanes = options.subgroups === false ? undefined : gpu.subgroups?.lanes;
    this.#engine = { gpu, pool, stream, cache, choices, lanes, halfProducts: false };
    this.#launcher = new LiveLauncher(this.#engine);
    this.#readback = new Readback(gpu, stream);
    const scratch = pool.take(16);
    if (readSynchronously) this.#readback.test(scratch);
    pool.give(scratch);
  }

  /**
   * Opens the fastest adapter that there is, a software one where there is no other; undefined where there is none.
   * Throws DeviceError where the adapter refuses a device.
   */
  static async create(options: WebGpuExecutorOptions = {}): Promise<WebGpuExecutor | undefined> {
    const gpu = await WebGpuDevice.open();
    return gpu && new WebGpuExecutor(gpu, options);
  }

  /** The adapter's name, as its driver gives it. */
  get description(): string {
    return this.#engine.gpu.description;
  }

  /** Whether the adapter computes on the CPU: then it is not a default device. */
  get software(): boolean {
    return this.#engine.gpu.software;
  }

  /** Whether the device is gone for good: lost or closed. */
  get isLost(): boolean {
    return this.#engine.gpu.isLost;
  }

  /** Whether {@linkcode read} works: elsewhere only {@linkcode readLater} does. */
  get readsSynchronously(): boolean {
    return this.#readback.isSynchronous;
  }

  /** Bytes of device memory that are in use: buffers at their full size, and what programs and this executor hold. */
  get bytesInUse(): number {
    const { pool, stream } = this.#engine;
    return pool.taken + stream.reserved + this.#readback.reserved;
  }

  /** Lanes of a subgroup, where kernels may use them. */
  get subgroupLanes(): number | undefined {
    return this.#engine.lanes;
  }

  /** Which kernels are taken where there are several: what was chosen so far, and what to override. */
  get choices(): ChoiceTable {
    return this.#engine.choices;
  }

  /**
   * Whether products round their factors to float16, of which a GPU's workgroups hold and move twice as many; they sum in
   * float32 all the same. Programs that were prepared before keep what they have.
   */
  get halfProducts(): boolean {
    return this.#engine.halfProducts;
  }

  /** Throws DeviceError where the adapter has no float16. */
  set halfProducts(on: boolean) {
    const { gpu } = this.#engine;
    if (on && !gpu.device.features.has("shader-f16")) {
      throw new DeviceError(
        `webgpu: products of float16 need the feature shader-f16, which ${gpu.description} does not have; ` +
          "compute in float32 (--precision full), or update the driver",
      );
    }
    this.#engine.halfProducts = on;
  }

  /** What was made and handed in so far. */
  get counts(): WebGpuCounts {
    const { pool, cache, stream } = this.#engine;
    return {
      buffers: pool.made,
      bindGroups: cache.bindGroupsMade,
      pipelines: cache.pipelinesMade,
      dispatches: stream.dispatches,
      submits: stream.serial - 1,
      reads: this.#reads,
    };
  }

  /** Reserves `byteLength` bytes with undefined content. Throws DeviceError when memory is exhausted. */
  allocate(byteLength: number): DeviceBuffer {
    this.#engine.gpu.assertWorking();
    const buffer = new WebGpuBuffer(this, byteLength, this.#engine.pool.take(byteLength));
    this.#buffers++;
    this.#bytes += byteLength;
    return buffer;
  }

  /** Gives a buffer back. Throws ReleasedError on the second time. */
  release(buffer: DeviceBuffer): void {
    const memory = this.#memoryOf(buffer);
    (buffer as WebGpuBuffer).memory = undefined;
    this.#engine.pool.give(memory);
    this.#buffers--;
    this.#bytes -= buffer.byteLength;
  }

  /**
   * Copies elements into a buffer: toward zero into int32, 1 for what is not 0 into bool.
   * Throws ValueError where they do not fit.
   */
  write(destination: Binding, data: TypedArray): void {
    const { gpu, stream } = this.#engine;
    gpu.assertWorking();
    const memory = this.#check(destination, data.length);
    if (data.length === 0) return;
    this.#copies.write(destination, data);
    const { buffer, byteOffset, byteLength } = storedElements(data, destination.dtype);
    stream.write(
      memory,
      destination.byteOffset,
      new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
    );
  }

  /**
   * Copies `count` elements out of a buffer: int32 as Int32Array, float32 and bool as Float32Array.
   * Throws DeviceError where what should have computed them failed, or where reading is asynchronous only.
   */
  read(source: Binding, count: number): TypedArray {
    this.#engine.gpu.assertWorking();
    const memory = this.#check(source, count);
    const known = this.#copies.read(source, count);
    if (known) return known;
    this.#reads++;
    const bytes = this.#readback.read(memory, source.byteOffset, 4 * count);
    return source.dtype === "int32" ? new Int32Array(bytes) : new Float32Array(bytes);
  }

  /** As {@linkcode read}, on every implementation of WebGPU. Where `read` works it is used: an awaited mapping is slower. */
  async readLater(source: Binding, count: number): Promise<TypedArray> {
    if (this.readsSynchronously) return this.read(source, count);
    this.#engine.gpu.assertWorking();
    const memory = this.#check(source, count);
    this.#reads++;
    const bytes = await this.#readback.readLater(memory, source.byteOffset, 4 * count);
    return source.dtype === "int32" ? new Int32Array(bytes) : new Float32Array(bytes);
  }

  /** Starts one kernel. Throws DTypeError for float64, DeviceError for what went wrong before. */
  run<Name extends KernelName>(
    name: Name,
    parameters: KernelParameters[Name],
    inputs: readonly Binding[],
    outputs: readonly Binding[],
  ): void {
    this.#engine.gpu.assertWorking(() =>
      describeCall({
        ...{ name, parameters },
        inputs: inputs.map((binding) => this.#bind(binding, name)),
        outputs: outputs.map((binding) => this.#bind(binding, name)),
      })
    );
    this.#copies.run({ name, parameters, inputs, outputs });
    this.#carryOut(this.#launcher, name, { parameters, inputs, outputs });
  }

  /**
   * Starts a shader of one's own: see {@linkcode WgslKernel} for what it must look like. A view into the middle of a
   * buffer must begin at a multiple of 256 bytes. Throws DeviceError where a limit of the device is exceeded.
   */
  launch(
    kernel: WgslKernel,
    buffers: readonly { readonly binding: Binding; readonly access: Access }[],
    words: readonly number[],
    workgroups: readonly [x: number, y: number, z: number],
  ): void {
    this.#engine.gpu.assertWorking();
    const bound = buffers.map(({ binding, access }) => {
      const own = this.#bind(binding, kernel.key);
      if (access === "read_write") this.#copies.forget([binding.buffer]);
      if (own.first !== 0) {
        throw new ValueError(
          `webgpu: ${kernel.key}: byte ${binding.byteOffset} is no multiple of 256`,
        );
      }
      return { binding: own, access };
    });
    this.#launcher.launch(kernel, bound, words, workgroups);
  }

  /** Lays out every dispatch of the calls once; a run of the program makes nothing and waits with what is behind it. */
  prepare(calls: readonly KernelCall[]): Program {
    this.#engine.gpu.assertWorking();
    const written = new Set(calls.flatMap(({ outputs }) => outputs.map(({ buffer }) => buffer)));
    const program = new WebGpuProgram(this.#engine, () => this.#copies.forget(written));
    try {
      for (let at = 0; at < calls.length; at++) {
        const next = calls[at + 1];
        if (next && this.#joined(program, calls[at], next)) at++;
        else this.#carryOut(program, calls[at].name, calls[at]);
      }
      program.finish();
    } catch (cause) {
      program.release();
      throw cause;
    }
    return program;
  }

  /** Carries two calls out by one launch, where there is one that does both. */
  #joined(program: WebGpuProgram, first: KernelCall, second: KernelCall): boolean {
    const pair = weightGradientOf(first, second);
    if (!pair) return false;
    const { product, sums: { outputs: [sums] } } = pair;
    const { name, parameters } = product;
    const inputs = product.inputs.map((binding) => this.#bind(binding, name));
    const outputs = product.outputs.map((binding) => this.#bind(binding, name));
    program.beginCall({ name, parameters, inputs, outputs });
    try {
      return weightGradient(program, pair, inputs, outputs, this.#bind(sums, name));
    } finally {
      program.endCall();
    }
  }

  #carryOut<Name extends KernelName>(
    launcher: WebGpuLauncher & { beginCall(call: CallDescription): void; endCall(): void },
    name: Name,
    { parameters, inputs, outputs }: Omit<KernelCall<Name>, "name">,
  ): void {
    const from = inputs.map((binding) => this.#bind(binding, name));
    const to = outputs.map((binding) => this.#bind(binding, name));
    launcher.beginCall({ name, parameters, inputs: from, outputs: to });
    try {
      webGpuRunners[name](launcher, parameters, from, to);
    } finally {
      launcher.endCall();
    }
  }

  /** Hands waiting commands to the device without waiting for them. */
  flush(): void {
    this.#engine.stream.flush();
  }

  /** Resolves when the device has done all work. Throws DeviceError where it refused some. */
  async settled(): Promise<void> {
    this.#engine.stream.flush();
    await this.#engine.gpu.settled();
    this.#engine.gpu.assertWorking();
  }

  /** Buffers in use, their bytes, and the bytes of all device memory that is held. */
  memory(): MemoryLevel {
    const { pool, stream } = this.#engine;
    const reserved = pool.reserved + stream.reserved + this.#readback.reserved;
    return { buffers: this.#buffers, bytes: this.#bytes, reserved };
  }

  /** Gives the device back: its buffers are gone, and every later call throws DeviceError. */
  close(): void {
    this.#engine.gpu.close();
  }

  /** The memory of a buffer of this executor. */
  #memoryOf(buffer: DeviceBuffer): PooledBuffer {
    if (!(buffer instanceof WebGpuBuffer) || buffer.owner !== this) {
      throw new DeviceError("webgpu: a buffer of another executor was passed");
    }
    if (!buffer.memory) {
      throw new ReleasedError(
        `webgpu: a buffer of ${buffer.byteLength} bytes was used after its release`,
      );
    }
    return buffer.memory;
  }

  #bind({ buffer, byteOffset, dtype }: Binding, what: string): WebGpuBinding {
    if (dtype === "float64") {
      throw new DTypeError(
        `webgpu: ${what} got float64, which computes on the reference executor only; convert to float32`,
      );
    }
    return { buffer: this.#memoryOf(buffer), ...alignedPlace(byteOffset), dtype };
  }

  /** The memory of a binding of `count` elements. */
  #check(binding: Binding, count: number): PooledBuffer {
    const { buffer } = this.#bind(binding, "a copy to or from it");
    const { byteOffset, buffer: { byteLength } } = binding;
    if (!(byteOffset >= 0 && byteOffset % 4 === 0 && byteOffset + 4 * count <= byteLength)) {
      throw new ValueError(
        `webgpu: ${count} elements from byte ${byteOffset} do not lie in a buffer of ${byteLength} bytes`,
      );
    }
    return buffer;
  }
}
