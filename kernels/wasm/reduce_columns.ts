// Reductions across rows: each lane reduces a column of its own, SIMD across columns.

import { ConstantPool, toWasm } from "../expression/to_wasm.ts";
import {
  add,
  constantI32,
  instruction,
  load,
  loadLane,
  type Local,
  multiply,
  subtract,
  type Value,
} from "./assembler.ts";
import { defineKernel, type KernelBody, minimum, wordAt } from "./emit.ts";
import type { WasmKernel } from "./kernel.ts";
import { readFour, toFloat, toStored, writeSome } from "./lanes.ts";
import { combine, identityOf, type ReduceVariant, vectorsAtOnce } from "./reduce_variant.ts";

/** Which columns lie next to each other in memory: all, or none (rows too short to be worth going along). */
export type ColumnSpacing = "adjacent" | "apart";

/** The piece of the inputs that an item works on. */
interface Piece {
  /** Address of the first element of the first column not done yet, for each input. */
  readonly sources: readonly Local<"i32">[];
  /** Address of that column's result. */
  readonly destination: Local<"i32">;
  /** Elements in a column. */
  readonly count: Local<"i32">;
  /** Bytes from element to element of a column, and from column to column. */
  readonly rowStride: Local<"i32">;
  readonly columnStride: Local<"i32">;
}

/** Reduces `vectors` times four columns; `read` gives four lanes of an input, `store` receives the results. */
function emitBlock(
  body: KernelBody,
  variant: ReduceVariant,
  constants: ConstantPool,
  piece: Piece,
  vectors: number,
  read: (pointer: Local<"i32">, vector: number) => Value<"v128">,
): Local<"v128">[] {
  const { code } = body;
  const pointers = piece.sources.map((source) => body.variable(source));
  const identity = constants.float(identityOf(variant.kind));
  const accumulators = Array.from({ length: vectors }, () => code.local("v128", identity));
  const index = code.local("i32");
  code.for(index, 0, piece.count, 1, () => {
    accumulators.forEach((accumulator, vector) => {
      const lanes = variant.inputs.map((dtype, i) =>
        code.local("v128", toFloat(read(pointers[i], vector), dtype))
      );
      const [value] = toWasm(code, [variant.map], (input) => lanes[input], constants);
      code.set(accumulator, combine(variant.kind, accumulator, value));
    });
    for (const pointer of pointers) code.increment(pointer, piece.rowStride);
  });
  return accumulators.map((accumulator) =>
    code.local("v128", toStored(accumulator, variant.output, constants))
  );
}

/** Reduces blocks of columns while there are enough of them left. */
function emitAdjacentBlocks(
  body: KernelBody,
  variant: ReduceVariant,
  constants: ConstantPool,
  piece: Piece,
  left: Local<"i32">,
  vectors: number,
): void {
  const { code } = body;
  const more = () => instruction("i32.ge_u", left, constantI32(4 * vectors));
  code.if(more(), () =>
    code.doWhile(() => {
      const results = emitBlock(
        body,
        variant,
        constants,
        piece,
        vectors,
        (pointer, vector) => readFour({ pointer, stride: 4 }, 4 * vector),
      );
      results.forEach((result, vector) => {
        code.store("v128.store", add(piece.destination, 16 * vector), 0, result);
      });
      for (const pointer of [...piece.sources, piece.destination]) {
        code.increment(pointer, 16 * vectors);
      }
      code.increment(left, -4 * vectors);
    }, more));
}

/** Reduces up to four columns at a time, wherever they lie; lanes without a column repeat the last one. */
function emitScatteredColumns(
  body: KernelBody,
  variant: ReduceVariant,
  constants: ConstantPool,
  piece: Piece,
  left: Local<"i32">,
): void {
  const { code } = body;
  const columns = code.local("i32");
  code.if(left, () =>
    code.doWhile(() => {
      code.set(columns, minimum(left, 4));
      const last = body.variable(subtract(columns, 1));
      const offsets = [1, 2, 3].map((lane) =>
        body.variable(multiply(minimum(last, lane), piece.columnStride))
      );
      const [result] = emitBlock(body, variant, constants, piece, 1, (pointer) => {
        let lanes = load("v128.load32_zero", pointer);
        offsets.forEach((offset, i) => lanes = loadLane(lanes, i + 1, add(pointer, offset)));
        return lanes;
      });
      code.if(
        instruction("i32.eq", columns, constantI32(4)),
        () => code.store("v128.store", piece.destination, 0, result),
        () => writeSome(body, piece.destination, result, columns),
      );
      for (const source of piece.sources) {
        code.increment(source, multiply(columns, piece.columnStride));
      }
      code.increment(piece.destination, multiply(columns, 4));
      code.set(left, subtract(left, columns));
    }, () => left));
}

/**
 * The kernel for columns. An item is a group of columns of one segment of one outer entry. The arguments are elements of a
 * column, elements of a segment, segments, columns, columns of a group, groups; bytes from element to element, from
 * column to column, from outer entry to outer entry; address of the results, addresses of the inputs.
 */
export function columnsKernel(variant: ReduceVariant, spacing: ColumnSpacing): WasmKernel {
  return defineKernel(`reduce columns ${spacing} ${variant.key}`, (body) => {
    const { code } = body;
    const [length, segment, segments, columns, groupColumns, groups, ...rest] = body.arguments(
      10 + variant.inputs.length,
    );
    const [rowStride, columnStride, outerStride, results, ...inputs] = rest;
    const constants = new ConstantPool(code);
    constants.hoist(() => {
      const sources = inputs.map(() => code.local("i32"));
      const destination = code.local("i32"), count = code.local("i32"), left = code.local("i32");
      const piece = { sources, destination, count, rowStride, columnStride };
      body.forItems((item) => {
        const [place, group] = body.divide(item, groups);
        const [outer, part] = body.divide(place, segments);
        const firstColumn = body.variable(multiply(group, groupColumns));
        const firstElement = body.variable(multiply(part, segment));
        code.set(count, minimum(body.variable(subtract(length, firstElement)), segment));
        code.set(left, minimum(body.variable(subtract(columns, firstColumn)), groupColumns));
        const offset = body.variable(
          add(
            multiply(outer, outerStride),
            add(multiply(firstElement, rowStride), multiply(firstColumn, columnStride)),
          ),
        );
        sources.forEach((source, i) => code.set(source, add(inputs[i], offset)));
        code.set(destination, wordAt(results, add(multiply(place, columns), firstColumn)));
        if (spacing === "adjacent") {
          const wide = vectorsAtOnce(variant.map, 8);
          emitAdjacentBlocks(body, variant, constants, piece, left, wide);
          emitAdjacentBlocks(body, variant, constants, piece, left, 1);
        }
        emitScatteredColumns(body, variant, constants, piece, left);
      });
    });
  });
}
