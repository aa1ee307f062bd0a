// Kernel `copy`: elements from any strides to any strides.

import {
  add,
  constantI32,
  instruction,
  load,
  loadLane,
  type Local,
  multiply,
  shuffle,
  subtract,
  type Value,
} from "./assembler.ts";
import { type CopyMode, simplifyCopy } from "./copy_layout.ts";
import { defineKernel, type Integer, type KernelBody, minimum } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";

/** Words to an item, where rows allow it. */
const CHUNK = 4096;

/** A transposed tile: as many words across as a cache line has, and a run long enough to write whole lines. */
const TILE_ACROSS = 16;
const TILE_ALONG = 64;

/** Single-thread nanoseconds to a word, for splitting (measured: memory in second-level cache). */
const nanoseconds: Readonly<Record<CopyMode, number>> = {
  contiguous: 0.15,
  splat: 0.1,
  collect: 0.8,
  strided: 0.8,
  transpose: 0.4,
};

/** The two inner loops: where they start, how far they go, and their strides in bytes. */
interface InnerLoops {
  readonly source: Local<"i32">;
  readonly destination: Local<"i32">;
  readonly rows: Local<"i32">;
  readonly columns: Local<"i32">;
  readonly rowSource: Local<"i32">;
  readonly rowDestination: Local<"i32">;
  readonly columnSource: Local<"i32">;
  readonly columnDestination: Local<"i32">;
}

/** Copies rows one by one. */
function emitRows(body: KernelBody, mode: Exclude<CopyMode, "transpose">, loops: InnerLoops): void {
  const { code } = body;
  const { source, destination, rows, columns } = loops;
  const read = body.variable(0), write = body.variable(0), row = body.variable(0);
  const value = code.local("v128");
  const copyWord = () => code.store("i32.store", write, 0, load("i32.load", read));
  code.for(row, 0, rows, 1, () => {
    code.set(read, add(source, multiply(row, loops.rowSource)));
    code.set(write, add(destination, multiply(row, loops.rowDestination)));
    if (mode === "contiguous") body.copyRow(write, read, columns);
    else if (mode === "splat") {
      code.set(value, load("v128.load32_splat", read));
      body.fillRow(write, columns, value);
    } else {
      // The addresses of words 1 to 3 of every four, from word 0.
      const step = loops.columnSource, jump = loops.columnDestination;
      const place = (base: Value<"i32">, stride: Value<"i32">, index: number) =>
        index === 0 ? base : add(base, multiply(stride, index));
      body.forWords(
        columns,
        [read, write],
        () => {
          if (mode === "collect") {
            let four = load("v128.load32_zero", read);
            for (let i = 1; i < 4; i++) four = loadLane(four, i, place(read, step, i));
            code.store("v128.store", write, 0, four);
          } else {
            for (let i = 0; i < 4; i++) {
              code.store(
                "i32.store",
                place(write, jump, i),
                0,
                load("i32.load", place(read, step, i)),
              );
            }
          }
        },
        copyWord,
        [step, jump],
      );
    }
  });
}

/** Copies four by four words, transposed. The strides go from row to row on either side. */
function emitBlock(
  body: KernelBody,
  from: Local<"i32">,
  fromStride: Value<"i32">,
  to: Local<"i32">,
  toStride: Value<"i32">,
): void {
  const { code } = body;
  const row = (base: Value<"i32">, stride: Value<"i32">, index: number) =>
    index === 0 ? base : add(base, multiply(stride, index));
  const [a, b, c, d] = [0, 1, 2, 3].map((index) =>
    code.local("v128", load("v128.load", row(from, fromStride, index)))
  );
  const [abLow, abHigh, cdLow, cdHigh] = [
    shuffle(a, b, [0, 4, 1, 5]),
    shuffle(a, b, [2, 6, 3, 7]),
    shuffle(c, d, [0, 4, 1, 5]),
    shuffle(c, d, [2, 6, 3, 7]),
  ].map((value) => code.local("v128", value));
  [
    shuffle(abLow, cdLow, [0, 1, 4, 5]),
    shuffle(abLow, cdLow, [2, 3, 6, 7]),
    shuffle(abHigh, cdHigh, [0, 1, 4, 5]),
    shuffle(abHigh, cdHigh, [2, 3, 6, 7]),
  ].forEach((value, index) => code.store("v128.store", row(to, toStride, index), 0, value));
}

/** Copies a tile whose source is contiguous down its columns: blocks of four by four, then what is left word by word. */
function emitTransposed(body: KernelBody, loops: InnerLoops): void {
  const { code } = body;
  const { source, destination, rows, columns, rowDestination, columnSource } = loops;
  const down = body.variable(0), along = body.variable(0);
  const read = body.variable(0), write = body.variable(0);
  const wholeRows = body.variable(instruction("i32.and", rows, constantI32(-4)));
  const wholeColumns = body.variable(instruction("i32.and", columns, constantI32(-4)));
  const place = () => {
    code.set(read, add(source, add(multiply(along, columnSource), multiply(down, 4))));
    code.set(write, add(destination, add(multiply(down, rowDestination), multiply(along, 4))));
  };
  const wordsFrom = (firstRow: Integer) =>
    code.for(down, firstRow, rows, 1, () => {
      place();
      code.store("i32.store", write, 0, load("i32.load", read));
    });
  code.for(along, 0, wholeColumns, 4, () => {
    // Down first: a whole line of each of four columns is read before the next four.
    code.for(down, 0, wholeRows, 4, () => {
      place();
      emitBlock(body, read, columnSource, write, rowDestination);
    });
  });
  code.for(along, 0, columns, 1, () => {
    code.if(
      instruction("i32.lt_u", along, wholeColumns),
      () => wordsFrom(wholeRows),
      () => wordsFrom(0),
    );
  });
}

/**
 * The kernel for a mode. Arguments: source, destination, then for the last two axes rows, their source and destination
 * strides in bytes, rows to an item, items to the rows; the same of columns; the number of outer axes and, for
 * each from the inside out, its size and two strides.
 */
function defineCopy(mode: CopyMode): WasmKernel {
  return defineKernel(`copy ${mode}`, (body) => {
    const { code } = body;
    const [
      source,
      destination,
      allRows,
      rowSource,
      rowDestination,
      rowStep,
      rowPieces,
      allColumns,
      columnSource,
      columnDestination,
      columnStep,
      columnPieces,
      outerAxes,
    ] = body.arguments(13);
    const from = body.variable(0), to = body.variable(0);
    const rows = body.variable(0), columns = body.variable(0);
    const axis = body.variable(0), table = body.variable(0);
    body.forItems((item) => {
      const [afterColumns, columnPiece] = body.divide(item, columnPieces);
      const [rest, rowPiece] = body.divide(afterColumns, rowPieces);
      const firstRow = body.variable(multiply(rowPiece, rowStep));
      const firstColumn = body.variable(multiply(columnPiece, columnStep));
      const rowsLeft = body.variable(subtract(allRows, firstRow));
      const columnsLeft = body.variable(subtract(allColumns, firstColumn));
      code.set(rows, minimum(rowsLeft, rowStep));
      code.set(columns, minimum(columnsLeft, columnStep));
      code.set(
        from,
        add(source, add(multiply(firstRow, rowSource), multiply(firstColumn, columnSource))),
      );
      code.set(
        to,
        add(
          destination,
          add(multiply(firstRow, rowDestination), multiply(firstColumn, columnDestination)),
        ),
      );
      code.set(table, body.argumentAddress(13));
      code.for(axis, 0, outerAxes, 1, () => {
        const [quotient, position] = body.divide(rest, load("i32.load", table));
        code.increment(from, multiply(position, load("i32.load", add(table, 4))));
        code.increment(to, multiply(position, load("i32.load", add(table, 8))));
        code.set(rest, quotient);
        code.increment(table, 12);
      });
      const loops = {
        source: from,
        destination: to,
        rows,
        columns,
        rowSource,
        rowDestination,
        columnSource,
        columnDestination,
      };
      if (mode === "transpose") emitTransposed(body, loops);
      else emitRows(body, mode, loops);
    });
  });
}

const kernels: Readonly<Record<CopyMode, WasmKernel>> = {
  contiguous: defineCopy("contiguous"),
  splat: defineCopy("splat"),
  collect: defineCopy("collect"),
  strided: defineCopy("strided"),
  transpose: defineCopy("transpose"),
};

/** Copies a strided block into a strided block. Strides may be negative or 0; the blocks must not overlap. */
export const copy: WasmRunner<"copy"> = (executor, parameters, [source], [destination]) => {
  const layout = simplifyCopy(parameters);
  if (layout === null) return;
  const { mode } = layout;
  const outer = layout.axes.slice(0, -2).reverse();
  const [row, column] = layout.axes.slice(-2);
  const columnStep = Math.min(column.size, mode === "transpose" ? TILE_ALONG : CHUNK);
  const rowStep = Math.min(
    row.size,
    mode === "transpose" ? TILE_ACROSS : Math.ceil(CHUNK / columnStep),
  );
  const rowPieces = Math.ceil(row.size / rowStep),
    columnPieces = Math.ceil(column.size / columnStep);
  const words = [
    source.address + 4 * layout.sourceOffset,
    destination.address + 4 * layout.destinationOffset,
    ...[row.size, 4 * row.source, 4 * row.destination, rowStep, rowPieces],
    ...[column.size, 4 * column.source, 4 * column.destination, columnStep, columnPieces],
    outer.length,
    ...outer.flatMap((axis) => [axis.size, 4 * axis.source, 4 * axis.destination]),
  ];
  const items = outer.reduce((product, axis) => product * axis.size, rowPieces * columnPieces);
  executor.launch(
    kernels[mode],
    words,
    items,
    splitWork(items, rowStep * columnStep * nanoseconds[mode]),
  );
};
