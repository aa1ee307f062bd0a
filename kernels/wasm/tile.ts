// The register tile of the matrix product: 5 rows by 8 columns of the result, summed over the depth.
//
// Why this shape: V8 checks the bounds of every memory access with a compare and a branch, and processors with two
// multiply-add units (Golden Cove, Zen) run branches on a port that one of the units needs. So accesses are what
// to save. Four left elements come with one load and are broadcast by shuffles; that takes a register, and of the
// 15 that V8 hands out, ten accumulators, two right vectors, two left vectors and a broadcast use all. Measured
// share of the multiply-add peak on Golden Cove: 96 %; a 6x8 tile with a load for each broadcast 88 %, 3x12 89 %.
//
// The left operand lies packed in panels of 5 rows (pack.ts), the right one in rows of 8 at any distance: a packed
// panel, or a matrix in place.

import {
  add,
  constantI32,
  type FunctionBuilder,
  instruction,
  load,
  type Local,
  type ModuleBuilder,
  multiply,
  multiplyAdd,
  shuffle,
  splatF32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import { minimum } from "./emit.ts";
import { i32s, type Procedure } from "./procedure.ts";

/** Rows of a tile, and of a left panel. */
export const TILE_ROWS = 5;
/** Columns of a tile, and of a right panel. */
export const TILE_COLUMNS = 8;
/** Bytes of one packed step along the depth. */
export const LEFT_STEP_BYTES: number = 4 * TILE_ROWS;
export const RIGHT_STEP_BYTES: number = 4 * TILE_COLUMNS;

/** Scratch bytes that {@linkcode defineMultiplier}'s function needs: one tile. */
export const EDGE_BYTES: number = LEFT_STEP_BYTES * TILE_COLUMNS;

/**
 * `tile(left, right, rightStep, depth, initial, initialStep, result, resultStep)`: result = initial + left right.
 * `rightStep` is the distance between rows of the right operand, the other steps those between rows, in bytes.
 */
export type Tile = Procedure<8>;

/**
 * What becomes of a tile's sums. `store`: they start at `initial` and go to `result`. `moments`: they start at 0, are
 * added to `result`, and their squares to what lies at `initial`, while they are in registers.
 */
export type TileKind = "store" | "moments";

/** A vector with one lane of another in all four. */
function broadcast(vector: Value<"v128">, lane: number): Value<"v128"> {
  return shuffle(vector, vector, [lane, lane, lane, lane]);
}

/** Adds {@linkcode Tile} to a module. */
export function defineTile(module: ModuleBuilder, kind: TileKind = "store"): Tile {
  return module.function(
    null,
    i32s(8),
    null,
    (body, left, right, rightStep, depth, initial, initialStep, result, resultStep) => {
      const sums = Array.from(
        { length: TILE_ROWS },
        () => [body.local("v128"), body.local("v128")],
      );
      const rightLow = body.local("v128"), rightHigh = body.local("v128");
      const factor = body.local("v128"), rows = body.local("v128"), lastRow = body.local("v128");
      const end = body.local("i32");

      for (const [low, high] of kind === "store" ? sums : []) {
        body.set(low, load("v128.load", initial));
        body.set(high, load("v128.load", add(initial, 16)));
        body.increment(initial, initialStep);
      }
      const accumulate = ([low, high]: Local<"v128">[], value: Value<"v128">) => {
        body.set(factor, value);
        body.set(low, multiplyAdd(factor, rightLow, low));
        body.set(high, multiplyAdd(factor, rightHigh, high));
      };
      /** One step along the depth: rows 0 to 3 at `offset` from `left`, and the last row's element. */
      const step = (last: Value<"v128">, offset: number) => {
        // Constants are added to addresses: with an offset in the instruction, V8's bounds check takes one more.
        body.set(rightLow, load("v128.load", right));
        body.set(rightHigh, load("v128.load", add(right, 16)));
        body.increment(right, rightStep);
        accumulate(sums[4], last);
        body.set(rows, load("v128.load", add(left, offset)));
        for (let row = 0; row < 4; row++) accumulate(sums[row], broadcast(rows, row));
      };
      const loop = (steps: Value<"i32">, unroll: number, emit: () => void) => {
        body.set(end, add(left, multiply(steps, LEFT_STEP_BYTES)));
        body.if(instruction("i32.lt_u", left, end), () => {
          body.doWhile(() => {
            emit();
            body.increment(left, unroll * LEFT_STEP_BYTES);
          }, () => instruction("i32.lt_u", left, end));
        });
      };
      loop(instruction("i32.and", depth, constantI32(-4)), 4, () => {
        body.set(lastRow, load("v128.load", left));
        for (let k = 0; k < 4; k++) step(broadcast(lastRow, k), 16 + 16 * k);
      });
      loop(instruction("i32.and", depth, constantI32(3)), 1, () => {
        step(load("v128.load32_splat", add(left, 16)), 0);
      });

      for (const halves of sums) {
        halves.forEach((half, index) => {
          const at = add(result, 16 * index);
          if (kind === "moments") {
            const square = add(initial, 16 * index);
            body.store("v128.store", square, 0, multiplyAdd(half, half, load("v128.load", square)));
            body.set(half, instruction("f32x4.add", half, load("v128.load", at)));
          }
          body.store("v128.store", at, 0, half);
        });
        if (kind === "moments") body.increment(initial, initialStep);
        body.increment(result, resultStep);
      }
    },
  );
}

/** Copies `rows` rows of `columns` (1 to 8) elements; steps are the bytes between rows. */
function copyRows(
  body: FunctionBuilder,
  [to, toStep]: [Local<"i32">, Value<"i32"> | number],
  [from, fromStep]: [Local<"i32">, Value<"i32"> | number],
  rows: Value<"i32">,
  columns: Value<"i32">,
): void {
  const row = body.local("i32"), column = body.local("i32");
  const bytes = body.local("i32", multiply(columns, 4));
  const quads = body.local("i32", instruction("i32.and", bytes, constantI32(-16)));
  body.for(row, 0, rows, 1, () => {
    body.for(column, 0, quads, 16, () => {
      body.store("v128.store", add(to, column), 0, load("v128.load", add(from, column)));
    });
    body.for(column, quads, bytes, 4, () => {
      body.store("f32.store", add(to, column), 0, load("f32.load", add(from, column)));
    });
    body.increment(to, toStep);
    body.increment(from, fromStep);
  });
}

/** A tile of which only the first `rows` rows and `columns` columns exist: it goes through `edge`, a tile in scratch. */
function defineEdgeTile(module: ModuleBuilder, tile: Tile): Procedure<11> {
  return module.function(
    null,
    i32s(11),
    null, // deno-fmt-ignore
    (body, left, right, rightStep, depth, initial, initialStep, result, resultStep, rows, columns, edge) => {
      const zero = body.local("v128", splatF32x4(0));
      for (let offset = 0; offset < EDGE_BYTES; offset += 16) {
        body.store("v128.store", edge, offset, zero);
      }
      const step = constantI32(RIGHT_STEP_BYTES);
      const at = body.local("i32", edge);
      copyRows(body, [at, step], [initial, initialStep], rows, columns);
      body.call(tile, left, right, rightStep, depth, edge, step, edge, step);
      body.set(at, edge);
      copyRows(body, [result, resultStep], [at, step], rows, columns);
    },
  );
}

/**
 * result [rows, columns] = initial + left right, for a packed left operand.
 *
 * Parameters: left, rows, depth, columns; right, rightStep, rightPanelStep: the right operand's first row, and the
 * bytes between its rows and between its panels of 8 columns; initial, initialStep, initialPanelStep: where the
 * sums start, and the bytes between rows and panels (0 repeats: a bias row, a row of zeros); result, resultStep;
 * edge: {@linkcode EDGE_BYTES} of scratch.
 * The right operand is read in whole panels; `initial` and `result` are touched in [rows, columns] only, and may be one.
 */
export type Multiplier = Procedure<13>;

/** Adds {@linkcode Multiplier} to a module. */
export function defineMultiplier(module: ModuleBuilder): Multiplier {
  const tile = defineTile(module);
  const edgeTile = defineEdgeTile(module, tile);
  return module.function(
    null,
    i32s(13),
    null, // deno-fmt-ignore
    (body, left, rows, depth, columns, right, rightStep, rightPanelStep,
      initial, initialStep, initialPanelStep, result, resultStep, edge) => {
      const column = body.local("i32"), row = body.local("i32");
      const width = body.local("i32"), height = body.local("i32");
      const panel = body.local("i32"), from = body.local("i32"), to = body.local("i32");
      // The right panel stays in the first-level cache while the left panels pass from the second.
      body.for(column, 0, columns, TILE_COLUMNS, () => {
        body.set(width, minimum(subtract(columns, column), TILE_COLUMNS));
        body.set(panel, left);
        body.set(from, initial);
        body.set(to, result);
        body.for(row, 0, rows, TILE_ROWS, () => {
          body.set(height, subtract(rows, row));
          body.set(height, minimum(height, TILE_ROWS));
          body.if(instruction("i32.eq", add(width, height), constantI32(TILE_COLUMNS + TILE_ROWS)), () => {
            body.call(tile, panel, right, rightStep, depth, from, initialStep, to, resultStep);
          }, () => {
            body.call(edgeTile, panel, right, rightStep, depth, from, initialStep, to, resultStep, height, width, edge);
          });
          body.increment(panel, multiply(depth, LEFT_STEP_BYTES));
          body.increment(from, multiply(initialStep, TILE_ROWS));
          body.increment(to, multiply(resultStep, TILE_ROWS));
        });
        body.increment(right, rightPanelStep);
        body.increment(initial, initialPanelStep);
        body.increment(result, RIGHT_STEP_BYTES);
      });
    },
  );
}
