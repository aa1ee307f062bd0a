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
  loadLane,
  type Local,
  multiply,
  subtract,
  toI32,
  type Value,
} from "./assembler.ts";
import { defineKernel, type KernelBody, minimum } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";
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
interface Reader {
  readonly index: number;
  readonly isInteger: boolean;
  readonly mode: ReadMode;
  readonly pointer: Local<"i32">;
  /** Bytes from element to element. */
  readonly stride: Local<"i32">;
}

/** The words before the addresses: see `pointwise`. */
const HEADER_WORDS = 6;

/** Four numbers of an input as float32. */
function toFloat(reader: Reader, lanes: Value<"v128">): Value<"v128"> {
  return reader.isInteger ? instruction("f32x4.convert_i32x4_s", lanes) : lanes;
}

/** The address of the element `lane` places on. */
function placeOf({ pointer, mode, stride }: Reader, lane: number): Value<"i32"> {
  if (mode === "contiguous") return add(pointer, 4 * lane);
  return lane === 0 ? pointer : add(pointer, multiply(stride, lane));
}

/** Four elements of an input, `first` places on. */
function readFour(reader: Reader, first: number): Value<"v128"> {
  if (reader.mode === "contiguous") return load("v128.load", placeOf(reader, first));
  let lanes = load("v128.load32_zero", placeOf(reader, first));
  for (let lane = 1; lane < 4; lane++) {
    lanes = loadLane(lanes, lane, placeOf(reader, first + lane));
  }
  return lanes;
}

/** The first `count` (1 to 3, known at run time) elements of an input. */
function readSome(body: KernelBody, reader: Reader, count: Local<"i32">): Local<"v128"> {
  const lanes = body.code.local("v128", load("v128.load32_zero", reader.pointer));
  for (const lane of [1, 2]) {
    body.code.if(instruction("i32.gt_u", count, constantI32(lane)), () => {
      body.code.set(lanes, loadLane(lanes, lane, placeOf(reader, lane)));
    });
  }
  return lanes;
}

/** The word that a number becomes in an output. */
function toStored(value: Value<"v128">, dtype: DType, constants: ConstantPool): Value<"v128"> {
  if (dtype === "int32") return instruction("i32x4.trunc_sat_f32x4_s", value);
  if (dtype !== "bool") return value;
  return instruction(
    "v128.and",
    instruction("f32x4.ne", value, constants.float(0)),
    constants.float(1),
  );
}

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
    repeated.set(reader.index, code.local("v128", toFloat(reader, splat)));
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
      return [reader.index, code.local("v128", toFloat(reader, read(reader)))];
    }));
    const values = toWasm(code, variants, (i) => lanes.get(i) ?? repeated.get(i)!, constants);
    return values.map((value, i) => toStored(value, variant.outputs[i], constants));
  };
  const advance = (elements: Value<"i32"> | number): void => {
    for (const { pointer, mode, stride } of moving) {
      code.increment(
        pointer,
        mode === "contiguous" ? multiply(toI32(elements), 4) : multiply(stride, elements),
      );
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
        () => values.forEach((value, i) => emitSomeStores(body, writers[i], value, lanesLeft)),
      );
      advance(lanesLeft);
      code.set(left, subtract(left, lanesLeft));
    }, more));
}

/** Writes the first `count` (1 to 3, known at run time) lanes. */
function emitSomeStores(
  body: KernelBody,
  pointer: Local<"i32">,
  value: Local<"v128">,
  count: Local<"i32">,
): void {
  body.code.storeLane(pointer, 0, value, 0);
  for (const lane of [1, 2]) {
    body.code.if(instruction("i32.gt_u", count, constantI32(lane)), () => {
      body.code.storeLane(add(pointer, 4 * lane), 0, value, lane);
    });
  }
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
    isInteger: dtype === "int32",
    pointer: code.local("i32"),
    stride: strides[i],
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

/** The kernel of a variant. */
function kernelFor(variant: PointwiseVariant): WasmKernel {
  const { expressions, inputs, outputs, hasOuterAxes } = variant;
  const key = [
    "pointwise",
    hasOuterAxes ? "rows" : "flat",
    ...expressions.map((expression, i) => `${outputs[i]}=${expression.key}`),
    ...inputs.map(({ index, dtype, mode }) => `x${index}:${dtype}:${mode}`),
  ].join(" ");
  return defineKernel(key, (body) => emitPointwise(body, variant));
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
  const words = [
    ...[inner.size, pieces, pieceLength, rows, rowsPerItem, outer.length],
    ...outputs.map(({ address }) => address),
    ...used.map((index) => inputs[index].address),
    ...inner.strides.map((stride) => 4 * stride),
    ...outer.toReversed().flatMap((
      { size, strides },
    ) => [size, ...strides.map((each) => 4 * each)]),
  ];
  const items = pieces * Math.ceil(rows / rowsPerItem);
  const nanoseconds = pieceLength * rowsPerItem * costOf(expressions);
  executor.launch(kernel, words, items, splitWork(items, nanoseconds));
};
