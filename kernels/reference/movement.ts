// Moving elements without computing: strided copies, filling and conversion between types.

import type { KernelRunner } from "../kernel.ts";
import { elementsOf, storedAs } from "./buffers.ts";
import { extentOf, walk } from "./walk.ts";

/** Copies a strided block of elements into a strided block of another tensor. */
export const copy: KernelRunner<"copy"> = (parameters, [source], [destination]) => {
  const { shape, sourceOffset, sourceStrides, destinationOffset, destinationStrides } = parameters;
  if (shape.includes(0)) return;
  const from = elementsOf(source, sourceOffset + extentOf(shape, sourceStrides));
  const to = elementsOf(destination, destinationOffset + extentOf(shape, destinationStrides));
  walk(shape, [sourceStrides, destinationStrides], (_position, [read, write]) => {
    to[destinationOffset + write] = from[sourceOffset + read];
  });
};

/** Sets every element to one value. */
export const fill: KernelRunner<"fill"> = ({ count, value }, _inputs, [destination]) => {
  elementsOf(destination, count).fill(storedAs(destination.dtype, value));
};

/** Reads elements as numbers and stores them as another type. */
export const convert: KernelRunner<"convert"> = ({ count }, [source], [destination]) => {
  const from = elementsOf(source, count);
  const to = elementsOf(destination, count);
  for (let i = 0; i < count; i++) to[i] = storedAs(destination.dtype, from[i]);
};
