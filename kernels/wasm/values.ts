// WebAssembly expressions: typed values, the instructions that make them, and i32 arithmetic with folding.
//
// A `Value<"v128">` is code that leaves one v128 on the stack. It is immutable; used twice, it is evaluated twice.

import { bytesOf, type Code, opcode, signedLeb, unsignedLeb } from "./encoding.ts";
import {
  laneLoads,
  loadInstructions,
  readModifyWriteInstructions,
  stackInstructions,
  type storeInstructions,
  type ValueType,
} from "./instructions.ts";

/** The name of an instruction whose operands are all on the stack. */
export type InstructionName = keyof typeof stackInstructions;
/** The name of a load. */
export type LoadName = keyof typeof loadInstructions;
/** The name of a store. */
export type StoreName = keyof typeof storeInstructions;
/** The name of an atomic read-modify-write. */
export type ReadModifyWriteName = keyof typeof readModifyWriteInstructions;

type SplitAtCommas<Text extends string> = Text extends `${infer Head},${infer Rest}`
  ? [Head, ...SplitAtCommas<Rest>]
  : [Text];
type Signature<Name extends InstructionName> = (typeof stackInstructions)[Name][0];
/** The types of an instruction's operands. */
export type OperandsOf<Name extends InstructionName> = Signature<Name> extends
  `${infer Operands}>${string}` ? SplitAtCommas<Operands>
  : never;
/** The type of an instruction's result. */
export type ResultOf<Name extends InstructionName> = Signature<Name> extends
  `${string}>${infer Result}` ? Result extends ValueType ? Result : never
  : never;
/** Expressions of the listed types. */
export type ValuesOf<Types> = {
  [Index in keyof Types]: Types[Index] extends ValueType ? Value<Types[Index]> : never;
};
/** Local variables of the listed types. */
export type LocalsOf<Types> = {
  [Index in keyof Types]: Types[Index] extends ValueType ? Local<Types[Index]> : never;
};

/** A function of a module, as a target of calls. */
export interface FunctionReference<
  Parameters extends readonly ValueType[] = readonly ValueType[],
  Result extends ValueType | null = ValueType | null,
> {
  /** Its position in the module. */
  readonly index: number;
  /** The types of its parameters. */
  readonly parameters: Parameters;
  /** The type of its result, `null` for none. */
  readonly result: Result;
}

/** An expression: code that leaves one value of a type on the stack. */
export class Value<Type extends ValueType> {
  /** The type of the value. */
  readonly type: Type;
  /** The code that computes it. */
  readonly code: Code;
  /** The number, where the value is an i32 constant. */
  readonly constant: number | undefined;

  /** Wraps code; made by the functions of this module. */
  constructor(type: Type, code: Code, constant?: number) {
    this.type = type;
    this.code = code;
    this.constant = constant;
  }
}

/** A local variable of a function; as an expression, it reads the variable. */
export class Local<Type extends ValueType> extends Value<Type> {
  /** Its position among the function's parameters and locals. */
  readonly index: number;

  /** Names the variable at a position; made by {@linkcode FunctionBuilder.local}. */
  constructor(type: Type, index: number) {
    super(type, [0x20, ...unsignedLeb(index)]);
    this.index = index;
  }
}

/** An instruction applied to its operands, checked against its signature by the compiler. */
export function instruction<Name extends InstructionName>(
  name: Name,
  ...operands: ValuesOf<OperandsOf<Name>>
): Value<ResultOf<Name>> {
  const [signature, code] = stackInstructions[name];
  const result = signature.slice(signature.indexOf(">") + 1) as ResultOf<Name>;
  const values = operands as unknown as readonly Value<ValueType>[];
  return new Value(result, [...values.map((value) => value.code), ...opcode(code)]);
}

/** A 32-bit integer, signed or unsigned. */
export function constantI32(value: number): Value<"i32"> {
  return new Value("i32", [0x41, ...signedLeb(BigInt(value | 0))], value | 0);
}

/** A 64-bit integer. */
export function constantI64(value: bigint): Value<"i64"> {
  return new Value("i64", [0x42, ...signedLeb(BigInt.asIntN(64, value))]);
}

/** A float32 number. */
export function constantF32(value: number): Value<"f32"> {
  return new Value("f32", [0x43, ...bytesOf(new Float32Array([value]))]);
}

/** A float64 number. */
export function constantF64(value: number): Value<"f64"> {
  return new Value("f64", [0x44, ...bytesOf(new Float64Array([value]))]);
}

/** A vector of four equal float32 numbers. In a loop, hoist it into a local: inline it costs 1.5 to 2.9 times the time. */
export function splatF32x4(value: number): Value<"v128"> {
  return new Value("v128", [...opcode(0xfd000c), ...bytesOf(new Float32Array(4).fill(value))]);
}

/** A vector of four 32-bit integers; fewer are repeated. */
export function splatI32x4(...values: number[]): Value<"v128"> {
  const lanes = Int32Array.from({ length: 4 }, (_, index) => values[index % values.length]);
  return new Value("v128", [...opcode(0xfd000c), ...bytesOf(lanes)]);
}

/** A vector of two equal float64 numbers. */
export function splatF64x2(value: number): Value<"v128"> {
  return new Value("v128", [...opcode(0xfd000c), ...bytesOf(new Float64Array(2).fill(value))]);
}

/** Reads memory at `address + offset`. A constant added to the address is faster than an offset: see `add`. */
export function load<Name extends LoadName>(
  name: Name,
  address: Value<"i32">,
  offset = 0,
): Value<(typeof loadInstructions)[Name][0]> {
  const [type, alignment, code] = loadInstructions[name];
  return new Value(type, [address.code, ...opcode(code), alignment, ...unsignedLeb(offset)]);
}

/** The first `count` (1 to 4) 32-bit lanes at `address + offset`, the others 0; touches no byte beyond them. */
export function loadLanes(address: Value<"i32">, offset: number, count: number): Value<"v128"> {
  if (count === 4) return load("v128.load", address, offset);
  if (count === 1) return load("v128.load32_zero", address, offset);
  const low = load("v128.load64_zero", address, offset);
  return count === 2 ? low : loadLane(low, 2, address, offset + 8);
}

/** A vector with one 32-bit lane replaced by the word at `address + offset`. */
export function loadLane(
  vector: Value<"v128">,
  index: number,
  address: Value<"i32">,
  offset = 0,
): Value<"v128"> {
  const access = [...opcode(laneLoads[32]), 2, ...unsignedLeb(offset), index];
  return new Value("v128", [address.code, vector.code, ...access]);
}

/** One float32 lane of a vector. */
export function lane(vector: Value<"v128">, index: number): Value<"f32"> {
  return new Value("f32", [vector.code, ...opcode(0xfd001f), index]);
}

/** One 32-bit integer lane of a vector. */
export function laneI32(vector: Value<"v128">, index: number): Value<"i32"> {
  return new Value("i32", [vector.code, ...opcode(0xfd001b), index]);
}

/** One float64 lane of a vector. */
export function laneF64(vector: Value<"v128">, index: number): Value<"f64"> {
  return new Value("f64", [vector.code, ...opcode(0xfd0021), index]);
}

/** A vector with one float32 lane replaced. */
export function replaceLane(
  vector: Value<"v128">,
  index: number,
  value: Value<"f32">,
): Value<"v128"> {
  return new Value("v128", [vector.code, value.code, ...opcode(0xfd0020), index]);
}

/** A vector with one 32-bit integer lane replaced. */
export function replaceLaneI32(
  vector: Value<"v128">,
  index: number,
  value: Value<"i32">,
): Value<"v128"> {
  return new Value("v128", [vector.code, value.code, ...opcode(0xfd001c), index]);
}

/** Four 32-bit lanes chosen from two vectors: 0 to 3 from `a`, 4 to 7 from `b`. */
export function shuffle(
  a: Value<"v128">,
  b: Value<"v128">,
  lanes: readonly number[],
): Value<"v128"> {
  const bytes = lanes.flatMap((each) => [4 * each, 4 * each + 1, 4 * each + 2, 4 * each + 3]);
  return new Value("v128", [a.code, b.code, ...opcode(0xfd000d), ...bytes]);
}

/** `a` where `condition` is not zero, else `b`; both are evaluated. */
export function select<Type extends ValueType>(
  condition: Value<"i32">,
  a: Value<Type>,
  b: Value<Type>,
): Value<Type> {
  return new Value(a.type, [a.code, b.code, condition.code, 0x1b]);
}

/** An atomic read-modify-write at `address + offset` (4-aligned): the word as it was before. */
export function readModifyWrite(
  name: ReadModifyWriteName,
  address: Value<"i32">,
  offset: number,
  operand: Value<"i32">,
): Value<"i32"> {
  const access = [...opcode(readModifyWriteInstructions[name]), 2, ...unsignedLeb(offset)];
  return new Value("i32", [address.code, operand.code, ...access]);
}

/** The result of calling a function that returns one. */
export function invoke<Parameters extends readonly ValueType[], Result extends ValueType>(
  reference: FunctionReference<Parameters, Result>,
  ...operands: ValuesOf<Parameters>
): Value<Result> {
  const values = operands as unknown as readonly Value<ValueType>[];
  const code = [...values.map((value) => value.code), 0x10, ...unsignedLeb(reference.index)];
  return new Value(reference.result, code);
}

/** A number as an i32 expression; an expression as it is. */
export function toI32(value: Value<"i32"> | number): Value<"i32"> {
  return typeof value === "number" ? constantI32(value) : value;
}

/** `a + b` on i32, constants folded. */
export function add(a: Value<"i32">, b: Value<"i32"> | number): Value<"i32"> {
  const second = toI32(b);
  if (second.constant === 0) return a;
  if (a.constant !== undefined && second.constant !== undefined) {
    return constantI32(a.constant + second.constant);
  }
  return instruction("i32.add", a, second);
}

/** `a - b` on i32, constants folded. */
export function subtract(a: Value<"i32">, b: Value<"i32"> | number): Value<"i32"> {
  const second = toI32(b);
  if (second.constant === 0) return a;
  if (a.constant !== undefined && second.constant !== undefined) {
    return constantI32(a.constant - second.constant);
  }
  return instruction("i32.sub", a, second);
}

/** `a * b` on i32, constants folded and powers of two as shifts. */
export function multiply(a: Value<"i32">, b: Value<"i32"> | number): Value<"i32"> {
  const second = toI32(b);
  const factor = second.constant;
  if (factor === undefined) return instruction("i32.mul", a, second);
  if (a.constant !== undefined) return constantI32(Math.imul(a.constant, factor));
  if (factor === 0) return second;
  if (factor === 1) return a;
  const shift = Math.log2(factor);
  return Number.isInteger(shift)
    ? instruction("i32.shl", a, constantI32(shift))
    : instruction("i32.mul", a, second);
}

/**
 * The smallest module that uses relaxed SIMD: one function of type () -> v128 that multiplies and adds zero
 * vectors. The sections are types, functions, code.
 */
// deno-fmt-ignore
const relaxedSimdProbe = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 5, 1, 0x60, 0, 1, 0x7b,
  3, 2, 1, 0,
  10, 19, 1, 17, 0,
  0x41, 0, 0xfd, 0x11, 0x41, 0, 0xfd, 0x11, 0x41, 0, 0xfd, 0x11, // i32.const 0, i32x4.splat: three times
  0xfd, 0x85, 0x02, // f32x4.relaxed_madd
  0x0b,
]);

let relaxedSimd: boolean | undefined;

/** Whether this engine has relaxed SIMD (fused multiply-add); probed once with `WebAssembly.validate`. */
export function hasRelaxedSimd(): boolean {
  relaxedSimd ??= WebAssembly.validate(relaxedSimdProbe);
  return relaxedSimd;
}

/** `a * b + c` on four float32 lanes: fused where the engine can, else a product and a sum. */
export function multiplyAdd(
  a: Value<"v128">,
  b: Value<"v128">,
  c: Value<"v128">,
): Value<"v128"> {
  return hasRelaxedSimd()
    ? instruction("f32x4.relaxed_madd", a, b, c)
    : instruction("f32x4.add", instruction("f32x4.mul", a, b), c);
}

/** `c - a * b` on four float32 lanes: fused where the engine can, else a product and a difference. */
export function negatedMultiplyAdd(
  a: Value<"v128">,
  b: Value<"v128">,
  c: Value<"v128">,
): Value<"v128"> {
  return hasRelaxedSimd()
    ? instruction("f32x4.relaxed_nmadd", a, b, c)
    : instruction("f32x4.sub", c, instruction("f32x4.mul", a, b));
}

/** Lanes of `a` where the mask is all ones, of `b` where it is all zeros (other masks are not allowed). */
export function laneSelect(
  a: Value<"v128">,
  b: Value<"v128">,
  mask: Value<"v128">,
): Value<"v128"> {
  return hasRelaxedSimd()
    ? instruction("i32x4.relaxed_laneselect", a, b, mask)
    : instruction("v128.bitselect", a, b, mask);
}
