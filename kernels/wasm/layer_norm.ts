// Kernels `layerNorm` and `layerNormBackward`: layer normalization along rows (Ba et al. 2016).

import {
  add,
  constantI32,
  instruction,
  type Local,
  multiply,
  multiplyAdd,
  negatedMultiplyAdd,
  select,
  splatF32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import { requireFloats } from "./elements.ts";
import { defineKernel, type KernelBody, minimum } from "./emit.ts";
import { floatWord, splitWork, type WasmRunner } from "./kernel.ts";
import { RowPasses, type Visit } from "./rows.ts";

type Vector = Value<"v128">;

/** Nanoseconds to an element. */
const FORWARD_NANOSECONDS = 0.5;
const BACKWARD_NANOSECONDS = 1;
const ADDING_NANOSECONDS = 0.3;

/** Rows whose sums of columns one item adds up: at least the first, and no more items than the second. */
const ROWS_TO_SUM = 16;
const MAXIMUM_SUMS = 256;

/** Columns that an item of the second launch adds up. */
const COLUMNS_TO_SUM = 64;

/** The mean of a row and the reciprocal of its standard deviation, in every lane. */
interface Statistics {
  readonly mean: Local<"v128">;
  readonly reciprocal: Local<"v128">;
}

/** Two passes over the row, which the first brings into the first-level cache. */
function statisticsOf(
  passes: RowPasses,
  row: Value<"i32">,
  { length, epsilon }: { length: Vector; epsilon: Vector },
): Statistics {
  const [sum] = passes.sums(1, 4, (visit) => [passes.read(row, visit)]);
  const mean = passes.keep(instruction("f32x4.div", sum, length));
  const [squares] = passes.sums(1, 4, (visit) => {
    const distance = passes.keep(instruction("f32x4.sub", passes.read(row, visit), mean));
    return [instruction("f32x4.mul", distance, distance)];
  });
  const variance = instruction("f32x4.div", squares, length);
  const deviation = instruction("f32x4.sqrt", instruction("f32x4.add", variance, epsilon));
  return { mean, reciprocal: passes.keep(instruction("f32x4.div", splatF32x4(1), deviation)) };
}

/** A row's length as four lanes, and epsilon, which is argument word `index`. */
function scalars(
  body: KernelBody,
  length: Value<"i32">,
  index: number,
): { length: Local<"v128">; epsilon: Local<"v128"> } {
  const splat = (value: Value<"f32">) => body.code.local("v128", instruction("f32x4.splat", value));
  return {
    length: splat(instruction("f32.convert_i32_u", length)),
    epsilon: splat(body.floatArgument(index)),
  };
}

/** Arguments: x, scale, bias, y, length, epsilon. An item is a row. */
const forward = defineKernel("layerNorm", (body) => {
  const [xRows, scale, bias, yRows, length] = body.arguments(5);
  const given = scalars(body, length, 5);
  const passes = new RowPasses(body.code, length);
  body.forItems((item) => {
    const start = body.variable(multiply(item, passes.bytes));
    const x = body.variable(add(xRows, start)), y = body.variable(add(yRows, start));
    const { mean, reciprocal } = statisticsOf(passes, x, given);
    passes.forEach(2, (visit) => {
      const distance = instruction("f32x4.sub", passes.read(x, visit), mean);
      const normalized = instruction("f32x4.mul", distance, reciprocal);
      const value = multiplyAdd(normalized, passes.read(scale, visit), passes.read(bias, visit));
      passes.write(y, visit, value);
    });
  });
});

/**
 * Arguments: x, scale, gradient, residual, gradient of x, sums, rows, length, rows to an item, epsilon. An item is a
 * run of rows; its sums of columns, for scale and then for bias, go to slot [item, 2, length] of the sums.
 */
function printBackward(body: KernelBody, hasResidual: boolean): void {
  const [xRows, scale, gradientRows, residualRows, resultRows, slots, rows, length, rowsPerItem] =
    body.arguments(9);
  const given = scalars(body, length, 9);
  const passes = new RowPasses(body.code, length);
  const { code } = body;
  body.forItems((item) => {
    const scaleSums = body.variable(add(slots, multiply(multiply(item, passes.bytes), 2)));
    const biasSums = body.variable(add(scaleSums, passes.bytes));
    code.fillMemory(scaleSums, constantI32(0), multiply(passes.bytes, 2));
    const first = body.variable(multiply(item, rowsPerItem));
    const end = body.variable(subtract(rows, first));
    code.set(end, add(first, minimum(end, rowsPerItem)));
    const row = body.variable(first);
    code.for(row, first, end, 1, () => {
      const start = body.variable(multiply(row, passes.bytes));
      const x = body.variable(add(xRows, start));
      const gradient = body.variable(add(gradientRows, start));
      const residual = body.variable(add(residualRows, start));
      const result = body.variable(add(resultRows, start));
      const { mean, reciprocal } = statisticsOf(passes, x, given);
      const normalized = (visit: Visit) => {
        const distance = instruction("f32x4.sub", passes.read(x, visit), mean);
        return passes.keep(instruction("f32x4.mul", distance, reciprocal));
      };
      const [sum, sumNormalized] = passes.sums(2, 2, (visit) => {
        const each = passes.read(gradient, visit), position = normalized(visit);
        const scaleSum = multiplyAdd(each, position, passes.read(scaleSums, visit));
        passes.write(scaleSums, visit, scaleSum);
        const biasSum = instruction("f32x4.add", each, passes.read(biasSums, visit));
        passes.write(biasSums, visit, biasSum);
        const scaled = passes.keep(instruction("f32x4.mul", each, passes.read(scale, visit)));
        return [scaled, instruction("f32x4.mul", scaled, position)];
      });
      const mean1 = passes.keep(instruction("f32x4.div", sum, given.length));
      const mean2 = passes.keep(instruction("f32x4.div", sumNormalized, given.length));
      passes.forEach(2, (visit) => {
        const each = passes.read(gradient, visit);
        const scaled = instruction("f32x4.mul", each, passes.read(scale, visit));
        const centred = instruction("f32x4.sub", scaled, mean1);
        const value = negatedMultiplyAdd(normalized(visit), mean2, centred);
        const own = instruction("f32x4.mul", value, reciprocal);
        passes.write(
          result,
          visit,
          hasResidual ? instruction("f32x4.add", passes.read(residual, visit), own) : own,
        );
      });
    });
  });
}

const backward = defineKernel("layerNormBackward", (body) => printBackward(body, false));
const backwardOntoResidual = defineKernel(
  "layerNormBackward onto residual",
  (body) => printBackward(body, true),
);

/**
 * Arguments: sums, slots, length, gradient of scale, gradient of bias, groups. An item is a group of
 * {@linkcode COLUMNS_TO_SUM} columns of one of the two, added slot after slot.
 */
const addSlots = defineKernel("layerNormBackward addSlots", (body) => {
  const [sums, slots, length, scaleResult, biasResult, groups] = body.arguments(6);
  const { code } = body;
  const rowBytes = body.variable(multiply(length, 4));
  body.forItems((item) => {
    const [isBias, group] = body.divide(item, groups);
    const first = body.variable(multiply(group, COLUMNS_TO_SUM));
    const count = body.variable(subtract(length, first));
    code.set(count, minimum(count, COLUMNS_TO_SUM));
    const passes = new RowPasses(body.code, count);
    const start = body.variable(multiply(first, 4));
    const target = body.variable(add(select(isBias, biasResult, scaleResult), start));
    const source = body.variable(add(add(sums, start), multiply(isBias, rowBytes)));
    code.fillMemory(target, constantI32(0), passes.bytes);
    const slot = body.variable(0);
    code.for(slot, 0, slots, 1, () => {
      passes.forEach(4, (visit) => {
        const [sum, term] = [passes.read(target, visit), passes.read(source, visit)];
        passes.write(target, visit, instruction("f32x4.add", sum, term));
      });
      code.increment(source, multiply(rowBytes, 2));
    });
  });
});

/** (x - mean) / sqrt(variance + epsilon) * scale + bias for each row. */
export const layerNorm: WasmRunner<"layerNorm"> = (executor, parameters, inputs, [y]) => {
  const { rows, length, epsilon } = parameters;
  requireFloats("layerNorm", ...inputs, y);
  const addresses = [...inputs, y].map(({ address }) => address);
  const split = splitWork(rows, length * FORWARD_NANOSECONDS);
  executor.launch(forward, [...addresses, length, floatWord(epsilon)], rows, split);
};

/**
 * With n = (x - mean) * reciprocal and h = g * scale:
 * gradient of x = reciprocal * (h - mean(h) - n * mean(h n)) (+ residual), of scale = sum over rows of g n, of bias = sum of g.
 */
export const layerNormBackward: WasmRunner<"layerNormBackward"> = (
  executor,
  parameters,
  inputs,
  outputs,
) => {
  const { rows, length, epsilon } = parameters;
  requireFloats("layerNormBackward", ...inputs, ...outputs);
  // Depends on the shape alone, as the order of sums must.
  const rowsPerItem = Math.max(ROWS_TO_SUM, Math.ceil(rows / MAXIMUM_SUMS));
  const items = Math.ceil(rows / rowsPerItem);
  const sums = executor.temporary(4 * items * 2 * length);
  const [x, scale, gradient, residual = gradient] = inputs;
  const words = [x, scale, gradient, residual, outputs[0]].map(({ address }) => address);
  executor.launch(
    parameters.residual ? backwardOntoResidual : backward,
    [...words, sums, rows, length, rowsPerItem, floatWord(epsilon)],
    items,
    splitWork(items, rowsPerItem * length * BACKWARD_NANOSECONDS),
  );
  const groups = Math.ceil(length / COLUMNS_TO_SUM);
  executor.launch(
    addSlots,
    [sums, items, length, outputs[1].address, outputs[2].address, groups],
    2 * groups,
    splitWork(2 * groups, items * COLUMNS_TO_SUM * ADDING_NANOSECONDS),
  );
};
