// A WebGPU device that computes nothing and keeps every shader that it is asked to compile: what the executor would run on
// an adapter, without one. Copies between buffers are real, so that what was written is read back.

import { withGpu } from "../tensor/with_gpu.ts";

/** A shader that was asked for. */
export interface RecordedShader {
  /** Its key. */
  readonly label: string;
  /** Its WGSL. */
  readonly code: string;
}

/** What an adapter with plenty of everything allows. */
const limits = {
  maxStorageBuffersPerShaderStage: 32,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
  maxBufferSize: 2 ** 31,
  maxComputeWorkgroupStorageSize: 32768,
  maxComputeInvocationsPerWorkgroup: 1024,
};

/** A buffer in ordinary memory. */
class MemoryBuffer {
  readonly bytes: ArrayBuffer;
  constructor(readonly size: number) {
    this.bytes = new ArrayBuffer(size);
  }
  mapAsync(): Promise<void> {
    return Promise.resolve();
  }
  getMappedRange(offset = 0, size = this.size - offset): ArrayBuffer {
    return this.bytes.slice(offset, offset + size);
  }
  unmap(): void {}
  destroy(): void {}
}

/** A pipeline as far as it matters here. */
interface RecordedPipeline {
  readonly code: string;
  getBindGroupLayout(): object;
}

/** A bind group as far as it matters here. */
interface RecordedBindGroup {
  readonly entries: readonly { readonly resource: { readonly buffer: MemoryBuffer } }[];
}

/** What the executor runs to see whether subgroups work: a lane's number for every lane. */
const probe = /^enable subgroups;\n[^]*subgroupBroadcast\(local, (\d+)u\)/;

/** Commands that take effect when they are recorded; no dispatch computes anything but the probe of subgroups. */
const encoder = {
  beginComputePass() {
    let pipeline: RecordedPipeline | undefined, group: RecordedBindGroup | undefined;
    return {
      setPipeline: (each: RecordedPipeline) => pipeline = each,
      setBindGroup: (_: number, each: RecordedBindGroup) => group = each,
      dispatchWorkgroups(): void {
        const [, lane] = pipeline?.code.match(probe) ?? [];
        if (lane === undefined || !group) return;
        new Uint32Array(group.entries[0].resource.buffer.bytes).fill(Number(lane));
      },
      end: () => {},
    };
  },
  copyBufferToBuffer(
    from: MemoryBuffer,
    fromOffset: number,
    to: MemoryBuffer,
    toOffset: number,
    size: number,
  ): void {
    new Uint8Array(to.bytes, toOffset, size).set(new Uint8Array(from.bytes, fromOffset, size));
  },
  clearBuffer(buffer: MemoryBuffer, offset: number, size: number): void {
    new Uint8Array(buffer.bytes, offset, size).fill(0);
  },
  finish: () => ({}),
};

function deviceThatRecords(shaders: Map<string, RecordedShader>, features: readonly string[]) {
  return {
    limits,
    features: new Set(features),
    lost: new Promise<never>(() => {}),
    queue: {
      writeBuffer(buffer: MemoryBuffer, offset: number, data: ArrayBufferView): void {
        const { buffer: from, byteOffset, byteLength } = data;
        new Uint8Array(buffer.bytes, offset, byteLength)
          .set(new Uint8Array(from, byteOffset, byteLength));
      },
      submit: () => {},
      onSubmittedWorkDone: () => Promise.resolve(),
    },
    addEventListener: () => {},
    pushErrorScope: () => {},
    popErrorScope: () => Promise.resolve(null),
    createBuffer: ({ size }: { size: number }) => new MemoryBuffer(size),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createBindGroup: (group: RecordedBindGroup) => group,
    createShaderModule({ label, code }: RecordedShader): object {
      // The probe has no label, and is no kernel.
      if (label) shaders.set(label, { label, code });
      return { code };
    },
    createComputePipeline: () => ({ code: "" }),
    createComputePipelineAsync({ compute }: { compute: { module: { code: string } } }) {
      const { code } = compute.module;
      const works = !code.includes("subgroup") || features.includes("subgroups");
      const pipeline: RecordedPipeline = { code, getBindGroupLayout: () => ({}) };
      return works ? Promise.resolve(pipeline) : Promise.reject(new Error("no subgroups"));
    },
    createCommandEncoder: () => encoder,
    destroy: () => {},
  };
}

/**
 * Runs a function where `navigator.gpu` is such a device, and returns the shaders that it asked for.
 *
 * @param description How the adapter calls itself, which decides the kernels that are chosen.
 * @param features The optional features that it has.
 */
export async function recordShaders(
  description: string,
  features: readonly string[],
  run: () => Promise<void>,
): Promise<RecordedShader[]> {
  const shaders = new Map<string, RecordedShader>();
  const adapter = {
    limits,
    features: new Set(features),
    info: { vendor: "", architecture: "", device: "", description },
    requestDevice: () => Promise.resolve(deviceThatRecords(shaders, features)),
  };
  await withGpu({ requestAdapter: () => Promise.resolve(adapter) }, run);
  return [...shaders.values()];
}
