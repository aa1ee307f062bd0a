// Sums over units of products and of their squares.

import type { KernelRunner } from "../kernel.ts";
import { elementsOf } from "./buffers.ts";

/** With P_u = left_u' right_u: the sum of P_u over units, and the sum of its elementwise squares. */
export const productMoments: KernelRunner<"productMoments"> = (parameters, inputs, outputs) => {
  const { units, rows, height, width } = parameters;
  const left = elementsOf(inputs[0], units * rows * height);
  const right = elementsOf(inputs[1], units * rows * width);
  const sums = elementsOf(outputs[0], height * width);
  const squares = elementsOf(outputs[1], height * width);
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      let sum = 0, square = 0;
      for (let unit = 0; unit < units; unit++) {
        let product = 0;
        for (let row = unit * rows; row < (unit + 1) * rows; row++) {
          product += left[row * height + i] * right[row * width + j];
        }
        sum += product;
        square += product * product;
      }
      sums[i * width + j] = sum;
      squares[i * width + j] = square;
    }
  }
};
