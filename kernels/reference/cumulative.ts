// Running sums along one axis.

import type { KernelRunner } from "../kernel.ts";
import { elementsOf, storedAs } from "./buffers.ts";

/** Element l becomes the sum of elements 0..l, or of l..length-1 where `reverse`. */
export const cumulativeSum: KernelRunner<"cumulativeSum"> = (parameters, [input], [output]) => {
  const { outer, length, inner, reverse } = parameters;
  const source = elementsOf(input, outer * length * inner);
  const result = elementsOf(output, outer * length * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let sum = 0;
      for (let step = 0; step < length; step++) {
        const l = reverse ? length - 1 - step : step;
        const at = (o * length + l) * inner + i;
        sum += source[at];
        result[at] = storedAs(output.dtype, sum);
      }
    }
  }
};
