// What kernels that work row by row share: passes over a row, and sums and maxima across a vector's lanes.

import { expOfNegative } from "../expression/exponential.ts";
import { type Expression, input } from "../expression/expression.ts";
import { log, maximum } from "../expression/functions.ts";
import { type ConstantPool, toWasm } from "../expression/to_wasm.ts";
import {
  add,
  constantI32,
  type FunctionBuilder,
  instruction,
  load,
  type Local,
  multiply,
  shuffle,
  splatF32x4,
  splatI32x4,
  subtract,
  type Value,
} from "./assembler.ts";

type Vector = Value<"v128">;

/** e^x for x up to 0; below -87.7, where numbers would become denormal and slow, it is 0. */
export const exponential: Expression = expOfNegative(maximum(input(0), -88));

/** log(x). */
export const naturalLogarithm: Expression = log(input(0));

/** Prints an expression of one input, applied to `x`. */
export type Printer = (expression: Expression, x: Vector) => Vector;

/** The printer of a function under construction, whose constants are hoisted by the pool. */
export function printer(code: FunctionBuilder, constants: ConstantPool): Printer {
  return (expression, x) => {
    const local = code.local("v128", x);
    return toWasm(code, [expression], () => local, constants)[0];
  };
}

/** A visit to the four elements (or one, at the end of a row) at byte `offset` of a row. */
export interface Visit {
  /** Bytes from the row's beginning. */
  readonly offset: Value<"i32">;
  /** Which of several accumulators to use, so that additions do not wait for each other. */
  readonly slot: number;
  readonly lanes: 4 | 1;
}

/** Passes over rows of one length within one kernel. */
export class RowPasses {
  readonly #code: FunctionBuilder;
  readonly #bytes: Local<"i32">;
  readonly #firstLane: Local<"v128">;

  /** For rows of `length` elements. */
  constructor(code: FunctionBuilder, length: Value<"i32">) {
    this.#code = code;
    this.#bytes = code.local("i32", multiply(length, 4));
    this.#firstLane = code.local("v128", splatI32x4(-1, 0, 0, 0));
  }

  /** Bytes of a row. */
  get bytes(): Local<"i32"> {
    return this.#bytes;
  }

  /** Visits a row: `slots` vectors at a time, then vector by vector, then element by element. */
  forEach(slots: number, visit: (visit: Visit) => void): void {
    const code = this.#code;
    const offset = code.local("i32", constantI32(0));
    const loop = (bytes: number, emit: () => void) => {
      const more = () => instruction("i32.ge_u", subtract(this.#bytes, offset), constantI32(bytes));
      code.if(more(), () => {
        code.doWhile(() => {
          emit();
          code.increment(offset, bytes);
        }, more);
      });
    };
    if (slots > 1) {
      loop(16 * slots, () => {
        for (let slot = 0; slot < slots; slot++) {
          visit({ offset: add(offset, 16 * slot), slot, lanes: 4 });
        }
      });
    }
    loop(16, () => visit({ offset, slot: 0, lanes: 4 }));
    loop(4, () => visit({ offset, slot: 0, lanes: 1 }));
  }

  /** Reads what a visit is about; missing lanes are 0. */
  read(row: Value<"i32">, { offset, lanes }: Visit): Local<"v128"> {
    const name = lanes === 4 ? "v128.load" : "v128.load32_zero";
    return this.keep(load(name, add(row, offset)));
  }

  /** Writes what a visit is about. */
  write(row: Value<"i32">, { offset, lanes }: Visit, value: Vector): void {
    this.#code.storeLanes(add(row, offset), 0, lanes, value);
  }

  /** Sums over a row: `terms` gives a vector for each sum at each visit. Every lane of a result holds its sum. */
  sums(count: number, slots: number, terms: (visit: Visit) => readonly Vector[]): Local<"v128">[] {
    const totals = this.#accumulators(count, slots, splatF32x4(0));
    this.forEach(slots, (visit) => {
      terms(visit).forEach((term, index) => {
        const total = totals[index][visit.slot];
        // A term of missing lanes need not be 0: (0 - mean)^2 is not.
        const whole = visit.lanes === 4 ? term : instruction("v128.and", term, this.#firstLane);
        this.#code.set(total, instruction("f32x4.add", total, whole));
      });
    });
    return totals.map((each) => this.#across("f32x4.add", each));
  }

  /** The maximum over a row of what `term` gives at each visit, in every lane. A NaN may or may not win. */
  maximum(slots: number, term: (visit: Visit) => Vector): Local<"v128"> {
    const least = this.keep(splatF32x4(-Infinity));
    const [largest] = this.#accumulators(1, slots, least);
    this.forEach(slots, (visit) => {
      const each = term(visit), sofar = largest[visit.slot];
      const whole = visit.lanes === 4
        ? each
        : instruction("v128.bitselect", each, least, this.#firstLane);
      this.#code.set(sofar, instruction("f32x4.pmax", whole, sofar));
    });
    return this.#across("f32x4.pmax", largest);
  }

  /** A variable with a value. */
  keep(value: Vector): Local<"v128"> {
    return this.#code.local("v128", value);
  }

  #accumulators(count: number, slots: number, initial: Vector): Local<"v128">[][] {
    return Array.from(
      { length: count },
      () => Array.from({ length: slots }, () => this.keep(initial)),
    );
  }

  #across(name: "f32x4.add" | "f32x4.pmax", vectors: readonly Vector[]): Local<"v128"> {
    const one = this.keep(vectors.reduce((a, b) => instruction(name, a, b)));
    const pairs = this.keep(instruction(name, one, shuffle(one, one, [2, 3, 0, 1])));
    return this.keep(instruction(name, pairs, shuffle(pairs, pairs, [1, 0, 3, 2])));
  }
}
