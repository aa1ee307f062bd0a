// What the data movement kernels are written with: arguments, items, and loops over rows of words.

import {
  add,
  constantI32,
  type FunctionBuilder,
  instruction,
  load,
  type Local,
  type ModuleBuilder,
  multiply,
  select,
  subtract,
  toI32,
  type Value,
} from "./assembler.ts";
import type { NumberKind } from "./elements.ts";
import type { WasmKernel } from "./kernel.ts";

/** An i32 expression, or a constant. */
export type Integer = Value<"i32"> | number;

/** Rows of at least this many words are copied by the engine; shorter ones faster by a loop here. */
const LONG_ROW = 128;

/** A kernel's `run` function under construction. */
export class KernelBody {
  /** Its statements. */
  readonly code: FunctionBuilder;
  readonly #words: Local<"i32">;
  readonly #begin: Local<"i32">;
  readonly #end: Local<"i32">;
  /** Address of the thread's own memory. */
  readonly scratch: Local<"i32">;

  /** Made by {@linkcode defineKernel}. */
  constructor(code: FunctionBuilder, parameters: readonly Local<"i32">[]) {
    this.code = code;
    [this.#words, this.#begin, this.#end, this.scratch] = parameters;
  }

  /** The argument words as variables, in order. */
  arguments(count: number): Local<"i32">[] {
    return Array.from({ length: count }, (_, index) => {
      return this.code.local("i32", load("i32.load", this.#words, 4 * index));
    });
  }

  /** The address of an argument word, for tables among the arguments. */
  argumentAddress(index: number): Value<"i32"> {
    return add(this.#words, 4 * index);
  }

  /** An argument word as float32. */
  floatArgument(index: number): Value<"f32"> {
    return load("f32.load", this.#words, 4 * index);
  }

  /** Runs `body` for each item of this call. */
  forItems(body: (item: Local<"i32">) => void): void {
    const item = this.code.local("i32");
    this.code.for(item, this.#begin, this.#end, 1, () => body(item));
  }

  /** Runs `body` for each item of this call with `item / divisor` and `item % divisor`, divided once and then counted. */
  forItemPairs(
    divisor: Local<"i32">,
    body: (item: Local<"i32">, quotient: Local<"i32">, remainder: Local<"i32">) => void,
  ): void {
    const [quotient, remainder] = this.divide(this.#begin, divisor);
    this.forItems((item) => {
      body(item, quotient, remainder);
      this.code.increment(remainder, 1);
      this.code.if(instruction("i32.eq", remainder, divisor), () => {
        this.code.set(remainder, constantI32(0));
        this.code.increment(quotient, 1);
      });
    });
  }

  /** A variable with a value. */
  variable(value: Integer): Local<"i32"> {
    return this.code.local("i32", toI32(value));
  }

  /** Splits `index` by a divisor: `[index / divisor, index % divisor]`, unsigned. */
  divide(index: Value<"i32">, divisor: Value<"i32">): [Local<"i32">, Local<"i32">] {
    const quotient = this.variable(instruction("i32.div_u", index, divisor));
    return [quotient, this.variable(subtract(index, multiply(quotient, divisor)))];
  }

  /**
   * Goes through `count` words: `four` for every four, then `one` for each that is left. The pointers advance by
   * as many words as were done; `steps` gives their distance from word to word in bytes (4 unless given).
   */
  forWords(
    count: Integer,
    pointers: readonly Local<"i32">[],
    four: () => void,
    one: () => void,
    steps: readonly Integer[] = pointers.map(() => 4),
  ): void {
    const left = this.variable(count);
    const wide = steps.map((step) =>
      typeof step === "number" ? 4 * step : this.variable(multiply(step, 4))
    );
    this.#countDown(left, 4, pointers, wide, four);
    this.#countDown(left, 1, pointers, steps, one);
  }

  /** Goes through `count` words one by one; `steps` gives the pointers' distances in bytes. */
  forEachWord(
    count: Integer,
    pointers: readonly Local<"i32">[],
    steps: readonly Integer[],
    one: () => void,
  ): void {
    this.#countDown(this.variable(count), 1, pointers, steps, one);
  }

  /** Runs `body` while `words` words are left. */
  #countDown(
    left: Local<"i32">,
    words: number,
    pointers: readonly Local<"i32">[],
    steps: readonly Integer[],
    body: () => void,
  ): void {
    const { code } = this;
    const more = () => instruction("i32.ge_u", left, constantI32(words));
    code.if(more(), () => {
      code.doWhile(() => {
        body();
        pointers.forEach((pointer, index) => code.increment(pointer, steps[index]));
        code.increment(left, -words);
      }, more);
    });
  }

  /** Copies a row of `count` words; the ranges must not overlap. Both pointers advance where the row is short. */
  copyRow(to: Local<"i32">, from: Local<"i32">, count: Value<"i32">): void {
    const { code } = this;
    code.if(
      instruction("i32.ge_u", count, constantI32(LONG_ROW)),
      () => code.copyMemory(to, from, multiply(count, 4)),
      () =>
        this.forWords(
          count,
          [to, from],
          () => code.store("v128.store", to, 0, load("v128.load", from)),
          () => code.store("i32.store", to, 0, load("i32.load", from)),
        ),
    );
  }

  /** Sets a row of `count` words to the lanes of a vector, which are equal. The pointer advances. */
  fillRow(to: Local<"i32">, count: Integer, value: Local<"v128">): void {
    this.forWords(
      count,
      [to],
      () => this.code.store("v128.store", to, 0, value),
      () => this.code.storeLane(to, 0, value, 0),
    );
  }

  /** Adds a row of `count` numbers to another. Both pointers advance. */
  addRow(to: Local<"i32">, from: Local<"i32">, count: Integer, kind: NumberKind): void {
    const { code } = this;
    this.forWords(
      count,
      [to, from],
      () => {
        const sum = instruction(`${kind}x4.add`, load("v128.load", to), load("v128.load", from));
        code.store("v128.store", to, 0, sum);
      },
      () => this.addNumber(to, from, kind),
    );
  }

  /** Adds one number in memory to another. */
  addNumber(to: Value<"i32">, from: Value<"i32">, kind: NumberKind): void {
    if (kind === "f32") {
      const sum = instruction("f32.add", load("f32.load", to), load("f32.load", from));
      this.code.store("f32.store", to, 0, sum);
    } else {
      this.code.store("i32.store", to, 0, add(load("i32.load", to), load("i32.load", from)));
    }
  }
}

/** A kernel whose `run` function `build` writes. */
export function defineKernel(key: string, build: (body: KernelBody) => void): WasmKernel {
  return {
    key,
    build(module: ModuleBuilder): void {
      module.function("run", ["i32", "i32", "i32", "i32"], null, (code, ...parameters) => {
        build(new KernelBody(code, parameters));
      });
    },
  };
}

/** The address of the word at `index` (in words) from `base`. */
export function wordAt(base: Value<"i32">, index: Value<"i32">): Value<"i32"> {
  return add(base, multiply(index, 4));
}

/** The smaller of two unsigned integers, each evaluated twice: variables or constants. */
export function minimum(a: Integer, b: Integer): Value<"i32"> {
  const [first, second] = [toI32(a), toI32(b)];
  return select(instruction("i32.lt_u", first, second), first, second);
}
