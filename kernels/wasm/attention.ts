// Kernel `attention`: softmax(scale * q k^T) v for every head, in blocks that stay in a thread's scratch.
//
// An item is a block of query rows of one head. It goes through the keys block by block, keeps each row's maximum and
// sum so far, and rescales when the maximum grows (Milakov and Gimelshein 2018; Dao et al. 2022, algorithm 1).
// With up to 320 tokens there is one block of keys, and this is the plain softmax. Rows of scores never leave the
// scratch, and queries, keys and values are read where they lie in the packed tensor.

import { ConstantPool } from "../expression/to_wasm.ts";
import {
  add,
  constantF32,
  constantI32,
  instruction,
  lane,
  load,
  type ModuleBuilder,
  multiply,
  select,
  splatF32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import {
  type AttentionBlock,
  cutAttention,
  placeHead,
  tiledColumns,
  tiledRows,
} from "./attention_layout.ts";
import { requireFloats } from "./elements.ts";
import { KernelBody, minimum } from "./emit.ts";
import { defineInPlaceMultiplier, type InPlaceMultiplier } from "./in_place.ts";
import { floatWord, splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";
import { defineLeftPackers, defineRightPackers, type Packer } from "./pack.ts";
import { ArgumentWords, flag, i32s, type Procedure } from "./procedure.ts";
import { exponential, naturalLogarithm, printer, RowPasses } from "./rows.ts";
import { defineMultiplier, type Multiplier, RIGHT_STEP_BYTES } from "./tile.ts";

/** Nanoseconds for one score and its share of the result: two products over the head's width, and an exponential. */
const SCORE_NANOSECONDS = 1.5;
const PRODUCT_NANOSECONDS = 0.06;

/** The scratch in floats, by part. */
function scratchParts(headWidth: number) {
  return ({ rows, keys }: AttentionBlock) => ({
    /** Packed queries. */
    queries: tiledRows(rows) * headWidth,
    /** Packed keys. */
    keys: tiledColumns(keys) * headWidth,
    /** Scores, then weights, [rows, keys]. */
    scores: rows * tiledColumns(keys),
    /** Packed weights. */
    weights: tiledRows(rows) * keys,
    /** One packed panel of values. */
    panel: tiledColumns(1) * keys,
    /** Maximum and sum of each row. */
    statistics: 2 * rows,
  });
}

type Part = "edge" | "zeros" | keyof ReturnType<ReturnType<typeof scratchParts>>;

const words = new ArgumentWords([
  "input",
  "output",
  "logSumExp",
  "tokens",
  "heads",
  "headWidth",
  "scale",
  "causal",
  "blockRows",
  "blockKeys",
  "rowBlocks",
  "edge",
  "zeros",
  "queries",
  "keys",
  "scores",
  "weights",
  "panel",
  "statistics",
]);

/**
 * `(scores, reach, length, scale, statistics, output, headWidth, first)`: turns the first `reach` of a row's `length`
 * scores into weights relative to the maximum so far and the others into 0, and brings statistics and output up to date.
 * `scale` is an address. On the first block, statistics and output hold nothing yet.
 */
function defineWeighRow(module: ModuleBuilder): Procedure<8> {
  return module.function(
    null,
    i32s(8),
    null,
    (code, scores, reach, length, scaleAt, statistics, output, headWidth, first) => {
      const constants = new ConstantPool(code);
      const print = printer(code, constants);
      constants.hoist(() => {
        const scale = code.local("v128", load("v128.load32_splat", scaleAt));
        const passes = new RowPasses(code, reach);
        const largest = code.local(
          "v128",
          passes.maximum(4, (visit) => instruction("f32x4.mul", passes.read(scores, visit), scale)),
        );
        const before = code.local("v128", splatF32x4(-Infinity));
        const sumBefore = code.local("f32", constantF32(0));
        code.if(instruction("i32.eqz", first), () => {
          code.set(before, load("v128.load32_splat", statistics));
          code.set(sumBefore, load("f32.load", statistics, 4));
        });
        code.set(largest, instruction("f32x4.pmax", largest, before));
        const [sum] = passes.sums(1, 2, (visit) => {
          const score = instruction("f32x4.mul", passes.read(scores, visit), scale);
          const shifted = instruction("f32x4.sub", score, largest);
          const weight = passes.keep(print(exponential, shifted));
          passes.write(scores, visit, weight);
          return [weight];
        });
        code.fillMemory(
          add(scores, passes.bytes),
          constantI32(0),
          multiply(subtract(length, reach), 4),
        );
        code.store("f32.store", statistics, 0, lane(largest, 0));
        code.if(first, () => code.store("f32.store", statistics, 4, lane(sum, 0)), () => {
          const shrink = passes.keep(
            print(exponential, instruction("f32x4.sub", before, largest)),
          );
          const kept = instruction("f32.mul", sumBefore, lane(shrink, 0));
          code.store("f32.store", statistics, 4, instruction("f32.add", kept, lane(sum, 0)));
          const outputs = new RowPasses(code, headWidth);
          outputs.forEach(2, (visit) => {
            const value = instruction("f32x4.mul", outputs.read(output, visit), shrink);
            outputs.write(output, visit, value);
          });
        });
      });
    },
  );
}

/** `(statistics, output, headWidth, logSumExp)`: divides a row by its sum, and gives its log-sum-exp. */
function defineFinishRow(module: ModuleBuilder): Procedure<4> {
  return module.function(null, i32s(4), null, (code, statistics, output, headWidth, logSumExp) => {
    const constants = new ConstantPool(code);
    const print = printer(code, constants);
    constants.hoist(() => {
      const passes = new RowPasses(code, headWidth);
      const sum = passes.keep(load("v128.load32_splat", add(statistics, 4)));
      const reciprocal = passes.keep(instruction("f32x4.div", splatF32x4(1), sum));
      passes.forEach(2, (visit) => {
        const value = instruction("f32x4.mul", passes.read(output, visit), reciprocal);
        passes.write(output, visit, value);
      });
      const logarithm = lane(print(naturalLogarithm, sum), 0);
      const total = instruction("f32.add", load("f32.load", statistics), logarithm);
      code.store("f32.store", logSumExp, 0, total);
    });
  });
}

interface Procedures {
  readonly multiplier: Multiplier;
  readonly inPlaceMultiplier: InPlaceMultiplier;
  readonly packLeft: Packer;
  readonly packRight: Packer;
  readonly weighRow: Procedure<8>;
  readonly finishRow: Procedure<4>;
}

const kernel: WasmKernel = {
  key: "attention",
  build(module: ModuleBuilder): void {
    const multiplier = defineMultiplier(module);
    const rightPackers = defineRightPackers(module);
    const procedures: Procedures = {
      multiplier,
      inPlaceMultiplier: defineInPlaceMultiplier(module, multiplier, rightPackers.across),
      packLeft: defineLeftPackers(module).along,
      packRight: rightPackers.along,
      weighRow: defineWeighRow(module),
      finishRow: defineFinishRow(module),
    };
    module.function("run", i32s(4), null, (code, ...parameters) => {
      emitAttention(new KernelBody(code, parameters), parameters[0], procedures);
    });
  },
};

function emitAttention(body: KernelBody, at: Value<"i32">, procedures: Procedures): void {
  const { code } = body;
  const given = words.read(code, at);
  const { tokens, headWidth, blockRows, blockKeys, causal } = given;
  const inScratch = (name: Part) => body.variable(add(body.scratch, given[name]));
  const edge = inScratch("edge"), zeros = inScratch("zeros"), queries = inScratch("queries");
  const keys = inScratch("keys"), scores = inScratch("scores"), weights = inScratch("weights");
  const panel = inScratch("panel"), statistics = inScratch("statistics");
  for (const offset of [0, 16]) code.store("v128.store", zeros, offset, splatF32x4(0));
  const scaleAt = body.variable(words.address(at, "scale"));
  const none = constantI32(0), panelStep = constantI32(RIGHT_STEP_BYTES);

  body.forItems((item) => {
    const [headIndex, rowIndex] = body.divide(item, given.rowBlocks);
    const place = placeHead(body, given, headIndex);
    const { packedStep, partStep, unpackedStep } = place;
    const rowFrom = body.variable(multiply(rowIndex, blockRows));
    const height = body.variable(subtract(tokens, rowFrom));
    code.set(height, minimum(height, blockRows));
    const query = body.variable(add(given.input, place.packed));
    const firstKey = body.variable(add(query, partStep));
    const firstValue = body.variable(add(firstKey, partStep));
    const output = body.variable(
      add(add(given.output, place.unpacked), multiply(rowFrom, unpackedStep)),
    );
    const logSumExp = body.variable(
      add(add(given.logSumExp, place.row), multiply(rowFrom, 4)),
    );
    const queryRows = add(query, multiply(rowFrom, packedStep));
    code.call(procedures.packLeft, queries, queryRows, height, headWidth, packedStep);

    const row = body.variable(0), width = body.variable(0), scoreStep = body.variable(0);
    const reach = body.variable(0), skipped = body.variable(0);
    const end = body.variable(tokens), keyFrom = body.variable(0);
    code.if(causal, () => code.set(end, add(rowFrom, height)));
    code.for(keyFrom, 0, end, blockKeys, () => {
      code.set(width, subtract(tokens, keyFrom));
      code.set(width, minimum(width, blockKeys));
      code.set(scoreStep, multiply(width, 4));
      code.set(skipped, multiply(keyFrom, packedStep));
      code.call(procedures.packRight, keys, add(firstKey, skipped), width, headWidth, packedStep);
      // deno-fmt-ignore
      code.call(
        procedures.multiplier, queries, height, headWidth, width,
        keys, panelStep, multiply(headWidth, RIGHT_STEP_BYTES), zeros, none, none, scores, scoreStep, edge,
      );
      const first = body.variable(instruction("i32.eqz", keyFrom));
      code.for(row, 0, height, 1, () => {
        code.set(reach, width);
        code.if(causal, () => {
          // The tokens from keyFrom to this row's own: none where the keys begin behind it.
          const token = body.variable(add(rowFrom, row));
          const visible = body.variable(subtract(add(token, 1), keyFrom));
          code.set(reach, minimum(visible, width));
          code.if(instruction("i32.lt_u", token, keyFrom), () => code.set(reach, none));
        });
        // deno-fmt-ignore
        code.call(
          procedures.weighRow, add(scores, multiply(row, scoreStep)), reach, width, scaleAt,
          add(statistics, multiply(row, 8)), add(output, multiply(row, unpackedStep)), headWidth, first,
        );
      });
      code.call(procedures.packLeft, weights, scores, height, width, scoreStep);
      const initial = body.variable(select(first, zeros, output));
      const initialStep = body.variable(select(first, none, unpackedStep));
      // deno-fmt-ignore
      code.call(
        procedures.inPlaceMultiplier, weights, height, width, headWidth, add(firstValue, skipped), packedStep,
        initial, initialStep, select(first, none, panelStep), output, unpackedStep, edge, panel,
      );
    });
    code.for(row, 0, height, 1, () => {
      code.call(
        procedures.finishRow,
        add(statistics, multiply(row, 8)),
        output,
        headWidth,
        logSumExp,
      );
      code.increment(output, unpackedStep);
      code.increment(logSumExp, 4);
    });
  });
}

/** y = softmax(scale * q k^T) v for each head; also the log-sum-exp of each row of scores. */
export const attention: WasmRunner<"attention"> = (executor, layout, [input], outputs) => {
  const { batch, tokens, heads, headWidth, scale, causal } = layout;
  requireFloats("attention", input, ...outputs);
  const { block, offsets } = cutAttention("attention", layout, scratchParts(headWidth));
  const rowBlocks = Math.ceil(tokens / block.rows);
  const items = batch * heads * rowBlocks;
  executor.launch(
    kernel,
    words.layOut({
      input: input.address,
      output: outputs[0].address,
      logSumExp: outputs[1].address,
      tokens,
      heads,
      headWidth,
      scale: floatWord(scale),
      causal: flag(causal),
      blockRows: block.rows,
      blockKeys: block.keys,
      rowBlocks,
      ...offsets,
    }),
    items,
    splitWork(
      items,
      block.rows * tokens * (SCORE_NANOSECONDS + PRODUCT_NANOSECONDS * headWidth),
    ),
  );
};
