// How WebAssembly's binary format writes integers, opcodes, numbers and names.

import type { ValueType } from "./instructions.ts";

/** Machine code as a rope: bytes and pieces of code, nested. */
export type Code = readonly (number | Code)[];

/** The bytes that stand for the types. */
export const typeCodes: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** An unsigned integer below 2^32 in LEB128. */
export function unsignedLeb(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 127;
    value >>>= 7;
    bytes.push(value === 0 ? low : low | 128);
  } while (value !== 0);
  return bytes;
}

/** A signed integer of up to 64 bits in LEB128. */
export function signedLeb(value: bigint): number[] {
  const bytes: number[] = [];
  while (true) {
    const low = Number(value & 127n);
    value >>= 7n;
    if ((value === 0n && low < 64) || (value === -1n && low >= 64)) return [...bytes, low];
    bytes.push(low | 128);
  }
}

/** The bytes of an opcode of the instruction table. */
export function opcode(code: number): number[] {
  return code > 0xffff ? [code >>> 16, ...unsignedLeb(code & 0xffff)] : [code];
}

/** The bytes of numbers, little-endian. */
export function bytesOf(values: Float32Array | Float64Array | Int32Array): number[] {
  return [...new Uint8Array(values.buffer)];
}

/** A name: its length in bytes, then UTF-8. */
export function encodedName(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...unsignedLeb(bytes.length), ...bytes];
}
