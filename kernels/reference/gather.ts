// Reading and adding at indices along one axis.

import type { AxisLayout, Binding, KernelRunner } from "../kernel.ts";
import { elementsOf } from "./buffers.ts";
import { extentOf, walk } from "./walk.ts";

/** Calls `visit(packed, indexed)` for each of `[outer, count, inner]` and its place in `[outer, length, inner]`. */
function forEachIndexed(
  layout: AxisLayout & { count: number; indexStrides: readonly [number, number, number] },
  index: Binding,
  visit: (packed: number, indexed: number) => void,
): void {
  const { outer, length, inner, count, indexStrides } = layout;
  const shape = [outer, count, inner];
  const indices = elementsOf(index, extentOf(shape, indexStrides));
  walk(shape, [indexStrides], (packed, [at]) => {
    const o = Math.floor(packed / (count * inner));
    visit(packed, (o * length + indices[at]) * inner + packed % inner);
  });
}

/** Output element (o, c, i) is source element (o, index, i). */
export const gather: KernelRunner<"gather"> = (parameters, [source, index], [output]) => {
  const { outer, length, inner, count } = parameters;
  const from = elementsOf(source, outer * length * inner);
  const to = elementsOf(output, outer * count * inner);
  forEachIndexed(parameters, index, (packed, indexed) => to[packed] = from[indexed]);
};

/** Output element (o, l, i) is the sum of the values whose index is l. */
export const scatterAdd: KernelRunner<"scatterAdd"> = (parameters, [values, index], [output]) => {
  const { outer, length, inner, count } = parameters;
  const from = elementsOf(values, outer * count * inner);
  const sums = new Float64Array(outer * length * inner);
  forEachIndexed(parameters, index, (packed, indexed) => sums[indexed] += from[packed]);
  elementsOf(output, sums.length).set(sums);
};
