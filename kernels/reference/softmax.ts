// Softmax and log-softmax along rows, and their gradients.

import type { KernelRunner } from "../kernel.ts";
import { elementsOf } from "./buffers.ts";

/** exp(x - logSumExp(x)) of each row, or its logarithm; the row's maximum is taken out first. */
export const softmax: KernelRunner<"softmax"> = (parameters, [input], [output]) => {
  const { rows, length, logarithm } = parameters;
  const x = elementsOf(input, rows * length);
  const y = elementsOf(output, rows * length);
  for (let row = 0; row < rows; row++) {
    const start = row * length;
    let maximum = -Infinity;
    for (let i = 0; i < length; i++) maximum = Math.max(maximum, x[start + i]);
    let sum = 0;
    for (let i = 0; i < length; i++) sum += Math.exp(x[start + i] - maximum);
    for (let i = 0; i < length; i++) {
      const shifted = x[start + i] - maximum;
      y[start + i] = logarithm ? shifted - Math.log(sum) : Math.exp(shifted) / sum;
    }
  }
};

/** y * (g - sum(g y)) for softmax; g - exp(y) * sum(g) for log-softmax. */
export const softmaxBackward: KernelRunner<"softmaxBackward"> = (parameters, inputs, [output]) => {
  const { rows, length, logarithm } = parameters;
  const [y, gradient] = inputs.map((input) => elementsOf(input, rows * length));
  const result = elementsOf(output, rows * length);
  for (let row = 0; row < rows; row++) {
    const start = row * length;
    let sum = 0;
    for (let i = start; i < start + length; i++) {
      sum += logarithm ? gradient[i] : gradient[i] * y[i];
    }
    for (let i = start; i < start + length; i++) {
      result[i] = logarithm ? gradient[i] - Math.exp(y[i]) * sum : y[i] * (gradient[i] - sum);
    }
  }
};
