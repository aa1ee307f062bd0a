// Kernel `pointwise`: every element of every output from the same element of the inputs.
//
// The code depends on the expressions, the types and how each input is read, never on sizes. Rows along the innermost
// axis are the unit; the outer axes are walked by an odometer whose counters lie in the thread's own memory.

import type { Expression } from "../expression/expression.ts";
import { inputsOf } from "../expression/expression.ts";
import { splitInvariants } from "../expression/invariants.ts";
import { ConstantPool, costOf, toWasm } from "../expression/to_wasm.ts";
import type { DType } from "../kernel.ts";
import {
  add,
  constantI32,
  instruction,
  load,
  type Local,
  multiply,
  subtract,
  toI32,
  type Value,
} from "./assembler.ts";
import { defineKernel, type KernelBody, minimum } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";
import { readFour, readSome, type Run, toFloat, toStored, writeSome } from "./lanes.ts";
import { type ReadMode, simplifyPointwise } from "./pointwise_layout.ts";

/** Elements to an item, where rows allow it. */
const CHUNK = 4096;

/** What a kernel's code depends on. Inputs that no expression reads are left out. */
interface PointwiseVariant {
  readonly expressions: readonly Expression[];
  readonly inputs: readonly {
    readonly index: number;
    readonly dtype: DType;
    readonly mode: ReadMode;
  }[];
  readonly outputs: readonly DType[];
  /** Whether there are axes beside the innermost. */
  readonly hasOuterAxes: boolean;
}

/** An input in the code: where it is read next, and how. */
interface Reader extends Run {
  readonly index: number;
  readonly dtype: DType;
  readonly mode: ReadMode;
}

/** The words before the addresses: see `pointwise`. */
const HEADER_WORDS = 6;

/** Emits one row: `count` elements from the pointers on, which are left behind it. */
function emitRow(
  body: KernelBody,
  variant: PointwiseVariant,
  readers: readonly Reader[],
  writers: readonly Local<"i32">[],
  count: Local<"i32">,
  constants: ConstantPool,
): void {
  const { code } = body;
  const repeated = new Map<number, Local<"v128">>();
  for (const reader of readers.filter(({ mode }) => mode === "broadcast")) {
    const splat = load("v128.load32_splat", reader.pointer);
    repeated.set(reader.index, code.local("v128", toFloat(splat, reader.dtype)));
  }
  const first = 1 + Math.max(-1, ...readers.map(({ index }) => index));
  const { invariants, variants } = splitInvariants(
    variant.expressions,
    (index) => repeated.has(index),
    first,
  );
  toWasm(code, invariants, (index) => repeated.get(index)!, constants)
    .forEach((value, i) => repeated.set(first + i, code.local("v128", value)));

  const moving = readers.filter(({ mode }) => mode !== "broadcast");
  const compute = (read: (reader: Reader) => Value<"v128">): Value<"v128">[] => {
    const lanes = new Map(moving.map((reader) => {
      return [reader.index, code.local("v128", toFloat(read(reader), reader.dtype))];
    }));
    const values = toWasm(code, variants, (i) => lanes.get(i) ?? repeated.get(i)!, constants);
    return values.map((value, i) => toStored(value, variant.outputs[i], constants));
  };
  const advance = (elements: Value<"i32"> | number): void => {
    for (const { pointer, stride } of moving) {
      code.increment(pointer, multiply(toI32(elements), stride));
    }
    for (const pointer of writers) code.increment(pointer, multiply(toI32(elements), 4));
  };
  const left = body.variable(count);
  const loop = (unroll: number): void => {
    const more = () => instruction("i32.ge_u", left, constantI32(4 * unroll));
    code.if(more(), () =>
      code.doWhile(() => {
        for (let u = 0; u < unroll; u++) {
          compute((reader) => readFour(reader, 4 * u)).forEach((value, i) => {
            code.store("v128.store", add(writers[i], 16 * u), 0, value);
          });
        }
        advance(4 * unroll);
        code.increment(left, -4 * unroll);
      }, more));
  };
  loop(2);
  // What is left, up to seven elements: at most twice, with as many lanes as there are.
  const lanesLeft = code.local("i32");
  const more = () => instruction("i32.ne", left, constantI32(0));
  code.if(more(), () =>
    code.doWhile(() => {
      const isFull = code.local("i32", instruction("i32.ge_u", left, constantI32(4)));
      code.set(lanesLeft, minimum(left, 4));
      const values = compute((reader) => {
        const lanes = code.local("v128");
        code.if(
          isFull,
          () => code.set(lanes, readFour(reader, 0)),
          () => code.set(lanes, readSome(body, reader, lanesLeft)),
        );
        return lanes;
      }).map((value) => code.local("v128", value));
      code.if(
        isFull,
        () => values.forEach((value, i) => code.store("v128.store", writers[i], 0, value)),
        () => values.forEach((value, i) => writeSome(body, writers[i], value, lanesLeft)),
      );
      advance(lanesLeft);
      code.set(left, subtract(left, lanesLeft));
    }, more));
}

/** Emits the kernel of a variant. */
function emitPointwise(body: KernelBody, variant: PointwiseVariant): void {
  const { code } = body;
  const { inputs, outputs, hasOuterAxes } = variant;
  const [length, pieces, pieceLength, rows, rowsPerItem, axes] = body.arguments(HEADER_WORDS);
  const word = (index: number): Local<"i32"> =>
    body.variable(load("i32.load", body.argumentAddress(HEADER_WORDS + index)));
  const destinations = outputs.map((_, i) => word(i));
  const sources = inputs.map((_, i) => word(outputs.length + i));
  const strides = inputs.map((_, i) => word(outputs.length + inputs.length + i));
  const tableStart = HEADER_WORDS + outputs.length + 2 * inputs.length;
  const axisBytes = 4 * (1 + inputs.length);

  // Where each input's and output's current row begins, and where the row is read.
  const rowSources = inputs.map(() => code.local("i32"));
  const rowStart = code.local("i32"), rowsLeft = code.local("i32"), count = code.local("i32");
  const writers = outputs.map(() => code.local("i32"));
  const readers = inputs.map(({ index, dtype, mode }, i): Reader => ({
    index,
    mode,
    dtype,
    pointer: code.local("i32"),
    stride: mode === "contiguous" ? 4 : strides[i],
  }));
  const table = code.local("i32"), counter = code.local("i32"), axis = code.local("i32");

  /** Sets the odometer and the row sources to a row. */
  const startAt = (row: Local<"i32">): void => {
    const rest = body.variable(row);
    code.set(table, body.argumentAddress(tableStart));
    code.set(counter, body.scratch);
    code.for(axis, 0, axes, 1, () => {
      const [quotient, position] = body.divide(rest, load("i32.load", table));
      code.store("i32.store", counter, 0, position);
      rowSources.forEach((source, i) => {
        code.increment(source, multiply(position, load("i32.load", add(table, 4 + 4 * i))));
      });
      code.set(rest, quotient);
      code.increment(table, axisBytes);
      code.increment(counter, 4);
    });
  };

  /** Goes on to the next row: the innermost counter that is not at its end counts, those inside it begin anew. */
  const turn = (): void => {
    code.set(table, body.argumentAddress(tableStart));
    code.set(counter, body.scratch);
    code.block((done) => {
      code.for(axis, 0, axes, 1, () => {
        const size = body.variable(load("i32.load", table));
        const position = body.variable(add(load("i32.load", counter), 1));
        rowSources.forEach((source, i) => {
          code.increment(source, load("i32.load", add(table, 4 + 4 * i)));
        });
        code.store("i32.store", counter, 0, position);
        code.exitIf(done, instruction("i32.lt_u", position, size));
        code.store("i32.store", counter, 0, constantI32(0));
        rowSources.forEach((source, i) => {
          const stride = load("i32.load", add(table, 4 + 4 * i));
          code.set(source, subtract(source, multiply(size, stride)));
        });
        code.increment(table, axisBytes);
        code.increment(counter, 4);
      });
    });
  };

  const constants = new ConstantPool(code);
  constants.hoist(() => {
    body.forItems((item) => {
      const [group, piece] = body.divide(item, pieces);
      const row = body.variable(multiply(group, rowsPerItem));
      const skipped = body.variable(multiply(piece, pieceLength));
      code.set(count, minimum(body.variable(subtract(length, skipped)), pieceLength));
      sources.forEach((source, i) => {
        code.set(rowSources[i], add(source, multiply(skipped, strides[i])));
      });
      code.set(rowStart, multiply(add(multiply(row, length), skipped), 4));
      if (hasOuterAxes) startAt(row);
      code.set(rowsLeft, minimum(body.variable(subtract(rows, row)), rowsPerItem));
      code.doWhile(() => {
        readers.forEach(({ pointer }, i) => code.set(pointer, rowSources[i]));
        writers.forEach((pointer, i) => code.set(pointer, add(destinations[i], rowStart)));
        emitRow(body, variant, readers, writers, count, constants);
        if (hasOuterAxes) turn();
        code.increment(rowStart, multiply(length, 4));
        code.increment(rowsLeft, -1);
      }, () => rowsLeft);
    });
  });
}

/** Kernels made before, by their first expression, then by all else that their code depends on. */
const kernels = new WeakMap<Expression, Map<string, WasmKernel>>();

/** The kernel of a variant. */
function kernelFor(variant: PointwiseVariant): WasmKernel {
  const { expressions, inputs, outputs, hasOuterAxes } = variant;
  const [first] = expressions;
  let signature = hasOuterAxes ? "rows" : "flat";
  for (let i = 1; i < expressions.length; i++) signature += ` ${expressions[i].key}`;
  for (const dtype of outputs) signature += ` ${dtype}`;
  for (const { index, dtype, mode } of inputs) signature += ` x${index}:${dtype}:${mode}`;
  let known = kernels.get(first);
  if (!known) kernels.set(first, known = new Map<string, WasmKernel>());
  let kernel = known.get(signature);
  if (!kernel) {
    const key = `pointwise ${first.key} ${signature}`;
    known.set(signature, kernel = defineKernel(key, (body) => emitPointwise(body, variant)));
  }
  return kernel;
}

/**
 * Computes the expressions at each element. The arguments are length of a row, pieces of a row, elements of a piece, rows,
 * rows to an item, outer axes; then the addresses of outputs and inputs, the inputs' inner strides in bytes, and
 * for each outer axis from the inside its size and the inputs' strides in bytes.
 */
export const pointwise: WasmRunner<"pointwise"> = (executor, parameters, inputs, outputs) => {
  const { expressions, shape, inputStrides } = parameters;
  const used = inputsOf(...expressions);
  const layout = simplifyPointwise(shape, used.map((index) => inputStrides[index]));
  if (layout === null) return;
  const { outer, inner, modes } = layout;
  const kernel = kernelFor({
    expressions,
    inputs: used.map((index, i) => ({ index, dtype: inputs[index].dtype, mode: modes[i] })),
    outputs: outputs.map(({ dtype }) => dtype),
    hasOuterAxes: outer.length > 0,
  });
  const rows = outer.reduce((product, { size }) => product * size, 1);
  const pieceLength = Math.min(inner.size, CHUNK);
  const pieces = Math.ceil(inner.size / pieceLength);
  const rowsPerItem = Math.min(rows, Math.ceil(CHUNK / pieceLength / pieces) || 1);
  const words = [inner.size, pieces, pieceLength, rows, rowsPerItem, outer.length];
  for (const { address } of outputs) words.push(address);
  for (const index of used) words.push(inputs[index].address);
  for (const stride of inner.strides) words.push(4 * stride);
  for (const { size, strides } of outer.toReversed()) {
    words.push(size);
    for (const stride of strides) words.push(4 * stride);
  }
  const items = pieces * Math.ceil(rows / rowsPerItem);
  const nanoseconds = pieceLength * rowsPerItem * costOf(expressions);
  executor.launch(kernel, words, items, splitWork(items, nanoseconds));
};
