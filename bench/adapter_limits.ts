// What a WebGPU adapter can do at most, measured: multiply-adds without memory, and memory without arithmetic.

import type { WebGpuExecutor, WgslKernel } from "../kernels/webgpu/mod.ts";
import type { Limits } from "./step_cost.ts";

/** Chains of dependent multiply-adds in each invocation, of four numbers each. */
const CHAINS = 8;
/** Turns of the loop in one launch. */
const TURNS = 256;
const INVOCATIONS = 64;

/** Independent chains of fused multiply-adds; only their sums are stored. */
const multiplyAdds: WgslKernel = {
  key: "bench multiply-adds",
  uniforms: 0,
  source: () => {
    const chains = Array.from({ length: CHAINS }, (_, at) => at);
    return `\
@group(0) @binding(0) var<storage, read_write> result: array<vec4<f32>>;
@compute @workgroup_size(${INVOCATIONS}) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  // x * 0.999 + 0.5 converges: no overflow, no denormal numbers.
  let factor = vec4<f32>(0.999f);
  let summand = vec4<f32>(0.5f);
${chains.map((at) => `  var chain${at} = vec4<f32>(f32(id.x + ${at}u));\n`).join("")}\
  for (var turn = 0u; turn < ${TURNS}u; turn++) {
${chains.map((at) => `    chain${at} = fma(chain${at}, factor, summand);\n`).join("")}\
  }
  result[id.x] = ${chains.map((at) => `chain${at}`).join(" + ")};
}
`;
  },
};

/** Seconds of a launch: the least of several, waited for. */
function secondsOf(launch: () => void, wait: () => void): number {
  launch();
  wait();
  let best = Infinity;
  for (let run = 0; run < 10; run++) {
    const start = performance.now();
    launch();
    wait();
    best = Math.min(best, performance.now() - start);
  }
  return best / 1e3;
}

/** The limits of the adapter that an executor computes on. */
export function measuredLimits(executor: WebGpuExecutor): Limits {
  // A software adapter has a few threads, a graphics processor thousands.
  const workgroups = executor.software ? 64 : 16_384;
  const floats = executor.software ? 1 << 23 : 1 << 25;
  const bind = (count: number) => ({
    buffer: executor.allocate(4 * count),
    byteOffset: 0,
    dtype: "float32" as const,
  });
  const result = bind(4 * INVOCATIONS * workgroups);
  const [from, to] = [bind(floats), bind(floats)];
  try {
    const arithmetic = secondsOf(
      () =>
        executor.launch(multiplyAdds, [{ binding: result, access: "read_write" }], [], [
          workgroups,
          1,
          1,
        ]),
      () => void executor.read(result, 1),
    );
    const copy = {
      ...{ shape: [floats], sourceOffset: 0, sourceStrides: [1] },
      ...{ destinationOffset: 0, destinationStrides: [1] },
    };
    const memory = secondsOf(
      () => executor.run("copy", copy, [from], [to]),
      () => void executor.read(to, 1),
    );
    return {
      name: executor.description,
      flops: 2 * 4 * CHAINS * TURNS * INVOCATIONS * workgroups / arithmetic,
      bandwidth: 2 * 4 * floats / memory,
    };
  } finally {
    for (const { buffer } of [result, from, to]) executor.release(buffer);
  }
}
