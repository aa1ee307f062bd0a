// Kernel `productMoments`: sums over units of products and of their squares, the squares taken in the registers of the
// product's tile.

import { input } from "../expression/expression.ts";
import { add, constantI32, multiply, subtract } from "./assembler.ts";
import { requireFloats } from "./elements.ts";
import { KernelBody, minimum } from "./emit.ts";
import {
  SCRATCH_BYTES,
  splitWork,
  type WasmKernel,
  type WasmLauncher,
  type WasmRunner,
} from "./kernel.ts";
import { PACKED_OFFSET } from "./matmul_plan.ts";
import { matmul } from "./matmul.ts";
import { defineLeftPackers, defineRightPackers } from "./pack.ts";
import { pointwise } from "./pointwise.ts";
import { ArgumentWords, flag, i32s } from "./procedure.ts";
import { defineTile, LEFT_STEP_BYTES, RIGHT_STEP_BYTES, TILE_COLUMNS, TILE_ROWS } from "./tile.ts";

/** The largest block of the result that an item keeps: both sums of it stay in the second-level cache. */
const BLOCK_ROWS = 40;
const BLOCK_COLUMNS = 96;

/** Rows of a unit whose packed blocks fit the scratch beside the sums. */
const MAXIMUM_ROWS = Math.floor(
  ((SCRATCH_BYTES - PACKED_OFFSET) / 4 - 2 * BLOCK_ROWS * BLOCK_COLUMNS) /
    (BLOCK_ROWS + BLOCK_COLUMNS),
);

/** Cycles of a tile's step along the rows, as nanoseconds at 4 GHz; decides only who computes. */
const STEP_NANOSECONDS = 1.3;

/** Addresses, sizes, and the cut; `direct` where right panels are whole and read in place. */
const argumentWords = new ArgumentWords([
  "left",
  "right",
  "sums",
  "squares",
  "units",
  "rows",
  "height",
  "width",
  "blockRows",
  "blockColumns",
  "columnBlocks",
  "direct",
]);

/** An item is a block of the result: all units pass through it, one after the other. */
const blockMoments: WasmKernel = {
  key: "productMoments",
  build(module): void {
    const tile = defineTile(module, "moments");
    const packLeft = defineLeftPackers(module).across;
    const packRight = defineRightPackers(module).across;
    module.function("run", i32s(4), null, (code, ...parameters) => {
      const body = new KernelBody(code, parameters);
      const given = argumentWords.read(code, parameters[0]);
      const { rows, height, width, blockRows, blockColumns, direct } = given;
      const blockStep = body.variable(multiply(blockColumns, 4));
      const blockBytes = body.variable(multiply(blockRows, blockStep));
      const sums = body.variable(add(body.scratch, PACKED_OFFSET));
      const squares = body.variable(add(sums, blockBytes));
      const packedLeft = body.variable(add(squares, blockBytes));
      const packedRight = body.variable(add(packedLeft, multiply(multiply(blockRows, rows), 4)));
      const leftStep = body.variable(multiply(height, 4));
      const rightStep = body.variable(multiply(width, 4));
      const unit = body.variable(0), row = body.variable(0), column = body.variable(0);
      const leftAt = body.variable(0), rightAt = body.variable(0);
      const panel = body.variable(0), panelStep = body.variable(0), panelBytes = body.variable(0);
      const to = body.variable(0), from = body.variable(0);
      body.forItems((item) => {
        const [rowIndex, columnIndex] = body.divide(item, given.columnBlocks);
        const rowFrom = body.variable(multiply(rowIndex, blockRows));
        const columnFrom = body.variable(multiply(columnIndex, blockColumns));
        const lanes = body.variable(subtract(height, rowFrom));
        code.set(lanes, minimum(lanes, blockRows));
        const columns = body.variable(subtract(width, columnFrom));
        code.set(columns, minimum(columns, blockColumns));
        code.fillMemory(sums, constantI32(0), multiply(blockBytes, 2));
        code.set(leftAt, add(given.left, multiply(rowFrom, 4)));
        code.set(rightAt, add(given.right, multiply(columnFrom, 4)));
        code.for(unit, 0, given.units, 1, () => {
          code.call(packLeft, packedLeft, leftAt, lanes, rows, leftStep);
          code.if(direct, () => {
            code.set(panel, rightAt);
            code.set(panelStep, rightStep);
            code.set(panelBytes, constantI32(RIGHT_STEP_BYTES));
          }, () => {
            code.call(packRight, packedRight, rightAt, columns, rows, rightStep);
            code.set(panel, packedRight);
            code.set(panelStep, constantI32(RIGHT_STEP_BYTES));
            code.set(panelBytes, multiply(rows, RIGHT_STEP_BYTES));
          });
          code.for(column, 0, columns, TILE_COLUMNS, () => {
            const across = body.variable(multiply(column, 4));
            code.set(from, packedLeft);
            code.for(row, 0, lanes, TILE_ROWS, () => {
              const offset = body.variable(add(multiply(row, blockStep), across));
              // deno-fmt-ignore
              code.call(
                tile, from, panel, panelStep, rows,
                add(squares, offset), blockStep, add(sums, offset), blockStep,
              );
              code.increment(from, multiply(rows, LEFT_STEP_BYTES));
            });
            code.increment(panel, panelBytes);
          });
          code.increment(leftAt, multiply(rows, leftStep));
          code.increment(rightAt, multiply(rows, rightStep));
        });
        const results = [[sums, given.sums], [squares, given.squares]] as const;
        for (const [block, result] of results) {
          code.for(row, 0, lanes, 1, () => {
            const at = multiply(add(multiply(add(rowFrom, row), width), columnFrom), 4);
            code.set(to, add(result, at));
            code.set(from, add(block, multiply(row, blockStep)));
            body.copyRow(to, from, columns);
          });
        }
      });
    });
  },
};

/** A length cut into equal pieces of at most `maximum`, a multiple of `step`. */
function evenly(length: number, maximum: number, step: number): number {
  return Math.ceil(length / Math.ceil(length / maximum) / step) * step;
}

/** Units of so many rows that a block of them does not fit the scratch: a product of its own for each. */
function unitByUnit(
  executor: WasmLauncher,
  { units, rows, height, width }: Parameters<WasmRunner<"productMoments">>[1],
  [left, right]: Parameters<WasmRunner<"productMoments">>[2],
  [sums, squares]: Parameters<WasmRunner<"productMoments">>[3],
): void {
  const size = height * width;
  const product = { address: executor.temporary(4 * size), dtype: sums.dtype };
  const [value, sum, square] = [input(0), input(1), input(2)];
  for (let unit = 0; unit < units; unit++) {
    const shift = (binding: typeof left, columns: number) => ({
      ...binding,
      address: binding.address + 4 * unit * rows * columns,
    });
    matmul(
      executor,
      {
        batch: [],
        batchStridesA: [],
        batchStridesB: [],
        rows: height,
        columns: width,
        depth: rows,
        transposeA: true,
        transposeB: false,
        bias: false,
      },
      [shift(left, height), shift(right, width)],
      [product],
    );
    const first = unit === 0;
    const expressions = first
      ? [value, value.mul(value)]
      : [sum.add(value), square.add(value.mul(value))];
    const inputs = first ? [product] : [product, sums, squares];
    const inputStrides = inputs.map(() => [1]);
    pointwise(executor, { expressions, shape: [size], inputStrides }, inputs, [sums, squares]);
  }
}

/** Sums over units of left_u' right_u and of its elementwise squares. */
export const productMoments: WasmRunner<"productMoments"> = (
  executor,
  parameters,
  inputs,
  outputs,
) => {
  requireFloats("productMoments", ...inputs, ...outputs);
  const { units, rows, height, width } = parameters;
  if (height * width === 0) return;
  if (rows > MAXIMUM_ROWS && units > 0) return unitByUnit(executor, parameters, inputs, outputs);
  const blockRows = evenly(height, BLOCK_ROWS, TILE_ROWS);
  const blockColumns = evenly(width, BLOCK_COLUMNS, TILE_COLUMNS);
  const columnBlocks = Math.ceil(width / blockColumns);
  const items = Math.ceil(height / blockRows) * columnBlocks;
  const words = argumentWords.layOut({
    left: inputs[0].address,
    right: inputs[1].address,
    sums: outputs[0].address,
    squares: outputs[1].address,
    units,
    rows,
    height,
    width,
    blockRows,
    blockColumns,
    columnBlocks,
    direct: flag(width % TILE_COLUMNS === 0),
  });
  const tiles = Math.ceil(blockRows / TILE_ROWS) * Math.ceil(blockColumns / TILE_COLUMNS);
  executor.launch(
    blockMoments,
    words,
    items,
    splitWork(items, units * tiles * rows * STEP_NANOSECONDS),
  );
};
