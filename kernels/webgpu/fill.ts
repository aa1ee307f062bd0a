// Kernel `fill`: one value everywhere.

import { storedWord } from "./elements.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import type { WebGpuBinding, WebGpuLauncher, WebGpuRunner } from "./kernel.ts";

const fillKernel = itemKernel({
  key: "fill",
  buffers: [{ name: "destination", type: "u32", access: "read_write" }],
  fields: ["first: u32", "value: u32"],
  body: () => "  destination[parameters.first + index] = parameters.value;\n",
});

/** Sets `count` words. */
export function fillWords(
  executor: WebGpuLauncher,
  destination: WebGpuBinding,
  count: number,
  word: number,
): void {
  launchItems(
    executor,
    fillKernel,
    [{ binding: destination, access: "read_write", elements: count }],
    count,
    [destination.first, word],
  );
}

/** Sets every element to one value. */
export const fill: WebGpuRunner<"fill"> = (executor, { count, value }, _inputs, [destination]) => {
  fillWords(executor, destination, count, storedWord(value, destination.dtype));
};
