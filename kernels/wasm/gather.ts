// Kernels `gather` and `scatterAdd`: reading and adding at indices along one axis.

import type { AxisLayout } from "../kernel.ts";
import { add, instruction, load, multiply, splatI32x4, subtract } from "./assembler.ts";
import { type NumberKind, sharedNumberKind } from "./elements.ts";
import { defineKernel, type KernelBody, minimum, wordAt } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";

/** `[outer, count, inner]` places, each with an index into `length`. */
type IndexedLayout = AxisLayout & {
  readonly count: number;
  readonly indexStrides: readonly [number, number, number];
};

/** Columns of `scatterAdd` that one item adds up are a multiple of this: a cache line. */
const LINE = 16;

/** Items of `scatterAdd` to a thread, so that threads end together. */
const ITEMS_PER_THREAD = 4;

/** The arguments that both kernels begin with. */
function indexedWords(
  layout: IndexedLayout,
  addresses: readonly [source: number, index: number, destination: number],
): number[] {
  return [
    ...addresses,
    layout.length,
    layout.inner,
    layout.count,
    ...layout.indexStrides.map((stride) => 4 * stride),
  ];
}

/** Reads {@linkcode indexedWords}. */
function indexedArguments(body: KernelBody) {
  const [source, index, destination, length, inner, count, outerStride, countStride, innerStride] =
    body.arguments(9);
  return {
    source,
    index,
    destination,
    length,
    inner,
    count,
    outerStride,
    countStride,
    innerStride,
  };
}

/** Items are the rows (outer, count) of the output, of `inner` elements each: with one index, or one for each element. */
function defineGather(indexPerElement: boolean): WasmKernel {
  return defineKernel(`gather ${indexPerElement ? "elements" : "rows"}`, (body) => {
    const { code } = body;
    const { source, index, destination, length, inner, count, ...strides } = indexedArguments(body);
    const from = body.variable(0), to = body.variable(0), plane = body.variable(0);
    const place = body.variable(0), column = body.variable(0);
    body.forItemPairs(count, (item, outer, row) => {
      code.set(to, wordAt(destination, multiply(item, inner)));
      code.set(plane, wordAt(source, multiply(outer, multiply(length, inner))));
      code.set(
        place,
        add(index, add(multiply(outer, strides.outerStride), multiply(row, strides.countStride))),
      );
      if (!indexPerElement) {
        code.set(from, wordAt(plane, multiply(load("i32.load", place), inner)));
        body.copyRow(to, from, inner);
        return;
      }
      code.for(column, 0, inner, 1, () => {
        const at = add(multiply(load("i32.load", place), inner), column);
        code.store("i32.store", to, 0, load("i32.load", wordAt(plane, at)));
        code.increment(to, 4);
        code.increment(place, strides.innerStride);
      });
    });
  });
}

const gatherRows = defineGather(false), gatherElements = defineGather(true);

/** Output element (o, c, i) is source element (o, index, i). */
export const gather: WasmRunner<"gather"> = (executor, layout, [source, index], [output]) => {
  const { outer, count, inner, indexStrides } = layout;
  if (inner === 0) return;
  const indexPerElement = inner > 1 && indexStrides[2] !== 0;
  const words = indexedWords(layout, [source.address, index.address, output.address]);
  const items = outer * count;
  const nanoseconds = 5 + inner * (indexPerElement ? 1 : 0.2);
  executor.launch(
    indexPerElement ? gatherElements : gatherRows,
    words,
    items,
    splitWork(items, nanoseconds),
  );
};

/**
 * Items are (outer, range of `length`, strip of `inner`): each owns its part of the output, zeroes it, and goes
 * through all values in order, so that the sums do not depend on the split.
 * Arguments after the indexed ones: columns to a strip, strips, rows to a range, ranges.
 */
function defineScatterAdd(kind: NumberKind, indexPerElement: boolean): WasmKernel {
  return defineKernel(`scatterAdd ${kind} ${indexPerElement ? "elements" : "rows"}`, (body) => {
    const { code } = body;
    const { source, index, destination, length, inner, count, ...strides } = indexedArguments(body);
    const [stripWidth, strips, rangeLength, ranges] = body.arguments(13).slice(9);
    const zero = code.local("v128", splatI32x4(0));
    const from = body.variable(0), to = body.variable(0), values = body.variable(0);
    const plane = body.variable(0), place = body.variable(0), element = body.variable(0);
    const row = body.variable(0), column = body.variable(0), target = body.variable(0);
    const width = body.variable(0), rows = body.variable(0);
    body.forItems((item) => {
      const [afterStrip, strip] = body.divide(item, strips);
      const [outer, range] = body.divide(afterStrip, ranges);
      const firstColumn = body.variable(multiply(strip, stripWidth));
      const columnsLeft = body.variable(subtract(inner, firstColumn));
      const firstRow = body.variable(multiply(range, rangeLength));
      const rowsLeft = body.variable(subtract(length, firstRow));
      code.set(width, minimum(columnsLeft, stripWidth));
      code.set(rows, minimum(rowsLeft, rangeLength));
      // The item's own part of the output: row 0 of the range, column 0 of the strip.
      const ownRow = add(multiply(outer, length), firstRow);
      code.set(plane, wordAt(destination, add(multiply(ownRow, inner), firstColumn)));
      code.for(row, 0, rows, 1, () => {
        code.set(to, wordAt(plane, multiply(row, inner)));
        body.fillRow(to, width, zero);
      });
      code.set(values, wordAt(source, add(multiply(multiply(outer, count), inner), firstColumn)));
      code.set(
        place,
        add(
          index,
          add(multiply(outer, strides.outerStride), multiply(firstColumn, strides.innerStride)),
        ),
      );
      // Unsigned: a row before the range is far above its end.
      const isOwn = () => instruction("i32.lt_u", target, rows);
      code.for(row, 0, count, 1, () => {
        code.set(from, values);
        if (indexPerElement) {
          code.set(element, place);
          code.for(column, 0, width, 1, () => {
            code.set(target, subtract(load("i32.load", element), firstRow));
            code.if(isOwn(), () => {
              code.set(to, wordAt(plane, add(multiply(target, inner), column)));
              body.addNumber(to, from, kind);
            });
            code.increment(from, 4);
            code.increment(element, strides.innerStride);
          });
        } else {
          code.set(target, subtract(load("i32.load", place), firstRow));
          code.if(isOwn(), () => {
            code.set(to, wordAt(plane, multiply(target, inner)));
            body.addRow(to, from, width, kind);
          });
        }
        code.increment(values, multiply(inner, 4));
        code.increment(place, strides.countStride);
      });
    });
  });
}

const scatterKernels = {
  f32: { rows: defineScatterAdd("f32", false), elements: defineScatterAdd("f32", true) },
  i32: { rows: defineScatterAdd("i32", false), elements: defineScatterAdd("i32", true) },
};

/** Output element (o, l, i) is the sum of the values whose index is l, added in order. */
export const scatterAdd: WasmRunner<"scatterAdd"> = (
  executor,
  layout,
  [values, index],
  [output],
) => {
  const { outer, length, inner, count, indexStrides } = layout;
  if (length === 0 || inner === 0) return;
  const kernels = scatterKernels[sharedNumberKind("scatterAdd", values, output)];
  const indexPerElement = inner > 1 && indexStrides[2] !== 0;
  // Wide strips read and write long rows; there are no more than keep the threads busy.
  const wanted = Math.ceil(ITEMS_PER_THREAD * executor.threads / Math.max(1, outer));
  const stripWidth = LINE * Math.ceil(inner / Math.min(wanted, Math.ceil(inner / LINE)) / LINE);
  const strips = Math.ceil(inner / stripWidth);
  // Ranges cost a look at every index each: only where there is too little else to share.
  const ranges = Math.min(length, Math.max(1, Math.ceil(executor.threads / (outer * strips))));
  const rangeLength = Math.ceil(length / ranges);
  const words = [
    ...indexedWords(layout, [values.address, index.address, output.address]),
    stripWidth,
    strips,
    rangeLength,
    Math.ceil(length / rangeLength),
  ];
  const parts = outer * strips * Math.ceil(length / rangeLength);
  const width = Math.min(inner, stripWidth);
  const nanoseconds = count * (2 + width * (indexPerElement ? 1 : 0.3)) + rangeLength * width * 0.2;
  executor.launch(
    indexPerElement ? kernels.elements : kernels.rows,
    words,
    parts,
    splitWork(parts, nanoseconds),
  );
};
