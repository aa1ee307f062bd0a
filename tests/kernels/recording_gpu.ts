// A WebGPU device that computes nothing and keeps every shader that it is asked to compile: what the executor would run on
// an adapter, without one. Copies between buffers are real, so that what was written is read back.

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

/** Commands that take effect when they are recorded; dispatches do nothing. */
const encoder = {
  beginComputePass: () => ({
    setPipeline: () => {},
    setBindGroup: () => {},
    dispatchWorkgroups: () => {},
    end: () => {},
  }),
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
    createBindGroup: () => ({}),
    createShaderModule(shader: RecordedShader): object {
      shaders.set(shader.label, { label: shader.label, code: shader.code });
      return {};
    },
    createComputePipeline: () => ({}),
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
  const own = Object.getOwnPropertyDescriptor(navigator, "gpu");
  const gpu = { requestAdapter: () => Promise.resolve(adapter) };
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  try {
    await run();
  } finally {
    if (own) Object.defineProperty(navigator, "gpu", own);
    else delete (navigator as { gpu?: unknown }).gpu;
  }
  return [...shaders.values()];
}
