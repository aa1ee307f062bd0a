// The guard against NaN and infinity.

import type { KernelRunner } from "../kernel.ts";
import { elementsOf } from "./buffers.ts";

/** Writes the index of the first element that is NaN or infinite, or -1. */
export const findNonFinite: KernelRunner<"findNonFinite"> = ({ count }, [input], [output]) => {
  const result = elementsOf(output, 1);
  result[0] = elementsOf(input, count).findIndex((value) => !Number.isFinite(value));
};
