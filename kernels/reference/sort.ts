// The order of indices that sorts along one axis.

import type { KernelRunner } from "../kernel.ts";
import { elementsOf } from "./buffers.ts";

/** Compares two numbers for sorting; NaN goes last in either direction. */
function compare(a: number, b: number, descending: boolean): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  if (a === b) return 0;
  return (a < b) === descending ? 1 : -1;
}

/** Writes the stable sorting order; equal elements keep theirs (`Array.sort` is stable). */
export const sort: KernelRunner<"sort"> = (parameters, [input], [output]) => {
  const { outer, length, inner, descending } = parameters;
  const source = elementsOf(input, outer * length * inner);
  const result = elementsOf(output, outer * length * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const at = (l: number) => (o * length + l) * inner + i;
      const order = Array.from({ length }, (_, l) => l);
      order.sort((a, b) => compare(source[at(a)], source[at(b)], descending));
      order.forEach((index, l) => result[at(l)] = index);
    }
  }
};
