/**
 * How numbers are computed: what kernels are asked to do, the scalar language, and the executors.
 *
 * @module
 */

export * from "./kernel.ts";
export * from "./expression/mod.ts";
export { ReferenceExecutor } from "./reference/mod.ts";
export { selfTest, type SelfTestOptions, type SelfTestResult } from "./self_test.ts";
export * from "./wasm/mod.ts";
export * from "./webgpu/mod.ts";
