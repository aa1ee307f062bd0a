// The devices under test; a new executor joins here.

import { type Device, startWebGpu } from "../../tensor/mod.ts";

/** Whether a WebGPU adapter is here. Without one its tests are left out, aloud, or fail where one is required. */
const hasWebGpu = await startWebGpu().then(() => true, (cause) => {
  if (Deno.env.get("CORIT_REQUIRE_WEBGPU") === "1") throw cause;
  console.warn(`the tests on the device "webgpu" are left out: ${cause.message}`);
  return false;
});

/** The devices that are compared with the reference. */
export const comparedDevices: readonly Device[] = hasWebGpu ? ["wasm", "webgpu"] : ["wasm"];

/** Those and the reference itself, for comparisons with values from outside. */
export const allDevices: readonly Device[] = ["reference", ...comparedDevices];

/** Random examples of each operation: fewer on `webgpu`, where every new kernel is compiled for tens of milliseconds. */
export const exampleCount: Readonly<Record<Device, number>> = {
  reference: 20,
  wasm: 20,
  webgpu: 6,
};
