// Kernel `findNonFinite`: the guard against NaN and infinity. It looks at bit patterns: a GPU may assume that no
// number is NaN.

import { fillWords } from "./fill.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import type { WebGpuRunner } from "./kernel.ts";

/** Words that one invocation looks at; neighbouring invocations look at neighbouring words. */
const EACH = 16;

/** Every bit set is int32's -1 and the largest u32: the smallest index found replaces it, in whatever order. */
const NOTHING_FOUND = 0xffffffff;

const findKernel = itemKernel({
  key: "findNonFinite",
  buffers: [
    { name: "source", type: "u32", access: "read" },
    { name: "found", type: "atomic<u32>", access: "read_write" },
  ],
  fields: ["length: u32", "firstSource: u32", "firstFound: u32"],
  body: () =>
    `\
  var first = ${NOTHING_FOUND}u;
  for (var at = index; at < parameters.length; at += parameters.count) {
    if ((source[parameters.firstSource + at] & 0x7f800000u) == 0x7f800000u) { first = min(first, at); }
  }
  if (first != ${NOTHING_FOUND}u) { atomicMin(&found[parameters.firstFound], first); }
`,
});

/** Writes the index of the first element that is NaN or infinite, or -1. Integers always are finite. */
export const findNonFinite: WebGpuRunner<"findNonFinite"> = (executor, { count }, [x], [found]) => {
  fillWords(executor, found, 1, NOTHING_FOUND);
  if (x.dtype === "int32") return;
  launchItems(
    executor,
    findKernel,
    [
      { binding: x, access: "read", elements: count },
      { binding: found, access: "read_write", elements: 1 },
    ],
    Math.ceil(count / EACH),
    [count, x.first, found.first],
  );
};
