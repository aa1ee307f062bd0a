// Kernel `sort`: the stable order of elements along one axis, by radix sort on keys that compare as integers.

import {
  add,
  constantF32,
  constantI32,
  instruction,
  load,
  type Local,
  multiply,
  subtract,
  type Value,
} from "./assembler.ts";
import { type NumberKind, numberKind } from "./elements.ts";
import { defineKernel, type KernelBody, wordAt } from "./emit.ts";
import { SCRATCH_BYTES, splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";

/** Digits of eight bits: four passes, each with a table of counts. */
const DIGITS = 4;
const VALUES = 256;
const TABLES_BYTES = 4 * DIGITS * VALUES;

/** Bytes of an element being sorted, its key and its index, held twice: a pass moves from one half to the other. */
const PAIR_BYTES = 8;

/** Shorter rows are sorted by insertion: the tables alone would cost more. */
const SHORT_ROW = 32;

/** An unsigned integer that sorts as the element at an address does: NaN last, both zeros alike. */
function emitKey(
  body: KernelBody,
  kind: NumberKind,
  descending: boolean,
  address: Local<"i32">,
): Local<"i32"> {
  const { code } = body;
  const sign = constantI32(0x8000_0000);
  const turned = (key: Value<"i32">) =>
    descending ? instruction("i32.xor", key, constantI32(-1)) : key;
  const key = body.variable(0);
  if (kind === "i32") {
    code.set(key, turned(instruction("i32.xor", load("i32.load", address), sign)));
    return key;
  }
  const number = code.local("f32", load("f32.load", address));
  code.if(
    instruction("f32.eq", number, number),
    () => {
      const positiveZero = instruction("f32.add", number, constantF32(0));
      const bits = body.variable(instruction("i32.reinterpret_f32", positiveZero));
      // Negative numbers: all bits, because a larger magnitude is less. Others: the sign, above the negative.
      const negative = instruction("i32.shr_s", bits, constantI32(31));
      const flipped = instruction("i32.or", negative, sign);
      code.set(key, turned(instruction("i32.xor", bits, flipped)));
    },
    () => code.set(key, constantI32(-1)),
  );
  return key;
}

/** The address of a pair. */
function pairAt(base: Value<"i32">, index: Value<"i32">): Value<"i32"> {
  return add(base, multiply(index, PAIR_BYTES));
}

/** Sorts few pairs in place. */
function emitInsertion(body: KernelBody, pairs: Local<"i32">, length: Local<"i32">): void {
  const { code } = body;
  const index = body.variable(0), pair = code.local("i64");
  const hole = body.variable(0), before = body.variable(0);
  code.for(index, 1, length, 1, () => {
    code.set(hole, pairAt(pairs, index));
    code.set(pair, load("i64.load", hole));
    const key = body.variable(load("i32.load", hole));
    code.block((found) => {
      code.doWhile(() => {
        code.set(before, subtract(hole, constantI32(PAIR_BYTES)));
        code.exitIf(found, instruction("i32.le_u", load("i32.load", before), key));
        code.store("i64.store", hole, 0, load("i64.load", before));
        code.set(hole, before);
      }, () => instruction("i32.gt_u", hole, pairs));
    });
    code.store("i64.store", hole, 0, pair);
  });
}

/** Sorts pairs digit by digit, lowest first; `pairs` points to the half that holds the result. */
function emitRadix(
  body: KernelBody,
  tables: Local<"i32">,
  pairs: Local<"i32">,
  length: Local<"i32">,
): void {
  const { code } = body;
  const others = body.variable(pairAt(pairs, length));
  const swap = body.variable(0), index = body.variable(0), digit = body.variable(0);
  const table = body.variable(0), entry = body.variable(0), read = body.variable(0);
  const entryOf = (pair: Value<"i32">) => {
    const shifted = instruction("i32.shr_u", load("i32.load", pair), multiply(digit, 8));
    return wordAt(table, instruction("i32.and", shifted, constantI32(VALUES - 1)));
  };
  const digitLoop = (each: () => void) =>
    code.for(digit, 0, DIGITS, 1, () => {
      code.set(table, wordAt(tables, multiply(digit, VALUES)));
      each();
    });
  code.fillMemory(tables, constantI32(0), constantI32(TABLES_BYTES));
  code.for(index, 0, length, 1, () => {
    code.set(read, pairAt(pairs, index));
    digitLoop(() => {
      code.set(entry, entryOf(read));
      code.store("i32.store", entry, 0, add(load("i32.load", entry), 1));
    });
  });
  digitLoop(() => {
    // A digit that all keys share orders nothing.
    const allAlike = instruction("i32.eq", load("i32.load", entryOf(pairs)), length);
    code.if(instruction("i32.eqz", allAlike), () => {
      const place = body.variable(0), count = body.variable(0);
      code.set(place, others);
      code.for(index, 0, VALUES, 1, () => {
        code.set(entry, wordAt(table, index));
        code.set(count, load("i32.load", entry));
        code.store("i32.store", entry, 0, place);
        code.increment(place, multiply(count, PAIR_BYTES));
      });
      code.for(index, 0, length, 1, () => {
        code.set(read, pairAt(pairs, index));
        code.set(entry, entryOf(read));
        code.set(place, load("i32.load", entry));
        code.store("i64.store", place, 0, load("i64.load", read));
        code.store("i32.store", entry, 0, add(place, PAIR_BYTES));
      });
      code.set(swap, pairs);
      code.set(pairs, others);
      code.set(others, swap);
    });
  });
}

/**
 * Items are rows (outer, inner). Arguments: source, destination, length, inner, workspace (0: the thread's scratch memory).
 */
function defineSort(kind: NumberKind, descending: boolean): WasmKernel {
  return defineKernel(`sort ${kind} ${descending ? "descending" : "ascending"}`, (body) => {
    const { code } = body;
    const [source, destination, length, inner, workspace] = body.arguments(5);
    const stride = body.variable(multiply(inner, 4));
    const tables = body.variable(workspace);
    code.if(instruction("i32.eqz", workspace), () => code.set(tables, body.scratch));
    const pairs = body.variable(0), index = body.variable(0), pair = body.variable(0);
    const read = body.variable(0), write = body.variable(0);
    body.forItems((item) => {
      const [outer, column] = body.divide(item, inner);
      const first = body.variable(add(multiply(multiply(outer, length), inner), column));
      code.set(read, wordAt(source, first));
      code.set(write, wordAt(destination, first));
      code.set(pairs, add(tables, TABLES_BYTES));
      code.for(index, 0, length, 1, () => {
        code.set(pair, pairAt(pairs, index));
        code.store("i32.store", pair, 0, emitKey(body, kind, descending, read));
        code.store("i32.store", add(pair, 4), 0, index);
        code.increment(read, stride);
      });
      code.if(
        instruction("i32.lt_u", length, constantI32(SHORT_ROW)),
        () => emitInsertion(body, pairs, length),
        () => emitRadix(body, tables, pairs, length),
      );
      code.for(index, 0, length, 1, () => {
        code.store("i32.store", write, 0, load("i32.load", add(pairAt(pairs, index), 4)));
        code.increment(write, stride);
      });
    });
  });
}

const kernels = {
  f32: { ascending: defineSort("f32", false), descending: defineSort("f32", true) },
  i32: { ascending: defineSort("i32", false), descending: defineSort("i32", true) },
};

/** Writes the stable order of indices that sorts along `length`; NaN goes last in either direction. */
export const sort: WasmRunner<"sort"> = (
  executor,
  { outer, length, inner, descending },
  [source],
  [output],
) => {
  const items = outer * inner;
  const kernel = kernels[numberKind(source)][descending ? "descending" : "ascending"];
  const needed = TABLES_BYTES + 2 * PAIR_BYTES * length;
  // A row that outgrows the threads' own memory has one workspace for all rows, one after the other.
  const fits = needed <= SCRATCH_BYTES;
  const workspace = fits ? 0 : executor.temporary(needed);
  const words = [source.address, output.address, length, inner, workspace];
  const nanoseconds = length < SHORT_ROW ? length * length + 20 : 1000 + 12 * length;
  const options = fits ? splitWork(items, nanoseconds) : { parallel: false };
  executor.launch(kernel, words, items, options);
};
