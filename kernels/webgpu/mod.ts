/**
 * The WebGPU executor: float32 in WGSL compute shaders.
 *
 * @module
 */

export {
  type AdapterFacts,
  adapterName,
  adapterVendor,
  classifyAdapter,
  requestAdapter,
} from "./adapter.ts";
export {
  type AdapterClass,
  type Choice,
  choiceKey,
  type ChoiceOverrides,
  ChoiceTable,
} from "./choices.ts";
export { type WebGpuCounts, WebGpuExecutor, type WebGpuExecutorOptions } from "./executor.ts";
export type { Access, WgslKernel } from "./kernel.ts";
export { type TunedChoice, tuneKernels, type TuneOptions } from "./tuner.ts";
