// What the larger hand-written kernels are made of: functions of i32 parameters, and argument words by name.

import {
  add,
  type FunctionBuilder,
  type FunctionReference,
  load,
  type Local,
  type Value,
} from "./assembler.ts";

type I32Tuple<Count extends number, Types extends readonly "i32"[] = readonly []> =
  Types["length"] extends Count ? Types : I32Tuple<Count, readonly [...Types, "i32"]>;

/** A function of `Count` i32 parameters that returns nothing. */
export type Procedure<Count extends number> = FunctionReference<I32Tuple<Count>, null>;

/** The types of `count` i32 parameters. */
export function i32s<const Count extends number>(count: Count): I32Tuple<Count> {
  return new Array(count).fill("i32") as unknown as I32Tuple<Count>;
}

/** Argument words by name, in a fixed order, perhaps followed by a table. */
export class ArgumentWords<const Name extends string> {
  readonly #names: readonly Name[];

  /** Fixes names and order. */
  constructor(names: readonly Name[]) {
    this.#names = names;
  }

  /** The words for a launch. */
  layOut(values: Readonly<Record<Name, number>>, table: readonly number[] = []): number[] {
    return [...this.#names.map((name) => values[name]), ...table];
  }

  /** The words as variables of a function that starts at the address `words`. */
  read(body: FunctionBuilder, words: Value<"i32">): Record<Name, Local<"i32">> {
    const entries = this.#names.map((name, index) =>
      [name, body.local("i32", load("i32.load", words, 4 * index))] as const
    );
    return Object.fromEntries(entries) as Record<Name, Local<"i32">>;
  }

  /** The address of one of the words. */
  address(words: Value<"i32">, name: Name): Value<"i32"> {
    return add(words, 4 * this.#names.indexOf(name));
  }

  /** The address of the table behind the words. */
  table(words: Value<"i32">): Value<"i32"> {
    return add(words, 4 * this.#names.length);
  }
}

/** A boolean as an argument word. */
export function flag(value: boolean): number {
  return value ? 1 : 0;
}
