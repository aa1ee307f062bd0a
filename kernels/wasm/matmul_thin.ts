// The matrix product with at most four rows or columns in its result: matrix-vector products and their like.
//
// Here every element of the wide operand is used a few times only, so nothing is worth packing; what counts is to
// read it once, in order. The thin operand has `few` lanes (rows of the left operand, or columns of the right one).
// An item computes `chunk` elements along the wide side for every lane, sums in scratch, and writes them out.

import {
  add,
  constantI32,
  type FunctionBuilder,
  instruction,
  load,
  loadLanes,
  type Local,
  type ModuleBuilder,
  multiply,
  multiplyAdd,
  shuffle,
  splatF32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import { KernelBody, minimum } from "./emit.ts";
import type { WasmKernel } from "./kernel.ts";
import { ArgumentWords, i32s, type Procedure } from "./procedure.ts";

/** At most this many lanes are thin. */
export const MAXIMUM_FEW = 4;

/**
 * Arguments of {@linkcode thinProduct}: addresses (`bias` 0 for none); `width` of the wide side and `depth`; then steps
 * in bytes: between the thin operand's lanes, and between its elements along the depth; between rows of the wide
 * operand as it is stored; between lanes of the result, and between its elements along the wide side, and so for
 * the bias (0 repeats). An item is `chunk` elements of the wide side, a batch entry `chunks` items; results of
 * entries lie `entryStep` apart. The table holds two words for each batch entry: byte offsets of its thin and wide matrix.
 */
export const thinProductWords = new ArgumentWords([
  "thin",
  "wide",
  "result",
  "bias",
  "width",
  "depth",
  "thinStep",
  "thinDepthStep",
  "wideStep",
  "resultStep",
  "resultWideStep",
  "biasStep",
  "biasWideStep",
  "chunk",
  "chunks",
  "entryStep",
]);

/** An item's largest chunk. */
export const MAXIMUM_CHUNK = 256;

/** Scratch: the sums [few, MAXIMUM_CHUNK], then a copy of the thin operand's lanes, contiguous along the depth. */
const SUM_STEP = 4 * MAXIMUM_CHUNK;
const COPY_OFFSET = MAXIMUM_FEW * SUM_STEP;
/** Steps along the depth that are copied at once: at most 512 KiB. */
const COPIED_STEPS = 32_768;
const COPY_STEP = 4 * COPIED_STEPS;

/** Steps along the depth between visits to the sums, where the wide operand's rows are read side by side. */
const ACROSS_STEPS = 128;

/** Which way the wide operand lies: its wide side contiguous, or its depth. */
export type ThinDirection = "across" | "along";

/**
 * `(wide, wideStep, thin, thinStep, thinDepthStep, steps, sums)`: adds to the sums of some neighbours along the wide
 * side, for each lane, the products over `steps` steps. The sums of lanes lie SUM_STEP bytes apart.
 */
type SumProcedure = Procedure<7>;

/** For `vectors` * 4 neighbours (one where 0), the wide side contiguous. */
function defineAcross(module: ModuleBuilder, few: number, vectors: number): SumProcedure {
  const lanes = vectors === 0 ? 1 : 4;
  const count = Math.max(1, vectors);
  return module.function(
    null,
    i32s(7),
    null,
    (body, wide, wideStep, thin, thinStep, thinDepthStep, steps, sums) => {
      const each = <Item>(length: number, make: (index: number) => Item): Item[] =>
        Array.from({ length }, (_, index) => make(index));
      const totals = each(
        few,
        (lane) =>
          each(
            count,
            (vector) =>
              body.local("v128", loadLanes(add(sums, lane * SUM_STEP + 16 * vector), 0, lanes)),
          ),
      );
      const factors = each(few, (lane) => body.local("i32", add(thin, multiply(thinStep, lane))));
      const elements = each(count, () => body.local("v128"));
      const factor = body.local("v128"), step = body.local("i32");
      body.for(step, 0, steps, 1, () => {
        elements.forEach((element, vector) => {
          body.set(element, loadLanes(add(wide, 16 * vector), 0, lanes));
        });
        factors.forEach((address, lane) => {
          body.set(factor, load("v128.load32_splat", address));
          body.increment(address, thinDepthStep);
          totals[lane].forEach((total, vector) => {
            body.set(total, multiplyAdd(factor, elements[vector], total));
          });
        });
        body.increment(wide, wideStep);
      });
      totals.forEach((vectorTotals, lane) =>
        vectorTotals.forEach((total, vector) =>
          body.storeLanes(add(sums, lane * SUM_STEP + 16 * vector), 0, lanes, total)
        )
      );
    },
  );
}

/** The sum of a vector's lanes, in lane 0. */
function laneSum(vector: Value<"v128">, keep: (value: Value<"v128">) => Local<"v128">) {
  const pairs = keep(instruction("f32x4.add", vector, shuffle(vector, vector, [2, 3, 0, 1])));
  return instruction("f32x4.add", pairs, shuffle(pairs, pairs, [1, 0, 3, 2]));
}

/** The same for `rows` neighbours, where the depth is contiguous in both operands. */
function defineAlong(module: ModuleBuilder, few: number, rows: number): SumProcedure {
  return module.function(
    null,
    i32s(7),
    null,
    (body, wide, wideStep, thin, thinStep, _, steps, sums) => {
      const keep = (value: Value<"v128">) => body.local("v128", value);
      const zero = splatF32x4(0);
      const totals = Array.from(
        { length: rows },
        () => Array.from({ length: few }, () => keep(zero)),
      );
      const addresses = totals.map((_, row) =>
        body.local("i32", add(wide, multiply(wideStep, row)))
      );
      const thins = totals[0].map((_, lane) =>
        body.local("i32", add(thin, multiply(thinStep, lane)))
      );
      const factors = totals[0].map(() => body.local("v128")), element = body.local("v128");
      const offset = body.local("i32"), bytes = body.local("i32", multiply(steps, 4));
      const whole = body.local("i32", instruction("i32.and", bytes, constantI32(-16)));
      const accumulate = (lanes: number) => {
        factors.forEach((factor, lane) =>
          body.set(factor, loadLanes(add(thins[lane], offset), 0, lanes))
        );
        addresses.forEach((address, row) => {
          body.set(element, loadLanes(add(address, offset), 0, lanes));
          totals[row].forEach((total, lane) =>
            body.set(total, multiplyAdd(factors[lane], element, total))
          );
        });
      };
      body.for(offset, 0, whole, 16, () => accumulate(4));
      // The other lanes are 0 then, on both sides.
      body.for(offset, whole, bytes, 4, () => accumulate(1));
      totals.forEach((laneTotals, row) =>
        laneTotals.forEach((total, lane) => {
          const address = add(sums, lane * SUM_STEP + 4 * row);
          const sum = instruction(
            "f32x4.add",
            load("v128.load32_zero", address),
            laneSum(total, keep),
          );
          body.storeLanes(address, 0, 1, sum);
        })
      );
    },
  );
}

/** Calls `run` for as many whole groups of the first size as there are, then for groups of the next size. */
function inGroups<Size>(
  body: FunctionBuilder,
  index: Local<"i32">,
  count: Value<"i32">,
  groups: readonly (readonly [width: number, group: Size])[],
  run: (group: Size, width: number) => void,
): void {
  body.set(index, constantI32(0));
  for (const [width, group] of groups) {
    const fits = () => instruction("i32.le_u", add(index, width), count);
    body.if(fits(), () => {
      body.doWhile(() => {
        run(group, width);
        body.increment(index, width);
      }, fits);
    });
  }
}

/** The kernel for a direction and a number of lanes. */
export function thinProduct(direction: ThinDirection, few: number): WasmKernel {
  // As many accumulators as keep both multiply-add units busy: eight or nine.
  const broad = Math.round(8 / few);
  return {
    key: `matmul.thinProduct ${direction} ${few}`,
    build(module: ModuleBuilder): void {
      const addSums = direction === "across"
        ? ([broad, 1, 0] as const).map((vectors) =>
          [Math.max(1, 4 * vectors), defineAcross(module, few, vectors)] as const
        )
        : ([broad, 1] as const).map((rows) => [rows, defineAlong(module, few, rows)] as const);
      module.function("run", i32s(4), null, (code, ...parameters) => {
        const body = new KernelBody(code, parameters);
        emitThinProduct(body, parameters[0], few, direction, addSums);
      });
    },
  };
}

/** Procedures that add to sums, with the number of sums that each adds to: the broadest first. */
type SumProcedures = readonly (readonly [width: number, procedure: SumProcedure])[];

function emitThinProduct(
  body: KernelBody,
  words: Local<"i32">,
  few: number,
  direction: ThinDirection,
  addSums: SumProcedures,
): void {
  const { code, scratch } = body;
  const given = thinProductWords.read(code, words);
  const { depth, thinStep, thinDepthStep, wideStep } = given;
  const thin = body.variable(0), wide = body.variable(0), copy = body.variable(0);
  const from = body.variable(0), length = body.variable(0), index = body.variable(0);
  const depthFrom = body.variable(0), steps = body.variable(0), step = body.variable(0);
  code.set(copy, add(scratch, COPY_OFFSET));

  const addAcross = () => {
    inGroups(code, index, length, addSums, (procedure) => {
      const start = add(multiply(depthFrom, wideStep), multiply(add(from, index), 4));
      const thinStart = add(thin, multiply(depthFrom, thinDepthStep));
      const sums = add(scratch, multiply(index, 4));
      // deno-fmt-ignore
      code.call(procedure, add(wide, start), wideStep, thinStart, thinStep, thinDepthStep, steps, sums);
    });
  };
  const addAlong = () => {
    code.for(step, 0, steps, 1, () => {
      const source = body.variable(add(thin, multiply(add(depthFrom, step), thinDepthStep)));
      const destination = body.variable(add(copy, multiply(step, 4)));
      for (let lane = 0; lane < few; lane++) {
        code.store("f32.store", destination, lane * COPY_STEP, load("f32.load", source));
        code.increment(source, thinStep);
      }
    });
    inGroups(code, index, length, addSums, (procedure) => {
      const start = add(multiply(add(from, index), wideStep), multiply(depthFrom, 4));
      const sums = add(scratch, multiply(index, 4));
      // deno-fmt-ignore
      code.call(procedure, add(wide, start), wideStep, copy, constantI32(COPY_STEP), constantI32(4), steps, sums);
    });
  };
  /** Writes the sums, with the bias where there is one. */
  const writeOut = (entry: Value<"i32">) => {
    const entryStart = add(given.result, multiply(entry, given.entryStep));
    const target = body.variable(add(entryStart, multiply(from, given.resultWideStep)));
    const bias = body.variable(add(given.bias, multiply(from, given.biasWideStep)));
    const sums = body.variable(scratch);
    code.for(index, 0, length, 1, () => {
      for (let lane = 0; lane < few; lane++) {
        const sum = load("f32.load", sums, lane * SUM_STEP);
        const address = add(target, multiply(given.resultStep, lane));
        code.if(given.bias, () => {
          const addend = load("f32.load", add(bias, multiply(given.biasStep, lane)));
          code.store("f32.store", address, 0, instruction("f32.add", sum, addend));
        }, () => code.store("f32.store", address, 0, sum));
      }
      code.increment(sums, 4);
      code.increment(target, given.resultWideStep);
      code.increment(bias, given.biasWideStep);
    });
  };

  const block = direction === "across" ? ACROSS_STEPS : COPIED_STEPS;
  body.forItems((item) => {
    const [entry, chunkIndex] = body.divide(item, given.chunks);
    code.set(from, multiply(chunkIndex, given.chunk));
    code.set(length, subtract(given.width, from));
    code.set(length, minimum(length, given.chunk));
    const offsets = body.variable(add(thinProductWords.table(words), multiply(entry, 8)));
    code.set(thin, add(given.thin, load("i32.load", offsets)));
    code.set(wide, add(given.wide, load("i32.load", offsets, 4)));
    code.fillMemory(scratch, constantI32(0), constantI32(few * SUM_STEP));
    code.for(depthFrom, 0, depth, block, () => {
      code.set(steps, subtract(depth, depthFrom));
      code.set(steps, minimum(steps, block));
      if (direction === "across") addAcross();
      else addAlong();
    });
    writeOut(entry);
  });
}
