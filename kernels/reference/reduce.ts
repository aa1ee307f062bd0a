// Reductions along one axis: sum, maximum and minimum of a mapped value, and the index of an extreme.

import { toFunction } from "../expression/to_function.ts";
import type { KernelParameters, KernelRunner } from "../kernel.ts";
import { elementsOf, storedAs } from "./buffers.ts";

/** Where each reduction starts: what it is over nothing. */
const emptyValue: Readonly<Record<KernelParameters["reduce"]["kind"], number>> = {
  sum: 0,
  max: -Infinity,
  min: Infinity,
};

/** One step of each reduction. `Math.max` and `Math.min` let NaN win. */
const combine: Readonly<
  Record<KernelParameters["reduce"]["kind"], (sum: number, value: number) => number>
> = { sum: (sum, value) => sum + value, max: Math.max, min: Math.min };

/** Reduces `map` of the inputs, or input 0 where there is no map, along `length`. */
export const reduce: KernelRunner<"reduce"> = (parameters, inputs, [output]) => {
  const { outer, length, inner, kind, map } = parameters;
  const evaluate = map === undefined ? undefined : toFunction([map], inputs.length);
  const sources = inputs.map((input) => elementsOf(input, outer * length * inner));
  const result = elementsOf(output, outer * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let value = emptyValue[kind];
      for (let l = 0; l < length; l++) {
        const at = (o * length + l) * inner + i;
        const element = evaluate === undefined
          ? sources[0][at]
          : evaluate(sources.map((source) => source[at]))[0];
        value = combine[kind](value, element);
      }
      result[o * inner + i] = storedAs(output.dtype, value);
    }
  }
};

/** Finds the first largest or smallest element along `length`; the first NaN counts as the extreme. */
export const argReduce: KernelRunner<"argReduce"> = (parameters, [input], [output]) => {
  const { outer, length, inner, kind } = parameters;
  const source = elementsOf(input, outer * length * inner);
  const result = elementsOf(output, outer * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const element = (l: number) => source[(o * length + l) * inner + i];
      let best = 0;
      for (let l = 1; l < length && !Number.isNaN(element(best)); l++) {
        const better = kind === "max" ? element(l) > element(best) : element(l) < element(best);
        if (better || Number.isNaN(element(l))) best = l;
      }
      result[o * inner + i] = best;
    }
  }
};
