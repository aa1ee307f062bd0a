// Kernel `attentionBackward`: the gradient of attention with respect to the packed query, key and value.
//
// An item is a head of one batch entry. It goes through blocks of keys times query rows, computes their weights anew
// from the log-sum-exp of each row (Dao et al. 2022, algorithm 4), and adds up the gradients in place, always in
// the same order. With p the weights, g the gradient of y and D_i = g_i . y_i:
//   dv_j = sum_i p_ij g_i,  ds_ij = scale * p_ij (g_i . v_j - D_i),  dq_i = sum_j ds_ij k_j,  dk_j = sum_i ds_ij q_i.

import { ConstantPool } from "../expression/to_wasm.ts";
import {
  add,
  constantI32,
  instruction,
  load,
  type Local,
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
import { exponential, printer, RowPasses } from "./rows.ts";
import { defineMultiplier, type Multiplier, RIGHT_STEP_BYTES } from "./tile.ts";

/** Nanoseconds for one score: five products over the head's width, an exponential, packing. */
const SCORE_NANOSECONDS = 3;
const PRODUCT_NANOSECONDS = 0.15;

/** The scratch in floats, by part. */
function scratchParts(headWidth: number) {
  return ({ rows, keys }: AttentionBlock) => ({
    /** The packed left operand of the product at hand. */
    left: Math.max(tiledRows(rows) * Math.max(headWidth, keys), tiledRows(keys) * rows),
    /** Packed keys and values. */
    keys: tiledColumns(keys) * headWidth,
    values: tiledColumns(keys) * headWidth,
    /** Scores, then weights; and g v^T, then the gradient of the scores: [rows, keys]. */
    weights: rows * keys,
    gradients: rows * keys,
    /** One packed panel of a right operand. */
    panel: tiledColumns(1) * Math.max(rows, keys),
  });
}

type Part = "edge" | "zeros" | keyof ReturnType<ReturnType<typeof scratchParts>>;

const words = new ArgumentWords([
  "input",
  "output",
  "logSumExp",
  "gradient",
  "result",
  "tokens",
  "heads",
  "headWidth",
  "scale",
  "causal",
  "blockRows",
  "blockKeys",
  "edge",
  "zeros",
  "left",
  "keys",
  "values",
  "weights",
  "gradients",
  "panel",
]);

/**
 * `(weights, gradients, reach, length, scale, logSumExp, output, gradient, headWidth)`: turns the first `reach` of a row's
 * `length` scores into weights, their products g . v into the gradients of the scores, and the others into 0.
 * `scale` and `logSumExp` are addresses; `output` and `gradient` are the row's y and g.
 */
function defineDifferentiateRow(module: ModuleBuilder): Procedure<9> {
  return module.function(
    null,
    i32s(9),
    null,
    // deno-fmt-ignore
    (code, weights, gradients, reach, length, scaleAt, logSumExpAt, output, gradient, headWidth) => {
      const constants = new ConstantPool(code);
      const print = printer(code, constants);
      constants.hoist(() => {
        const scale = code.local("v128", load("v128.load32_splat", scaleAt));
        const logSumExp = code.local("v128", load("v128.load32_splat", logSumExpAt));
        const outputs = new RowPasses(code, headWidth);
        const [share] = outputs.sums(1, 2, (visit) => [
          instruction("f32x4.mul", outputs.read(output, visit), outputs.read(gradient, visit)),
        ]);
        const passes = new RowPasses(code, reach);
        passes.forEach(2, (visit) => {
          const score = instruction("f32x4.mul", passes.read(weights, visit), scale);
          const weight = passes.keep(print(exponential, instruction("f32x4.sub", score, logSumExp)));
          passes.write(weights, visit, weight);
          const difference = instruction("f32x4.sub", passes.read(gradients, visit), share);
          const scaled = instruction("f32x4.mul", weight, scale);
          passes.write(gradients, visit, instruction("f32x4.mul", scaled, difference));
        });
        const bytes = code.local("i32", multiply(subtract(length, reach), 4));
        for (const row of [weights, gradients]) {
          code.fillMemory(add(row, passes.bytes), constantI32(0), bytes);
        }
      });
    },
  );
}

interface Procedures {
  readonly multiplier: Multiplier;
  readonly inPlaceMultiplier: InPlaceMultiplier;
  readonly packLeft: Packer;
  readonly packLeftTransposed: Packer;
  readonly packRight: Packer;
  readonly differentiateRow: Procedure<9>;
}

const kernel: WasmKernel = {
  key: "attentionBackward",
  build(module: ModuleBuilder): void {
    const multiplier = defineMultiplier(module);
    const leftPackers = defineLeftPackers(module), rightPackers = defineRightPackers(module);
    const procedures: Procedures = {
      multiplier,
      inPlaceMultiplier: defineInPlaceMultiplier(module, multiplier, rightPackers.across),
      packLeft: leftPackers.along,
      packLeftTransposed: leftPackers.across,
      packRight: rightPackers.along,
      differentiateRow: defineDifferentiateRow(module),
    };
    module.function("run", i32s(4), null, (code, ...parameters) => {
      emitBackward(new KernelBody(code, parameters), parameters[0], procedures);
    });
  },
};

function emitBackward(body: KernelBody, at: Value<"i32">, procedures: Procedures): void {
  const { code } = body;
  const given = words.read(code, at);
  const { tokens, headWidth, blockRows, blockKeys, causal } = given;
  const inScratch = (name: Part) => body.variable(add(body.scratch, given[name]));
  const edge = inScratch("edge"), zeros = inScratch("zeros"), left = inScratch("left");
  const keys = inScratch("keys"), values = inScratch("values"), weights = inScratch("weights");
  const gradients = inScratch("gradients"), panel = inScratch("panel");
  for (const offset of [0, 16]) code.store("v128.store", zeros, offset, splatF32x4(0));
  const scaleAt = body.variable(words.address(at, "scale"));
  const none = constantI32(0), panelStep = constantI32(RIGHT_STEP_BYTES);

  body.forItems((head) => {
    const place = placeHead(body, given, head);
    const { packedStep, partStep, unpackedStep } = place;
    const keyFrom = body.variable(0), width = body.variable(0), scoreStep = body.variable(0);
    const rowFrom = body.variable(0), height = body.variable(0), row = body.variable(0);
    const reach = body.variable(0), firstOfKeys = body.variable(0), firstOfRows = body.variable(0);
    /** The token's part (0 query, 1 key, 2 value) of the packed tensor at `base`. */
    const packedRow = (base: Local<"i32">, part: number, token: Value<"i32">) =>
      body.variable(
        add(
          add(add(base, place.packed), multiply(partStep, part)),
          multiply(token, packedStep),
        ),
      );
    const unpackedRow = (base: Local<"i32">, token: Value<"i32">) =>
      body.variable(add(add(base, place.unpacked), multiply(token, unpackedStep)));
    /** Adds a packed left operand times an operand in place to a block of the result. */
    const accumulate = (
      [rows, depth]: [Local<"i32">, Local<"i32">],
      [right, rightStep]: [Local<"i32">, Local<"i32">],
      target: Local<"i32">,
      first: Local<"i32">,
    ) => {
      const initial = body.variable(select(first, zeros, target));
      const initialStep = body.variable(select(first, none, packedStep));
      // deno-fmt-ignore
      code.call(
        procedures.inPlaceMultiplier, left, rows, depth, headWidth, right, rightStep,
        initial, initialStep, select(first, none, panelStep), target, packedStep, edge, panel,
      );
    };
    /** scores or g v^T [height, width] = rows of a tensor times packed keys or values. */
    const multiplyRows = (
      [rows, step]: [Local<"i32">, Local<"i32">],
      right: Local<"i32">,
      target: Local<"i32">,
    ) => {
      code.call(procedures.packLeft, left, rows, height, headWidth, step);
      // deno-fmt-ignore
      code.call(
        procedures.multiplier, left, height, headWidth, width, right, panelStep,
        multiply(headWidth, RIGHT_STEP_BYTES), zeros, none, none, target, scoreStep, edge,
      );
    };

    code.for(keyFrom, 0, tokens, blockKeys, () => {
      code.set(width, subtract(tokens, keyFrom));
      code.set(width, minimum(width, blockKeys));
      code.set(scoreStep, multiply(width, 4));
      const keyRows = packedRow(given.input, 1, keyFrom);
      const valueRows = packedRow(given.input, 2, keyFrom);
      const keyResult = packedRow(given.result, 1, keyFrom);
      const valueResult = packedRow(given.result, 2, keyFrom);
      code.call(procedures.packRight, keys, keyRows, width, headWidth, packedStep);
      code.call(procedures.packRight, values, valueRows, width, headWidth, packedStep);
      code.set(firstOfKeys, constantI32(1));
      code.set(firstOfRows, instruction("i32.eqz", keyFrom));
      code.for(rowFrom, 0, tokens, blockRows, () => {
        code.set(height, subtract(tokens, rowFrom));
        code.set(height, minimum(height, blockRows));
        // Rows that end before the keys begin see none of them, where attention is causal.
        const reached = instruction("i32.gt_u", add(rowFrom, height), keyFrom);
        code.if(instruction("i32.or", instruction("i32.eqz", causal), reached), () => {
          const queryRows = packedRow(given.input, 0, rowFrom);
          const queryResult = packedRow(given.result, 0, rowFrom);
          const outputRows = unpackedRow(given.output, rowFrom);
          const gradientRows = unpackedRow(given.gradient, rowFrom);
          multiplyRows([queryRows, packedStep], keys, weights);
          multiplyRows([gradientRows, unpackedStep], values, gradients);
          code.for(row, 0, height, 1, () => {
            const token = body.variable(add(rowFrom, row));
            code.set(reach, width);
            code.if(causal, () => {
              const visible = body.variable(subtract(add(token, 1), keyFrom));
              code.set(reach, minimum(visible, width));
              code.if(instruction("i32.lt_u", token, keyFrom), () => code.set(reach, none));
            });
            const start = body.variable(multiply(row, scoreStep));
            const along = body.variable(multiply(row, unpackedStep));
            const logSumExp = add(add(given.logSumExp, place.row), multiply(token, 4));
            // deno-fmt-ignore
            code.call(
              procedures.differentiateRow, add(weights, start), add(gradients, start), reach, width, scaleAt,
              logSumExp, add(outputRows, along), add(gradientRows, along), headWidth,
            );
          });
          code.call(procedures.packLeftTransposed, left, weights, width, height, scoreStep);
          accumulate([width, height], [gradientRows, unpackedStep], valueResult, firstOfKeys);
          code.call(procedures.packLeftTransposed, left, gradients, width, height, scoreStep);
          accumulate([width, height], [queryRows, packedStep], keyResult, firstOfKeys);
          code.call(procedures.packLeft, left, gradients, height, width, scoreStep);
          accumulate([height, width], [keyRows, packedStep], queryResult, firstOfRows);
          code.set(firstOfKeys, none);
        });
      });
    });
  });
}

/** The gradient of queryKeyValue, from it, y, the log-sum-exp and the gradient of y. */
export const attentionBackward: WasmRunner<"attentionBackward"> = (
  executor,
  layout,
  inputs,
  [result],
) => {
  const { batch, tokens, heads, headWidth, scale, causal } = layout;
  requireFloats("attentionBackward", ...inputs, result);
  const { block, offsets } = cutAttention("attentionBackward", layout, scratchParts(headWidth));
  const [input, output, logSumExp, gradient] = inputs;
  const items = batch * heads;
  executor.launch(
    kernel,
    words.layOut({
      input: input.address,
      output: output.address,
      logSumExp: logSumExp.address,
      gradient: gradient.address,
      result: result.address,
      tokens,
      heads,
      headWidth,
      scale: floatWord(scale),
      causal: flag(causal),
      blockRows: block.rows,
      blockKeys: block.keys,
      ...offsets,
    }),
    items,
    splitWork(items, tokens * tokens * (SCORE_NANOSECONDS + PRODUCT_NANOSECONDS * headWidth)),
  );
};
