// Kernel `fill`: every element becomes one value.

import { add, constantI32, instruction, multiply, subtract } from "./assembler.ts";
import { defineKernel, minimum } from "./emit.ts";
import { splitWork, type WasmRunner } from "./kernel.ts";
import { storedWord } from "./elements.ts";

/** Words to an item. */
const CHUNK = 4096;

/** Arguments: destination, count, the value's bits. */
const kernel = defineKernel("fill", (body) => {
  const [destination, count, bits] = body.arguments(3);
  const value = body.code.local("v128", instruction("i32x4.splat", bits));
  const pointer = body.variable(0), first = body.variable(0), left = body.variable(0);
  body.forItems((item) => {
    body.code.set(first, multiply(item, CHUNK));
    body.code.set(left, subtract(count, first));
    body.code.set(pointer, add(destination, multiply(first, 4)));
    body.fillRow(pointer, minimum(left, constantI32(CHUNK)), value);
  });
});

/** Sets `count` elements to the value, stored as the destination's type. */
export const fill: WasmRunner<"fill"> = (executor, { count, value }, _inputs, [destination]) => {
  const items = Math.ceil(count / CHUNK);
  const words = [destination.address, count, storedWord(value, destination.dtype)];
  executor.launch(kernel, words, items, splitWork(items, CHUNK * 0.1));
};
