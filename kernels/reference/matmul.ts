// Batched matrix product with optional bias and epilogue.

import { toFunction } from "../expression/to_function.ts";
import type { KernelRunner } from "../kernel.ts";
import { countOf, elementsOf, storedAs } from "./buffers.ts";
import { extentOf, walk } from "./walk.ts";

/** Computes the epilogue of a b + bias for every batch entry. */
export const matmul: KernelRunner<"matmul"> = (parameters, inputs, outputs) => {
  const { batch, batchStridesA, batchStridesB, rows, columns, depth } = parameters;
  const { transposeA, transposeB, epilogue } = parameters;
  const firstMore = parameters.bias ? 3 : 2;
  const finish = epilogue && toFunction(epilogue, 1 + inputs.length - firstMore);

  const sizeOf = (strides: readonly number[], matrix: number) =>
    batch.includes(0) || matrix === 0 ? 0 : extentOf(batch, strides) - 1 + matrix;
  const a = elementsOf(inputs[0], sizeOf(batchStridesA, rows * depth));
  const b = elementsOf(inputs[1], sizeOf(batchStridesB, depth * columns));
  const bias = parameters.bias ? elementsOf(inputs[2], columns) : undefined;
  const size = countOf(batch) * rows * columns;
  const more = inputs.slice(firstMore).map((input) => elementsOf(input, size));
  const results = outputs.map((output) => elementsOf(output, size));

  walk(batch, [batchStridesA, batchStridesB], (entry, [startA, startB]) => {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let d = 0; d < depth; d++) {
          const left = a[startA + (transposeA ? d * rows + r : r * depth + d)];
          const right = b[startB + (transposeB ? c * depth + d : d * columns + c)];
          sum += left * right;
        }
        if (bias !== undefined) sum += bias[c];
        const at = (entry * rows + r) * columns + c;
        const values = finish ? finish([sum, ...more.map((each) => each[at])]) : [sum];
        results.forEach((result, i) => result[at] = storedAs(outputs[i].dtype, values[i]));
      }
    }
  });
};
