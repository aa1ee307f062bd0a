// A tensor as text: nested brackets, long axes shortened, columns aligned.

import type { DType, ExecutorName, TypedArray } from "../kernels/kernel.ts";
import { type Shape, showShape } from "./shape.ts";

const EDGE = 3; // elements shown at either end of a long axis
const LONG = 2 * EDGE + 1;

function formatter(data: readonly number[], dtype: DType): (value: number) => string {
  if (dtype === "bool") return (value) => value === 0 ? "false" : "true";
  if (dtype === "int32" || data.every(Number.isInteger)) return String;
  const largest = data.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0);
  const plain = largest < 1e5 && largest >= 1e-3;
  return (value) => plain ? value.toFixed(4) : value.toExponential(4);
}

/** A readable picture of a tensor. */
export function printTensor(
  shape: Shape,
  dtype: DType,
  device: ExecutorName,
  data: TypedArray,
): string {
  const format = formatter([...data.subarray(0, 4096)], dtype);
  const print = (axis: number, offset: number, indent: string): string => {
    if (axis === shape.length) return format(data[offset]);
    const stride = shape.slice(axis + 1).reduce((product, length) => product * length, 1);
    const shown = shape[axis] <= LONG
      ? Array.from({ length: shape[axis] }, (_, index) => index)
      : [...Array(EDGE).keys(), -1, ...Array.from(Array(EDGE), (_, i) => shape[axis] - EDGE + i)];
    const parts = shown.map((index) =>
      index < 0 ? "..." : print(axis + 1, offset + index * stride, indent + " ")
    );
    const separator = axis === shape.length - 1 ? ", " : `,\n${indent} `;
    return `[${parts.join(separator)}]`;
  };
  return `Tensor ${showShape(shape)} ${dtype} on ${device}\n${print(0, 0, "")}`;
}
