// Whether shaders can use subgroups here, and how they must ask for them: tried, not believed. Some implementations want the
// directive that the standard has, others refuse it; and how many lanes a subgroup has depends on the adapter.

/** Subgroups that work. */
export interface Subgroups {
  /** Lanes: a workgroup of so many invocations is one subgroup, or part of one. */
  readonly lanes: number;
  /** What a shader that uses them begins with. */
  readonly directive: string;
}

/** What shaders that use subgroups contain. */
const USES = "subgroupBroadcast(";

/** Lanes that are tried, most first: more than eight are not worth sharing registers among. */
const laneCounts = [8, 4];

/** A shader's text with the directive that it needs. */
export function withSubgroups(code: string, subgroups: Subgroups | undefined): string {
  return subgroups && code.includes(USES) ? subgroups.directive + code : code;
}

/** Every lane writes the number of the last one, which it has from that lane. */
function probeShader(lanes: number): string {
  return `\
@group(0) @binding(0) var<storage, read_write> result: array<u32>;
@compute @workgroup_size(${lanes}) fn main(@builtin(local_invocation_index) local: u32) {
  result[local] = ${USES}local, ${lanes - 1}u);
}
`;
}

/** Runs a shader that writes `count` words; undefined where it does not compile or run. */
async function run(device: GPUDevice, code: string, count: number): Promise<number[] | undefined> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const size = 4 * count;
  device.pushErrorScope("validation");
  const result = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
  const staging = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  try {
    const module = device.createShaderModule({ code });
    const compute = { module, entryPoint: "main" };
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    const entries = [{ binding: 0, resource: { buffer: result } }];
    const layout = pipeline.getBindGroupLayout(0);
    pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(result, 0, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    return [...new Uint32Array(staging.getMappedRange())];
  } catch {
    return undefined;
  } finally {
    await device.popErrorScope();
    result.destroy();
    staging.destroy();
  }
}

/** What works on a device; undefined where nothing does. */
export async function probeSubgroups(device: GPUDevice): Promise<Subgroups | undefined> {
  for (const directive of ["", "enable subgroups;\n"]) {
    for (const lanes of laneCounts) {
      const found = await run(device, directive + probeShader(lanes), lanes);
      if (found?.every((word) => word === lanes - 1)) return { lanes, directive };
    }
  }
  return undefined;
}
