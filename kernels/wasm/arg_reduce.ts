// Kernel `argReduce`: where the first largest or smallest element along an axis is.

import {
  add,
  constantI32,
  type FunctionBuilder,
  instruction,
  laneI32,
  load,
  type Local,
  multiply,
  splatI32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import { type NumberKind, numberKind } from "./elements.ts";
import { defineKernel, wordAt } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";

/** Lanes in which `next` takes the place of `best`: it is better, or the first NaN. */
function better(
  direction: "max" | "min",
  kind: NumberKind,
  next: Value<"v128">,
  best: Value<"v128">,
): Value<"v128"> {
  if (kind === "i32") {
    return instruction(direction === "max" ? "i32x4.gt_s" : "i32x4.lt_s", next, best);
  }
  const notBetter = instruction(direction === "max" ? "f32x4.le" : "f32x4.ge", next, best);
  const bestIsNumber = instruction("f32x4.eq", best, best);
  // A comparison with NaN is false: what is not "not better" is better or NaN.
  return instruction("v128.andnot", bestIsNumber, notBetter);
}

/** Indices of the best of `length` rows, four columns at once; `read` advances. `loadRow` reads the columns. */
function emitSearch(
  code: FunctionBuilder,
  direction: "max" | "min",
  kind: NumberKind,
  read: Local<"i32">,
  length: Local<"i32">,
  stride: Local<"i32">,
  loadRow: (address: Value<"i32">) => Value<"v128">,
): Local<"v128"> {
  const best = code.local("v128", loadRow(read));
  const indices = code.local("v128", splatI32x4(0));
  const next = code.local("v128"), mask = code.local("v128"), row = code.local("i32");
  code.increment(read, stride);
  code.for(row, 1, length, 1, () => {
    code.set(next, loadRow(read));
    code.set(mask, better(direction, kind, next, best));
    code.set(best, instruction("v128.bitselect", next, best, mask));
    const position = instruction("i32x4.splat", row);
    code.set(indices, instruction("v128.bitselect", position, indices, mask));
    code.increment(read, stride);
  });
  return indices;
}

/**
 * Items are (outer, four columns of `inner`, the last group narrower).
 * Arguments: source, destination, length, inner, groups.
 */
function defineArgReduce(direction: "max" | "min", kind: NumberKind): WasmKernel {
  return defineKernel(`argReduce ${direction} ${kind}`, (body) => {
    const { code } = body;
    const [source, destination, length, inner, groups] = body.arguments(5);
    const stride = body.variable(multiply(inner, 4));
    const read = body.variable(0), write = body.variable(0), left = body.variable(0);
    body.forItems((item) => {
      const [outer, group] = body.divide(item, groups);
      const column = body.variable(multiply(group, 4));
      const plane = body.variable(multiply(multiply(outer, length), inner));
      code.set(left, subtract(inner, column));
      code.set(write, wordAt(destination, add(multiply(outer, inner), column)));
      const start = () => code.set(read, wordAt(source, add(plane, column)));
      code.if(
        instruction("i32.ge_u", left, constantI32(4)),
        () => {
          start();
          const loadRow = (address: Value<"i32">) => load("v128.load", address);
          const indices = emitSearch(code, direction, kind, read, length, stride, loadRow);
          code.store("v128.store", write, 0, indices);
        },
        () => {
          code.doWhile(() => {
            start();
            const loadRow = (address: Value<"i32">) => load("v128.load32_splat", address);
            const indices = emitSearch(code, direction, kind, read, length, stride, loadRow);
            code.store("i32.store", write, 0, laneI32(indices, 0));
            code.increment(column, 1);
            code.increment(write, 4);
            code.increment(left, -1);
          }, () => left);
        },
      );
    });
  });
}

const kernels = {
  max: { f32: defineArgReduce("max", "f32"), i32: defineArgReduce("max", "i32") },
  min: { f32: defineArgReduce("min", "f32"), i32: defineArgReduce("min", "i32") },
};

/** Index of the first best element along `length`; of the first NaN where there is one. `length` is at least 1. */
export const argReduce: WasmRunner<"argReduce"> = (
  executor,
  { outer, length, inner, kind },
  [source],
  [output],
) => {
  const groups = Math.ceil(inner / 4);
  const words = [source.address, output.address, length, inner, groups];
  const items = outer * groups;
  const columns = inner % 4 === 0 ? 1 : Math.min(inner, 4);
  const kernel = kernels[kind][numberKind(source)];
  executor.launch(kernel, words, items, splitWork(items, length * columns * 1.5));
};
