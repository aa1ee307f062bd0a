// Kernel `matmul`: batched matrix products with bias and epilogue.

import { input } from "../expression/expression.ts";
import type { KernelParameters } from "../kernel.ts";
import { requireFloats } from "./elements.ts";
import { splitWork, type WasmLauncher, type WasmRunner } from "./kernel.ts";
import {
  blockProduct,
  blockProductWords,
  PACKED_PANELS,
  packRight,
  packRightWords,
} from "./matmul_blocks.ts";
import { planProduct } from "./matmul_plan.ts";
import { MAXIMUM_CHUNK, MAXIMUM_FEW, thinProduct, thinProductWords } from "./matmul_thin.ts";
import { pointwise } from "./pointwise.ts";
import { flag } from "./procedure.ts";
import { TILE_COLUMNS } from "./tile.ts";

type MatmulParameters = KernelParameters["matmul"];

/** What reading an element of the wide operand costs in a thin product: it comes from memory more often than not. */
const THIN_NANOSECONDS = 0.2;
/** Elements of the wide operand in an item that is worth handing out, and items for each thread. */
const THIN_ITEM_WORK = 50_000;
const THIN_ITEMS_PER_THREAD = 8;

/** Addresses of the operands; the bias has address 0 where there is none. */
interface Operands {
  readonly left: number;
  readonly right: number;
  readonly bias: number;
  readonly result: number;
}

/** Byte offsets of the matrices of every batch entry, in row-major order: left, right, left, right, ... */
function batchOffsets(parameters: MatmulParameters): number[] {
  const { batch, batchStridesA, batchStridesB } = parameters;
  let offsets = [0, 0];
  batch.forEach((length, axis) => {
    const stepA = 4 * batchStridesA[axis], stepB = 4 * batchStridesB[axis];
    const next: number[] = [];
    for (let entry = 0; entry < offsets.length; entry += 2) {
      for (let index = 0; index < length; index++) {
        next.push(offsets[entry] + index * stepA, offsets[entry + 1] + index * stepB);
      }
    }
    offsets = next;
  });
  return offsets;
}

/** A batch of left matrices that lie one after the other, times one right matrix, is one taller product. */
function foldBatch(parameters: MatmulParameters): MatmulParameters {
  const { batch, batchStridesA, batchStridesB, rows, depth, transposeA } = parameters;
  if (transposeA) return parameters;
  let expected = rows * depth, count = 1;
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    if (batch[axis] !== 1) {
      if (batchStridesB[axis] !== 0 || batchStridesA[axis] !== expected) return parameters;
    }
    expected *= batch[axis];
    count *= batch[axis];
  }
  return { ...parameters, batch: [], batchStridesA: [], batchStridesB: [], rows: rows * count };
}

/** The product by blocks of register tiles. */
function runBlocks(
  executor: WasmLauncher,
  parameters: MatmulParameters,
  operands: Operands,
  offsets: readonly number[],
): void {
  const { rows, columns, depth, transposeA, transposeB } = parameters;
  const count = offsets.length / 2;
  const shape = { count, rows, columns, depth, transposeA, transposeB };
  const plan = planProduct(shape, executor.threads);
  const { right, blockRows, blockColumns, blockDepth, rowBlocks, columnBlocks, depthBlocks } = plan;
  const { parallel } = plan;
  const rightStep = 4 * (transposeB ? depth : columns);
  const product = (addresses: Operands & { packed: number }, table: readonly number[]) => {
    const words = blockProductWords.layOut({
      ...addresses,
      rows,
      columns,
      depth,
      leftStep: 4 * (transposeA ? rows : depth),
      rightStep,
      leftTransposed: flag(transposeA),
      rightTransposed: flag(transposeB),
      blockRows,
      blockColumns,
      blockDepth,
      rowBlocks,
      columnBlocks,
      direct: flag(right === "direct"),
    }, table);
    executor.launch(blockProduct, words, table.length / 2 * rowBlocks * columnBlocks, { parallel });
  };
  if (right !== "shared") return product({ ...operands, packed: 0 }, offsets);

  // Entry by entry, so that no more than one packed operand is held.
  const panels = Math.ceil(columns / TILE_COLUMNS);
  const packed = executor.temporary(4 * panels * TILE_COLUMNS * depth);
  for (let entry = 0; entry < count; entry++) {
    const addresses = {
      left: operands.left + offsets[2 * entry],
      right: operands.right + offsets[2 * entry + 1],
      result: operands.result + 4 * rows * columns * entry,
      bias: operands.bias,
      packed,
    };
    const words = packRightWords.layOut({
      ...addresses,
      columns,
      depth,
      rightStep,
      transposed: flag(transposeB),
      blockDepth,
      depthBlocks,
    });
    const groups = Math.ceil(panels / PACKED_PANELS);
    executor.launch(packRight, words, groups * depthBlocks, { parallel });
    product(addresses, [0, 0]);
  }
}

/** The product with at most four rows or columns. With few columns, it is seen as its transpose. */
function runThin(
  executor: WasmLauncher,
  parameters: MatmulParameters,
  operands: Operands,
  offsets: readonly number[],
): void {
  const { rows, columns, depth, transposeA, transposeB } = parameters;
  const count = offsets.length / 2;
  const fewRows = rows <= columns;
  const few = fewRows ? rows : columns, width = fewRows ? columns : rows;
  /** Whether the thin operand's lanes are its rows as they are stored, and the wide side is the other's columns. */
  const lanesAreRows = fewRows ? !transposeA : transposeB;
  const across = fewRows ? !transposeB : transposeA;
  const balanced = width * count / (THIN_ITEMS_PER_THREAD * executor.threads);
  const worthwhile = THIN_ITEM_WORK / Math.max(1, depth);
  const chunk = Math.min(MAXIMUM_CHUNK, Math.ceil(Math.max(balanced, worthwhile) / 16) * 16);
  const chunks = Math.ceil(width / chunk);
  const words = thinProductWords.layOut({
    thin: fewRows ? operands.left : operands.right,
    wide: fewRows ? operands.right : operands.left,
    result: operands.result,
    bias: operands.bias,
    width,
    depth,
    thinStep: lanesAreRows ? 4 * depth : 4,
    thinDepthStep: lanesAreRows ? 4 : 4 * few,
    wideStep: 4 * (across ? width : depth),
    resultStep: fewRows ? 4 * columns : 4,
    resultWideStep: fewRows ? 4 : 4 * columns,
    biasStep: fewRows ? 0 : 4,
    biasWideStep: fewRows ? 4 : 0,
    chunk,
    chunks,
    entryStep: 4 * rows * columns,
  }, fewRows ? offsets : offsets.map((_, index) => offsets[index ^ 1]));
  const kernel = thinProduct(across ? "across" : "along", few);
  const nanoseconds = Math.min(chunk, width) * depth * THIN_NANOSECONDS;
  executor.launch(kernel, words, count * chunks, splitWork(count * chunks, nanoseconds));
}

/**
 * The epilogue of a b + bias for every batch entry. It is a pass of its own: inside the product an activation was
 * measured to gain nothing, and the product's code stays one for all.
 */
export const matmul: WasmRunner<"matmul"> = (executor, parameters, inputs, outputs) => {
  requireFloats("matmul", ...inputs, ...outputs);
  const folded = foldBatch(parameters);
  const offsets = batchOffsets(folded);
  const { rows, columns } = folded;
  const size = offsets.length / 2 * rows * columns;
  if (size === 0) return;
  const { epilogue = [] } = parameters;
  // Where the product itself is a result, it is made there; else the first result holds it for a while.
  const kept = epilogue.indexOf(input(0));
  const product = outputs[Math.max(0, kept)];
  const run = Math.min(rows, columns) <= MAXIMUM_FEW ? runThin : runBlocks;
  run(executor, folded, {
    left: inputs[0].address,
    right: inputs[1].address,
    bias: parameters.bias ? inputs[2].address : 0,
    result: product.address,
  }, offsets);
  const expressions = epilogue.toSpliced(kept, kept < 0 ? 0 : 1);
  if (expressions.length === 0) return;
  const operands = [product, ...inputs.slice(parameters.bias ? 3 : 2)];
  const layout = { shape: [size], inputStrides: operands.map(() => [1]) };
  const results = outputs.toSpliced(kept, kept < 0 ? 0 : 1);
  pointwise(executor, { expressions, ...layout }, operands, results);
};
