// Shaders, pipelines and bind groups, each made once.

import { DeviceError } from "../../errors.ts";
import { ALIGNMENT, type PooledBuffer } from "./buffers.ts";
import type { WebGpuDevice } from "./device.ts";
import { UNIFORM_ALIGNMENT } from "./encoder.ts";
import type { BoundBuffer, WgslKernel } from "./kernel.ts";
import { withSubgroups } from "./subgroups.ts";

/** The part of a buffer that a dispatch sees. */
interface BoundRange {
  readonly buffer: PooledBuffer;
  readonly offset: number;
  readonly size: number;
}

/** How bind groups of one kind look. */
interface GroupLayout {
  readonly key: string;
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

/** A launch with its pipeline, before its bind group. */
export interface ResolvedLaunch {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GroupLayout;
  readonly ranges: readonly BoundRange[];
  /** Bytes of its uniform block; 0 where it has none. */
  readonly uniformBytes: number;
}

/** Bind groups that are kept; the longest unused ones go first. */
const KEPT_BIND_GROUPS = 4096;

/** Everything that is made once for each kernel or set of buffers. */
export class KernelCache {
  readonly #gpu: WebGpuDevice;
  readonly #layouts = new Map<string, GroupLayout>();
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  #bindGroupsMade = 0;

  /** Begins empty. */
  constructor(gpu: WebGpuDevice) {
    this.#gpu = gpu;
  }

  /** Bind groups made so far. */
  get bindGroupsMade(): number {
    return this.#bindGroupsMade;
  }

  /** Pipelines made so far: kernels that were launched. */
  get pipelinesMade(): number {
    return this.#pipelines.size;
  }

  /** Forgets all bind groups, before buffers that they show are destroyed. */
  forgetBindGroups(): void {
    this.#bindGroups.clear();
  }

  /**
   * Checks a launch against the device's limits and finds its pipeline.
   * Throws DeviceError saying which limit, in words that `describe` begins.
   */
  resolve(
    kernel: WgslKernel,
    buffers: readonly BoundBuffer[],
    workgroups: readonly number[],
    describe: () => string,
  ): ResolvedLaunch {
    const { limits } = this.#gpu;
    const refuse = (what: string): never => {
      throw new DeviceError(
        `webgpu: ${describe()}: shader "${kernel.key}" needs ${what} on ${this.#gpu.description}`,
      );
    };
    if (buffers.length > limits.maxStorageBuffersPerShaderStage) {
      refuse(
        `${buffers.length} buffers, more than the ${limits.maxStorageBuffersPerShaderStage} allowed`,
      );
    }
    const widest = Math.max(...workgroups);
    if (widest > limits.maxComputeWorkgroupsPerDimension) {
      refuse(
        `${
          workgroups.join(" x ")
        } workgroups, more than the ${limits.maxComputeWorkgroupsPerDimension} allowed`,
      );
    }
    const uniformBytes = Math.ceil(kernel.uniforms / 4) * 16;
    const ranges = buffers.map(({ binding, elements }): BoundRange => {
      const { buffer, byteOffset, first } = binding;
      const rest = buffer.size - byteOffset;
      const asked = elements === undefined
        ? Math.min(rest, limits.maxStorageBufferBindingSize)
        : Math.max(16, Math.ceil((first + elements) / 4) * 16);
      const size = Math.min(asked, rest);
      if (elements !== undefined && 4 * (first + elements) > rest) {
        refuse(`${4 * (first + elements)} bytes of a buffer where ${rest} are`);
      }
      if (size > limits.maxStorageBufferBindingSize) {
        refuse(
          `a binding of ${size} bytes, more than the ${limits.maxStorageBufferBindingSize} allowed`,
        );
      }
      return { buffer, offset: byteOffset, size };
    });
    const written = new Set<PooledBuffer>();
    for (const { binding, access } of buffers) {
      if (access === "read_write") written.add(binding.buffer);
    }
    // A buffer that is written somewhere in a dispatch may not be bound as `read` in it.
    const accesses = buffers.map(({ binding }) => written.has(binding.buffer) ? "w" : "r").join("");
    const promoted = buffers.flatMap(({ binding, access }, at) =>
      access === "read" && written.has(binding.buffer) ? [at] : []
    );
    const layout = this.#layoutOf(accesses, uniformBytes);
    const key = promoted.length === 0 ? kernel.key : `${kernel.key} writable ${promoted}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      this.#pipelines.set(key, pipeline = this.#makePipeline(key, kernel, layout, promoted));
    }
    return { pipeline, layout, ranges, uniformBytes };
  }

  /** The bind group of a launch, kept for the next launch with the same buffers. */
  bindGroup(launch: ResolvedLaunch, uniforms: GPUBuffer): GPUBindGroup {
    const key = bindGroupKey(launch);
    const known = this.#bindGroups.get(key);
    if (known) {
      // What was used last stands last.
      this.#bindGroups.delete(key);
      this.#bindGroups.set(key, known);
      return known;
    }
    const made = this.makeBindGroup(launch, uniforms);
    this.#bindGroups.set(key, made);
    if (this.#bindGroups.size > KEPT_BIND_GROUPS) {
      const [longestUnused] = this.#bindGroups.keys();
      this.#bindGroups.delete(longestUnused);
    }
    return made;
  }

  /** A new bind group of a launch. */
  makeBindGroup(
    { layout, ranges, uniformBytes }: ResolvedLaunch,
    uniforms: GPUBuffer,
  ): GPUBindGroup {
    this.#bindGroupsMade++;
    const entries: GPUBindGroupEntry[] = ranges.map(({ buffer, offset, size }, binding) => ({
      binding,
      resource: { buffer: buffer.memory, offset, size },
    }));
    if (uniformBytes > 0) {
      entries.push({ binding: ranges.length, resource: { buffer: uniforms, size: uniformBytes } });
    }
    return this.#gpu.device.createBindGroup({ layout: layout.group, entries });
  }

  /**
   * The layout of a bind group. It says how long the uniform block is: where a layout leaves that to the pipelines, some
   * implementations hold all that follow in a pass with the same layout to the first one's length.
   */
  #layoutOf(accesses: string, uniformBytes: number): GroupLayout {
    const key = `${accesses}${uniformBytes}`;
    let layout = this.#layouts.get(key);
    if (layout) return layout;
    const visibility = GPUShaderStage.COMPUTE;
    const entries = [...accesses].map((access, binding): GPUBindGroupLayoutEntry => ({
      ...{ binding, visibility },
      buffer: { type: access === "w" ? "storage" : "read-only-storage" },
    }));
    if (uniformBytes > 0) {
      const buffer = {
        type: "uniform",
        hasDynamicOffset: true,
        minBindingSize: uniformBytes,
      } as const;
      entries.push({ binding: accesses.length, visibility, buffer });
    }
    const group = this.#gpu.device.createBindGroupLayout({ entries });
    const pipeline = this.#gpu.device.createPipelineLayout({ bindGroupLayouts: [group] });
    this.#layouts.set(key, layout = { key, group, pipeline });
    return layout;
  }

  #makePipeline(
    key: string,
    kernel: WgslKernel,
    layout: GroupLayout,
    promoted: readonly number[],
  ): GPUComputePipeline {
    let code = withSubgroups(kernel.source(), this.#gpu.subgroups);
    for (const binding of promoted) {
      code = code.replace(
        `@binding(${binding}) var<storage, read>`,
        `@binding(${binding}) var<storage, read_write>`,
      );
    }
    const { device } = this.#gpu;
    return this.#gpu.watch(() => `kernel ${key} does not compile`, () => {
      const module = device.createShaderModule({ code, label: key });
      const compute = { module, entryPoint: "main" };
      return device.createComputePipeline({ label: key, layout: layout.pipeline, compute });
    });
  }
}

/** Names a bind group: its layout and every range. */
export function bindGroupKey({ layout, ranges }: ResolvedLaunch): string {
  let key = layout.key;
  for (const { buffer, offset, size } of ranges) key += `|${buffer.id}+${offset}:${size}`;
  return key;
}

/** Bytes from one uniform block to the next. */
export function uniformStride(words: number): number {
  return Math.ceil(4 * words / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
}

/** A place in a buffer as a binding must begin: at a multiple of 256, the rest in elements. */
export function alignedPlace(byteOffset: number): { byteOffset: number; first: number } {
  const rest = byteOffset % ALIGNMENT;
  return { byteOffset: byteOffset - rest, first: rest / 4 };
}
