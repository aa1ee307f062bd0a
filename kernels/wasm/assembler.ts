// A small typed WebAssembly assembler: functions and modules (this file) from expressions (values.ts).
//
// Statements go into the `FunctionBuilder` under construction. Code is a rope of numbers that is flattened once,
// when the module is encoded: 3 ms for all kernels, where library emitters take 50 to 300.

import { type Code, encodedName, opcode, typeCodes, unsignedLeb } from "./encoding.ts";
import { laneStores, storeInstructions, type ValueType } from "./instructions.ts";
import {
  add,
  type FunctionReference,
  instruction,
  Local,
  type LocalsOf,
  type StoreName,
  toI32,
  type Value,
  type ValuesOf,
} from "./values.ts";

export type { Code } from "./encoding.ts";
export type { ValueType } from "./instructions.ts";
export * from "./values.ts";

/** A block that can be left early: see {@linkcode FunctionBuilder.block}. */
export interface Label {
  /** How many constructs enclose the block's inside. */
  readonly depth: number;
}

/** A function under construction: its local variables and statements. */
export class FunctionBuilder {
  readonly #parameterCount: number;
  readonly #locals: ValueType[] = [];
  #statements: (number | Code)[] = [];
  #depth = 0;

  /** Made by {@linkcode ModuleBuilder.function}. */
  constructor(parameterCount: number) {
    this.#parameterCount = parameterCount;
  }

  /** A new local variable, set to `initial` here; without it, zero at the function's start. */
  local<Type extends ValueType>(type: Type, initial?: Value<Type>): Local<Type> {
    this.#locals.push(type);
    const local = new Local(type, this.#parameterCount + this.#locals.length - 1);
    if (initial) this.set(local, initial);
    return local;
  }

  /** Gives a local variable a value. */
  set<Type extends ValueType>(local: Local<Type>, value: Value<Type>): void {
    this.#statements.push(value.code, 0x21, unsignedLeb(local.index));
  }

  /** Adds to an i32 variable. */
  increment(local: Local<"i32">, by: Value<"i32"> | number): void {
    this.set(local, add(local, by));
  }

  /** Writes memory at `address + offset`. */
  store<Name extends StoreName>(
    name: Name,
    address: Value<"i32">,
    offset: number,
    value: Value<(typeof storeInstructions)[Name][0]>,
  ): void {
    const [, alignment, code] = storeInstructions[name];
    this.#statements.push(address.code, value.code, opcode(code), alignment, unsignedLeb(offset));
  }

  /** Writes the first `count` (1 to 4) 32-bit lanes at `address + offset` and touches no byte beyond them. */
  storeLanes(address: Value<"i32">, offset: number, count: number, value: Value<"v128">): void {
    if (count === 4) return this.store("v128.store", address, offset, value);
    const vector = value instanceof Local ? value : this.local("v128", value);
    if (count >= 2) {
      const access = [...opcode(laneStores[64]), 2, ...unsignedLeb(offset), 0];
      this.#statements.push(address.code, vector.code, access);
    }
    if (count % 2 === 1) this.storeLane(address, offset + 4 * (count - 1), vector, count - 1);
  }

  /** Writes one 32-bit lane at `address + offset`. */
  storeLane(address: Value<"i32">, offset: number, vector: Value<"v128">, index: number): void {
    const access = [...opcode(laneStores[32]), 2, ...unsignedLeb(offset), index];
    this.#statements.push(address.code, vector.code, access);
  }

  /** Calls a function that returns nothing. */
  call<Parameters extends readonly ValueType[]>(
    reference: FunctionReference<Parameters, null>,
    ...operands: ValuesOf<Parameters>
  ): void {
    const values = operands as unknown as readonly Value<ValueType>[];
    this.#statements.push(values.map((value) => value.code), 0x10, unsignedLeb(reference.index));
  }

  /** Evaluates for the effect and discards the value. */
  drop(value: Value<ValueType>): void {
    this.#statements.push(value.code, 0x1a);
  }

  /** Runs `then` where the condition is not zero, else `otherwise`. */
  if(condition: Value<"i32">, then: () => void, otherwise?: () => void): void {
    this.#statements.push(condition.code, 0x04, 0x40);
    this.#nested(then);
    if (otherwise) {
      this.#statements.push(0x05);
      this.#nested(otherwise);
    }
    this.#statements.push(0x0b);
  }

  /** Runs `body`, again while the condition is not zero: one back edge with the test at the bottom, V8's best loop. */
  doWhile(body: () => void, condition: () => Value<"i32">): void {
    this.#statements.push(0x03, 0x40);
    this.#nested(() => {
      body();
      this.#statements.push(condition().code, 0x0d, 0);
    });
    this.#statements.push(0x0b);
  }

  /** Counts `index` from `from` while it is below `to`, unsigned. `to` is evaluated each time: a local or a constant. */
  for(
    index: Local<"i32">,
    from: Value<"i32"> | number,
    to: Value<"i32"> | number,
    step: Value<"i32"> | number,
    body: () => void,
  ): void {
    const below = () => instruction("i32.lt_u", index, toI32(to));
    this.set(index, toI32(from));
    this.if(below(), () => {
      this.doWhile(() => {
        body();
        this.increment(index, step);
      }, below);
    });
  }

  /** Runs `body`, which may leave early with {@linkcode exit} or {@linkcode exitIf}. */
  block(body: (label: Label) => void): void {
    this.#statements.push(0x02, 0x40);
    this.#nested(() => body({ depth: this.#depth }));
    this.#statements.push(0x0b);
  }

  /** Leaves a block. */
  exit(label: Label): void {
    this.#statements.push(0x0c, unsignedLeb(this.#depth - label.depth));
  }

  /** Leaves a block where the condition is not zero. */
  exitIf(label: Label, condition: Value<"i32">): void {
    this.#statements.push(condition.code, 0x0d, unsignedLeb(this.#depth - label.depth));
  }

  /** Copies `byteLength` bytes; the ranges may overlap. */
  copyMemory(to: Value<"i32">, from: Value<"i32">, byteLength: Value<"i32">): void {
    this.#statements.push(to.code, from.code, byteLength.code, opcode(0xfc000a), 0, 0);
  }

  /** Sets `byteLength` bytes to the low byte of `value`. */
  fillMemory(to: Value<"i32">, value: Value<"i32">, byteLength: Value<"i32">): void {
    this.#statements.push(to.code, value.code, byteLength.code, opcode(0xfc000b), 0);
  }

  /** A place in the code, to be filled later by {@linkcode insert} at the same nesting level. */
  mark(): number {
    return this.#statements.length;
  }

  /** Puts what `emit` emits at a mark: constants a loop turned out to need, hoisted before it. */
  insert(mark: number, emit: () => void): void {
    const rest = this.#statements.splice(mark);
    emit();
    for (const piece of rest) this.#statements.push(piece);
  }

  /** Ends the function with its result. */
  result(value: Value<ValueType>): void {
    this.#statements.push(value.code);
  }

  /** The encoded body: locals, code, end. */
  encode(): number[] {
    const groups: [number, ValueType][] = [];
    for (const type of this.#locals) {
      const last = groups.at(-1);
      if (last?.[1] === type) last[0]++;
      else groups.push([1, type]);
    }
    const bytes = unsignedLeb(groups.length);
    for (const [count, type] of groups) bytes.push(...unsignedLeb(count), typeCodes[type]);
    const flatten = (code: Code): void => {
      for (const piece of code) typeof piece === "number" ? bytes.push(piece) : flatten(piece);
    };
    flatten(this.#statements);
    bytes.push(0x0b);
    return bytes;
  }

  #nested(body: () => void): void {
    this.#depth++;
    body();
    this.#depth--;
  }
}

/** A module that imports one memory as `("env", "memory")`. */
export class ModuleBuilder {
  /** Whether the memory is shared between threads. */
  readonly shared: boolean;
  readonly #types: number[][] = [];
  readonly #functions: { readonly type: number; readonly body: FunctionBuilder }[] = [];
  readonly #exports: number[][] = [];

  /** Begins a module for a shared or an unshared memory of 0 to 65,536 pages. */
  constructor(options: { readonly shared: boolean }) {
    this.shared = options.shared;
  }

  /** Adds a function, exported where it has a name; `build` receives the builder and the parameters. */
  function<const Parameters extends readonly ValueType[], Result extends ValueType | null>(
    exportName: string | null,
    parameters: Parameters,
    result: Result,
    build: (body: FunctionBuilder, ...parameters: LocalsOf<Parameters>) => void,
  ): FunctionReference<Parameters, Result> {
    const parameterCodes = parameters.map((type) => typeCodes[type]);
    const resultCodes = result === null ? [0] : [1, typeCodes[result]];
    const signature = [0x60, parameters.length, ...parameterCodes, ...resultCodes];
    const key = signature.join();
    let type = this.#types.findIndex((other) => other.join() === key);
    if (type < 0) type = this.#types.push(signature) - 1;
    const body = new FunctionBuilder(parameters.length);
    const index = this.#functions.push({ type, body }) - 1;
    if (exportName !== null) {
      this.#exports.push([...encodedName(exportName), 0, ...unsignedLeb(index)]);
    }
    const locals = parameters.map((each, position) => new Local(each, position));
    build(body, ...locals as unknown as LocalsOf<Parameters>);
    return { index, parameters, result };
  }

  /** The encoded module. */
  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    const section = (id: number, items: readonly number[][]): void => {
      const count = unsignedLeb(items.length);
      const size = items.reduce((sum, item) => sum + item.length, count.length);
      bytes.push(id, ...unsignedLeb(size), ...count);
      for (const item of items) for (const byte of item) bytes.push(byte);
    };
    const limits = [this.shared ? 3 : 1, 0, ...unsignedLeb(65536)];
    section(1, this.#types);
    section(2, [[...encodedName("env"), ...encodedName("memory"), 2, ...limits]]);
    section(3, this.#functions.map((each) => unsignedLeb(each.type)));
    section(7, this.#exports);
    section(
      10,
      this.#functions.map((each) => {
        const body = each.body.encode();
        return unsignedLeb(body.length).concat(body);
      }),
    );
    return new Uint8Array(bytes);
  }
}
