// The matrix product by blocks: each item packs its part of the left operand and multiplies it by right panels.

import {
  add,
  constantI32,
  type FunctionBuilder,
  instruction,
  load,
  type Local,
  type ModuleBuilder,
  multiply,
  splatF32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import { KernelBody, minimum } from "./emit.ts";
import { defineInPlaceMultiplier, type InPlaceMultiplier } from "./in_place.ts";
import type { WasmKernel } from "./kernel.ts";
import { PACKED_OFFSET, ZEROS_OFFSET } from "./matmul_plan.ts";
import { defineLeftPackers, defineRightPackers, type Packers } from "./pack.ts";
import { ArgumentWords, i32s, type Procedure } from "./procedure.ts";
import { defineMultiplier, type Multiplier, RIGHT_STEP_BYTES, TILE_COLUMNS } from "./tile.ts";

type I32 = Value<"i32">;

/**
 * Arguments of {@linkcode packRight}: the matrix, where its panels go, its size, the bytes between its rows as they
 * are stored, whether they hold its columns, and the cut along the depth.
 */
export const packRightWords = new ArgumentWords([
  "right",
  "packed",
  "columns",
  "depth",
  "rightStep",
  "transposed",
  "blockDepth",
  "depthBlocks",
]);

/**
 * Arguments of {@linkcode blockProduct}: addresses (`bias` 0 for none; `packed` of what {@linkcode packRight} made, 0
 * where items read `right` themselves), sizes, the bytes between rows of the operands as they are stored, and the
 * cut; `direct` where items read `right` in place. The table holds two words for each batch entry: byte offsets of
 * its left and right matrix.
 */
export const blockProductWords = new ArgumentWords([
  "left",
  "right",
  "result",
  "bias",
  "packed",
  "rows",
  "columns",
  "depth",
  "leftStep",
  "rightStep",
  "leftTransposed",
  "rightTransposed",
  "blockRows",
  "blockColumns",
  "blockDepth",
  "rowBlocks",
  "columnBlocks",
  "direct",
]);

/** Panels that an item of {@linkcode packRight} packs. */
export const PACKED_PANELS = 8;

/** A count of columns rounded up to whole panels. */
function panelled(columns: I32): I32 {
  return instruction("i32.and", add(columns, TILE_COLUMNS - 1), constantI32(-TILE_COLUMNS));
}

/** A block of a matrix: where it begins and how far it goes, across the lanes of panels and along the depth. */
interface Block {
  readonly matrix: I32;
  /** Bytes between the matrix's rows as they are stored. */
  readonly step: I32;
  readonly laneFrom: I32;
  readonly lanes: I32;
  readonly depthFrom: I32;
  readonly depth: I32;
}

/** Adds a function that packs a block: (destination, along, matrix, step, laneFrom, lanes, depthFrom, depth). */
function definePackBlock(module: ModuleBuilder, packers: Packers): Procedure<8> {
  return module.function(
    null,
    i32s(8),
    null,
    (body, destination, along, matrix, step, laneFrom, lanes, depthFrom, depth) => {
      const start = (row: I32, column: I32) =>
        add(matrix, add(multiply(row, step), multiply(column, 4)));
      body.if(along, () => {
        body.call(packers.along, destination, start(laneFrom, depthFrom), lanes, depth, step);
      }, () => {
        body.call(packers.across, destination, start(depthFrom, laneFrom), lanes, depth, step);
      });
    },
  );
}

/** Calls what {@linkcode definePackBlock} made. */
function packBlock(
  body: FunctionBuilder,
  pack: Procedure<8>,
  destination: I32,
  along: I32,
  { matrix, step, laneFrom, lanes, depthFrom, depth }: Block,
): void {
  body.call(pack, destination, along, matrix, step, laneFrom, lanes, depthFrom, depth);
}

/**
 * Packs a whole right operand for {@linkcode blockProduct}: block after block along the depth, panel after panel.
 * An item is a block of the depth times a group of {@linkcode PACKED_PANELS} panels.
 */
export const packRight: WasmKernel = {
  key: "matmul.packRight",
  build(module: ModuleBuilder): void {
    const pack = definePackBlock(module, defineRightPackers(module));
    module.function("run", i32s(4), null, (code, ...parameters) => {
      const body = new KernelBody(code, parameters);
      const { right, packed, columns, depth, rightStep, transposed, blockDepth, depthBlocks } =
        packRightWords.read(code, parameters[0]);
      body.forItems((item) => {
        const [group, depthIndex] = body.divide(item, depthBlocks);
        const depthFrom = body.variable(multiply(depthIndex, blockDepth));
        const steps = body.variable(subtract(depth, depthFrom));
        code.set(steps, minimum(steps, blockDepth));
        const laneFrom = body.variable(multiply(group, PACKED_PANELS * TILE_COLUMNS));
        const lanes = body.variable(subtract(columns, laneFrom));
        code.set(lanes, minimum(lanes, PACKED_PANELS * TILE_COLUMNS));
        // Earlier blocks hold whole panels of `depthFrom` steps, this block's earlier panels `steps` steps.
        const floats = add(multiply(panelled(columns), depthFrom), multiply(laneFrom, steps));
        packBlock(code, pack, add(packed, multiply(floats, 4)), transposed, {
          matrix: right,
          step: rightStep,
          laneFrom,
          lanes,
          depthFrom,
          depth: steps,
        });
      });
    });
  },
};

/** result = left right + bias: an item is a block of rows times a block of columns of one batch entry. */
export const blockProduct: WasmKernel = {
  key: "matmul.blockProduct",
  build(module: ModuleBuilder): void {
    const multiplier = defineMultiplier(module);
    const packLeft = definePackBlock(module, defineLeftPackers(module));
    const rightPackers = defineRightPackers(module);
    const procedures = {
      multiplier,
      inPlaceMultiplier: defineInPlaceMultiplier(module, multiplier, rightPackers.across),
      packLeft,
      packRight: definePackBlock(module, rightPackers),
    };
    module.function("run", i32s(4), null, (code, ...parameters) => {
      emitBlockProduct(new KernelBody(code, parameters), parameters[0], procedures);
    });
  },
};

function emitBlockProduct(
  body: KernelBody,
  words: Local<"i32">,
  procedures: {
    readonly multiplier: Multiplier;
    readonly inPlaceMultiplier: InPlaceMultiplier;
    readonly packLeft: Procedure<8>;
    readonly packRight: Procedure<8>;
  },
): void {
  const { code, scratch } = body;
  const given = blockProductWords.read(code, words);
  const { columns, depth, blockRows, blockColumns, blockDepth, rightStep } = given;
  const leftAlong = body.variable(instruction("i32.eqz", given.leftTransposed));
  const resultStep = body.variable(multiply(columns, 4));
  const zeros = body.variable(add(scratch, ZEROS_OFFSET));
  const zero = splatF32x4(0);
  for (const offset of [0, 16]) code.store("v128.store", zeros, offset, zero);
  const packedLeft = body.variable(add(scratch, PACKED_OFFSET));
  const packedRight = body.variable(
    add(packedLeft, multiply(multiply(blockRows, blockDepth), 4)),
  );

  const height = body.variable(0), width = body.variable(0), steps = body.variable(0);
  const rowFrom = body.variable(0), columnFrom = body.variable(0), depthFrom = body.variable(0);
  const leftMatrix = body.variable(0), rightMatrix = body.variable(0);
  const target = body.variable(0);
  /** Where the sums of this block start: the bias, zeros, or what earlier blocks of the depth gave. */
  const initial = body.variable(0), initialStep = body.variable(0);
  const initialPanelStep = body.variable(0);
  const multiplyInPlace = () => {
    const start = add(multiply(depthFrom, rightStep), multiply(columnFrom, 4));
    // deno-fmt-ignore
    code.call(
      procedures.inPlaceMultiplier, packedLeft, height, steps, width, add(rightMatrix, start), rightStep,
      initial, initialStep, initialPanelStep, target, resultStep, scratch, packedRight,
    );
  };
  const multiplyPanels = (panels: I32) => {
    // deno-fmt-ignore
    code.call(
      procedures.multiplier, packedLeft, height, steps, width,
      panels, constantI32(RIGHT_STEP_BYTES), multiply(steps, RIGHT_STEP_BYTES),
      initial, initialStep, initialPanelStep, target, resultStep, scratch,
    );
  };
  const chooseInitial = () => {
    code.set(initialPanelStep, constantI32(RIGHT_STEP_BYTES));
    code.set(initialStep, constantI32(0));
    code.if(depthFrom, () => {
      code.set(initial, target);
      code.set(initialStep, resultStep);
    }, () => {
      code.if(given.bias, () => {
        code.set(initial, add(given.bias, multiply(columnFrom, 4)));
      }, () => {
        code.set(initial, zeros);
        code.set(initialPanelStep, constantI32(0));
      });
    });
  };

  body.forItems((item) => {
    const [position, columnIndex] = body.divide(item, given.columnBlocks);
    const [entry, rowIndex] = body.divide(position, given.rowBlocks);
    code.set(columnFrom, multiply(columnIndex, blockColumns));
    code.set(rowFrom, multiply(rowIndex, blockRows));
    code.set(height, subtract(given.rows, rowFrom));
    code.set(height, minimum(height, blockRows));
    code.set(width, subtract(columns, columnFrom));
    code.set(width, minimum(width, blockColumns));
    const offsets = body.variable(add(blockProductWords.table(words), multiply(entry, 8)));
    code.set(leftMatrix, add(given.left, load("i32.load", offsets)));
    code.set(rightMatrix, add(given.right, load("i32.load", offsets, 4)));
    code.set(depthFrom, constantI32(0));
    // At least once: a product of depth 0 is its bias.
    code.doWhile(() => {
      code.set(steps, subtract(depth, depthFrom));
      code.set(steps, minimum(steps, blockDepth));
      const row = add(multiply(entry, given.rows), rowFrom);
      const start = add(multiply(row, resultStep), multiply(columnFrom, 4));
      code.set(target, add(given.result, start));
      chooseInitial();
      packBlock(code, procedures.packLeft, packedLeft, leftAlong, {
        matrix: leftMatrix,
        step: given.leftStep,
        laneFrom: rowFrom,
        lanes: height,
        depthFrom,
        depth: steps,
      });
      code.if(given.direct, multiplyInPlace, () => {
        code.if(given.packed, () => {
          const floats = add(
            multiply(panelled(columns), depthFrom),
            multiply(columnFrom, steps),
          );
          multiplyPanels(add(given.packed, multiply(floats, 4)));
        }, () => {
          packBlock(code, procedures.packRight, packedRight, given.rightTransposed, {
            matrix: rightMatrix,
            step: rightStep,
            laneFrom: columnFrom,
            lanes: width,
            depthFrom,
            depth: steps,
          });
          multiplyPanels(packedRight);
        });
      });
      code.increment(depthFrom, blockDepth);
    }, () => instruction("i32.lt_u", depthFrom, depth));
  });
}
