// Reductions along contiguous elements: one segment of a row after the other, SIMD along the row.

import { ConstantPool, toWasm } from "../expression/to_wasm.ts";
import {
  add,
  constantI32,
  instruction,
  type Local,
  multiply,
  shuffle,
  splatI32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import { defineKernel, type KernelBody, minimum, wordAt } from "./emit.ts";
import type { WasmKernel } from "./kernel.ts";
import { readFour, readSome, type Run, toFloat, toStored } from "./lanes.ts";
import { combine, identityOf, type ReduceVariant } from "./reduce_variant.ts";

/** Partial sums of a row, of four lanes each: as many for every map, so that a fused one adds up in the same order. */
const ACCUMULATORS = 4;

/** Adds `vectors` vectors from `first` places on, each to its accumulator. */
function emitStep(
  body: KernelBody,
  variant: ReduceVariant,
  constants: ConstantPool,
  accumulators: readonly Local<"v128">[],
  read: (run: number, first: number) => Value<"v128">,
  finish: (value: Value<"v128">) => Value<"v128"> = (value) => value,
): void {
  const { code } = body;
  accumulators.forEach((accumulator, vector) => {
    const lanes = variant.inputs.map((dtype, i) =>
      code.local("v128", toFloat(read(i, 4 * vector), dtype))
    );
    const [value] = toWasm(code, [variant.map], (index) => lanes[index], constants);
    code.set(accumulator, combine(variant.kind, accumulator, finish(value)));
  });
}

/** Combines accumulators into the first, then its lanes, always in the same order. */
function emitTotal(
  body: KernelBody,
  variant: ReduceVariant,
  accumulators: readonly Local<"v128">[],
): Local<"v128"> {
  const { code } = body;
  for (let distance = 1; distance < accumulators.length; distance *= 2) {
    for (let i = 0; i + distance < accumulators.length; i += 2 * distance) {
      const sum = combine(variant.kind, accumulators[i], accumulators[i + distance]);
      code.set(accumulators[i], sum);
    }
  }
  const [total] = accumulators;
  for (const lanes of [[2, 3, 0, 1], [1, 0, 3, 2]]) {
    code.set(total, combine(variant.kind, total, shuffle(total, total, lanes)));
  }
  return total;
}

/**
 * The kernel for rows. Item i is segment i % segments of row i / segments; its result goes to place i. The arguments are
 * row length, segment length, segments of a row, address of the results, addresses of the inputs.
 */
export function rowsKernel(variant: ReduceVariant): WasmKernel {
  return defineKernel(`reduce rows ${variant.key}`, (body) => {
    const { code } = body;
    const [length, segment, segments, destination, ...sources] = body.arguments(
      4 + variant.inputs.length,
    );
    const constants = new ConstantPool(code);
    const runs = sources.map((): Run => ({ pointer: code.local("i32"), stride: 4 }));
    const accumulators = Array.from({ length: ACCUMULATORS }, () => code.local("v128"));
    const left = code.local("i32");
    const advance = (elements: number) => {
      for (const { pointer } of runs) code.increment(pointer, 4 * elements);
      code.increment(left, -elements);
    };
    constants.hoist(() => {
      const identity = constants.float(identityOf(variant.kind));
      const laneIndices = code.local("v128", splatI32x4(0, 1, 2, 3));
      body.forItems((item) => {
        const [row, piece] = body.divide(item, segments);
        const skipped = body.variable(multiply(piece, segment));
        const start = body.variable(add(multiply(row, length), skipped));
        code.set(left, minimum(body.variable(subtract(length, skipped)), segment));
        runs.forEach(({ pointer }, i) => code.set(pointer, wordAt(sources[i], start)));
        for (const accumulator of accumulators) code.set(accumulator, identity);
        for (const used of [accumulators, accumulators.slice(0, 1)]) {
          const more = () => instruction("i32.ge_u", left, constantI32(4 * used.length));
          code.if(more(), () =>
            code.doWhile(() => {
              emitStep(body, variant, constants, used, (i, first) => readFour(runs[i], first));
              advance(4 * used.length);
            }, more));
        }
        code.if(left, () => {
          const isLeft = code.local(
            "v128",
            instruction("i32x4.lt_u", laneIndices, instruction("i32x4.splat", left)),
          );
          emitStep(
            body,
            variant,
            constants,
            accumulators.slice(0, 1),
            (i) => readSome(body, runs[i], left),
            (value) => instruction("v128.bitselect", value, identity, isLeft),
          );
        });
        const total = emitTotal(body, variant, accumulators);
        const stored = code.local("v128", toStored(total, variant.output, constants));
        code.storeLane(wordAt(destination, item), 0, stored, 0);
      });
    });
  });
}
