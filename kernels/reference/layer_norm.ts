// Layer normalization along rows (Ba et al. 2016), and its gradients.

import type { KernelRunner, TypedArray } from "../kernel.ts";
import { elementsOf } from "./buffers.ts";

/** A row's mean and the reciprocal of its standard deviation (biased variance plus epsilon). */
function statisticsOf(row: TypedArray, epsilon: number): { mean: number; reciprocal: number } {
  let sum = 0;
  for (const value of row) sum += value;
  const mean = sum / row.length;
  let squares = 0;
  for (const value of row) squares += (value - mean) ** 2;
  return { mean, reciprocal: 1 / Math.sqrt(squares / row.length + epsilon) };
}

/** (x - mean) / sqrt(variance + epsilon) * scale + bias for each row. */
export const layerNorm: KernelRunner<"layerNorm"> = (parameters, inputs, [output]) => {
  const { rows, length, epsilon } = parameters;
  const x = elementsOf(inputs[0], rows * length);
  const scale = elementsOf(inputs[1], length);
  const bias = elementsOf(inputs[2], length);
  const y = elementsOf(output, rows * length);
  for (let row = 0; row < rows; row++) {
    const start = row * length;
    const { mean, reciprocal } = statisticsOf(x.subarray(start, start + length), epsilon);
    for (let i = 0; i < length; i++) {
      y[start + i] = (x[start + i] - mean) * reciprocal * scale[i] + bias[i];
    }
  }
};

/**
 * With n = (x - mean) * reciprocal and h = g * scale:
 * gradient of x = reciprocal * (h - mean(h) - n * mean(h n)), of scale = sum over rows of g n, of bias = sum of g.
 */
export const layerNormBackward: KernelRunner<"layerNormBackward"> = (
  parameters,
  inputs,
  outputs,
) => {
  const { rows, length, epsilon } = parameters;
  const x = elementsOf(inputs[0], rows * length);
  const scale = elementsOf(inputs[1], length);
  const gradient = elementsOf(inputs[2], rows * length);
  const residual = parameters.residual ? elementsOf(inputs[3], rows * length) : undefined;
  const gradientX = elementsOf(outputs[0], rows * length);
  // Sums over rows stay in float64 until they are complete, whatever type they are stored as.
  const scaleSums = new Float64Array(length);
  const biasSums = new Float64Array(length);
  for (let row = 0; row < rows; row++) {
    const start = row * length;
    const { mean, reciprocal } = statisticsOf(x.subarray(start, start + length), epsilon);
    const normalized = (i: number) => (x[start + i] - mean) * reciprocal;
    let sum = 0;
    let sumNormalized = 0;
    for (let i = 0; i < length; i++) {
      const scaled = gradient[start + i] * scale[i];
      sum += scaled;
      sumNormalized += scaled * normalized(i);
      scaleSums[i] += gradient[start + i] * normalized(i);
      biasSums[i] += gradient[start + i];
    }
    for (let i = 0; i < length; i++) {
      const scaled = gradient[start + i] * scale[i];
      const own = reciprocal * (scaled - sum / length - normalized(i) * sumNormalized / length);
      gradientX[start + i] = residual ? residual[start + i] + own : own;
    }
  }
  elementsOf(outputs[1], length).set(scaleSums);
  elementsOf(outputs[2], length).set(biasSums);
};
