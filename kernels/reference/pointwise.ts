// Pointwise expressions: every element of every output from the same element of the inputs.

import { toFunction } from "../expression/to_function.ts";
import type { KernelRunner } from "../kernel.ts";
import { countOf, elementsOf, storedAs } from "./buffers.ts";
import { extentOf, walk } from "./walk.ts";

/** Evaluates the expressions at each element of `shape`. */
export const pointwise: KernelRunner<"pointwise"> = (parameters, inputs, outputs) => {
  const { expressions, shape, inputStrides } = parameters;
  const evaluate = toFunction(expressions, inputs.length);
  const count = countOf(shape);
  const sources = inputs.map((input, i) => elementsOf(input, extentOf(shape, inputStrides[i])));
  const destinations = outputs.map((output) => elementsOf(output, count));
  walk(shape, inputStrides, (position, offsets) => {
    const results = evaluate(sources.map((source, i) => source[offsets[i]]));
    outputs.forEach(({ dtype }, i) => destinations[i][position] = storedAs(dtype, results[i]));
  });
};
