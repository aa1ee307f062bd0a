// Which function carries out which kernel.

import type { KernelName } from "../kernel.ts";
import { convert } from "./convert.ts";
import { copy } from "./copy.ts";
import { fill } from "./fill.ts";
import type { WebGpuRunner } from "./kernel.ts";
import { matmul } from "./matmul.ts";
import { pointwise } from "./pointwise.ts";
import { reduce } from "./reduce.ts";

/** The kernels of the WebGPU executor by name. */
export const webGpuRunners: { readonly [Name in KernelName]?: WebGpuRunner<Name> } = {
  pointwise,
  reduce,
  matmul,
  copy,
  fill,
  convert,
};
