/**
 * The WebAssembly executor: float32 with SIMD on several threads.
 *
 * @module
 */

export type { WasmExecutorOptions } from "./engine.ts";
export { WasmExecutor } from "./executor.ts";
