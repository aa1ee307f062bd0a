// Kernel `fill`: one value everywhere.

import { storedWord } from "./elements.ts";
import {
  gridOf,
  type WebGpuBinding,
  type WebGpuLauncher,
  type WebGpuRunner,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
} from "./kernel.ts";

const WORKGROUP = 64;

const fillKernel: WgslKernel = {
  key: "fill",
  uniforms: 3,
  source: () =>
    `\
${
      wgslBindings([{ name: "destination", type: "u32", access: "read_write" }], [
        "count: u32",
        "first: u32",
        "value: u32",
      ])
    }
@compute @workgroup_size(${WORKGROUP}) fn main(${wgslEntryParameters}) {
  let index = ${wgslInvocationIndex(WORKGROUP)};
  if (index < parameters.count) { destination[parameters.first + index] = parameters.value; }
}
`,
};

/** Sets `count` words. */
export function fillWords(
  executor: WebGpuLauncher,
  destination: WebGpuBinding,
  count: number,
  word: number,
): void {
  executor.launch(
    fillKernel,
    [{ binding: destination, access: "read_write", elements: count }],
    [count, destination.first, word],
    gridOf(Math.ceil(count / WORKGROUP)),
  );
}

/** Sets every element to one value. */
export const fill: WebGpuRunner<"fill"> = (executor, { count, value }, _inputs, [destination]) => {
  fillWords(executor, destination, count, storedWord(value, destination.dtype));
};
