// Which function carries out which kernel.

import type { KernelName } from "../kernel.ts";
import { convert } from "./convert.ts";
import { copy } from "./copy.ts";
import { fill } from "./fill.ts";
import type { WasmRunner } from "./kernel.ts";

/** The kernels of the WebAssembly executor by name. */
export const wasmRunners = { copy, fill, convert } as unknown as {
  readonly [Name in KernelName]: WasmRunner<Name>;
};
