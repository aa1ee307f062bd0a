// Kernel `cumulativeSum`: running sums along one axis.

import {
  add,
  constantF32,
  constantI32,
  instruction,
  load,
  type Local,
  multiply,
  subtract,
} from "./assembler.ts";
import { type NumberKind, sharedNumberKind } from "./elements.ts";
import { defineKernel, type KernelBody, minimum, wordAt } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";

/** Columns to an item: a cache line. */
const STRIP = 16;

/** Sums down `length` rows of the columns at two addresses, in `vectors` vectors of four, or one word. */
function emitSums(
  body: KernelBody,
  kind: NumberKind,
  vectors: number | "word",
  read: Local<"i32">,
  write: Local<"i32">,
  length: Local<"i32">,
  stride: Local<"i32">,
): void {
  const { code } = body;
  const row = body.variable(0);
  const loop = (step: () => void) =>
    code.for(row, 0, length, 1, () => {
      step();
      code.increment(read, stride);
      code.increment(write, stride);
    });
  if (vectors === "word") {
    if (kind === "f32") {
      const sum = code.local("f32");
      code.set(sum, constantF32(0));
      loop(() => {
        code.set(sum, instruction("f32.add", sum, load("f32.load", read)));
        code.store("f32.store", write, 0, sum);
      });
    } else {
      const sum = body.variable(0);
      loop(() => {
        code.increment(sum, load("i32.load", read));
        code.store("i32.store", write, 0, sum);
      });
    }
    return;
  }
  const sums = Array.from({ length: vectors }, () => {
    return code.local("v128", instruction("i32x4.splat", constantI32(0)));
  });
  loop(() => {
    sums.forEach((sum, index) => {
      const next = load("v128.load", add(read, 16 * index));
      code.set(sum, instruction(`${kind}x4.add`, sum, next));
      code.store("v128.store", add(write, 16 * index), 0, sum);
    });
  });
}

/**
 * Items are (outer, strip of `inner`). Arguments: source, destination, length, inner, strips, whether from the end.
 */
function defineCumulativeSum(kind: NumberKind): WasmKernel {
  return defineKernel(`cumulativeSum ${kind}`, (body) => {
    const { code } = body;
    const [source, destination, length, inner, strips, reverse] = body.arguments(6);
    const rowBytes = body.variable(multiply(inner, 4));
    const stride = body.variable(rowBytes);
    const first = body.variable(0), column = body.variable(0);
    const width = body.variable(0), left = body.variable(0);
    const read = body.variable(0), write = body.variable(0);
    code.if(reverse, () => code.set(stride, subtract(constantI32(0), rowBytes)));
    body.forItems((item) => {
      const [outer, strip] = body.divide(item, strips);
      // The first row to be added: the last one where the sums run from the end.
      code.set(first, multiply(outer, length));
      code.if(reverse, () => code.increment(first, subtract(length, constantI32(1))));
      code.set(column, multiply(strip, STRIP));
      code.set(left, subtract(inner, column));
      code.set(width, minimum(left, STRIP));
      const place = () => {
        const at = body.variable(add(multiply(first, inner), column));
        code.set(read, wordAt(source, at));
        code.set(write, wordAt(destination, at));
      };
      code.if(
        instruction("i32.eq", width, constantI32(STRIP)),
        () => {
          place();
          emitSums(body, kind, STRIP / 4, read, write, length, stride);
        },
        () => {
          code.set(left, width);
          code.doWhile(() => {
            place();
            emitSums(body, kind, "word", read, write, length, stride);
            code.increment(column, 1);
            code.increment(left, -1);
          }, () => left);
        },
      );
    });
  });
}

const kernels = { f32: defineCumulativeSum("f32"), i32: defineCumulativeSum("i32") };

/** Element l becomes the sum of elements 0 to l, or of l to length-1 where `reverse`, added one by one in float32. */
export const cumulativeSum: WasmRunner<"cumulativeSum"> = (
  executor,
  { outer, length, inner, reverse },
  [source],
  [output],
) => {
  if (length === 0) return;
  const strips = Math.ceil(inner / STRIP);
  const words = [source.address, output.address, length, inner, strips, Number(reverse)];
  const kernel = kernels[sharedNumberKind("cumulativeSum", source, output)];
  const items = outer * strips;
  const perRow = inner % STRIP === 0 ? 4 : Math.min(inner, STRIP);
  executor.launch(kernel, words, items, splitWork(items, length * perRow));
};
