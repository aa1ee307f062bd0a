// Batched matrix product with optional bias and activation.

import { toFunction } from "../expression/to_function.ts";
import type { KernelRunner } from "../kernel.ts";
import { countOf, elementsOf, storedAs } from "./buffers.ts";
import { extentOf, walk } from "./walk.ts";

/** Computes activation(a b + bias) for every batch entry. */
export const matmul: KernelRunner<"matmul"> = (parameters, inputs, [output]) => {
  const { batch, batchStridesA, batchStridesB, rows, columns, depth } = parameters;
  const { transposeA, transposeB, activation } = parameters;
  const activate = activation === undefined ? undefined : toFunction([activation], 1);

  const sizeOf = (strides: readonly number[], matrix: number) =>
    batch.includes(0) || matrix === 0 ? 0 : extentOf(batch, strides) - 1 + matrix;
  const a = elementsOf(inputs[0], sizeOf(batchStridesA, rows * depth));
  const b = elementsOf(inputs[1], sizeOf(batchStridesB, depth * columns));
  const bias = parameters.bias ? elementsOf(inputs[2], columns) : undefined;
  const result = elementsOf(output, countOf(batch) * rows * columns);

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
        if (activate !== undefined) sum = activate([sum])[0];
        result[(entry * rows + r) * columns + c] = storedAs(output.dtype, sum);
      }
    }
  });
};
