// The executor's element types: how a number is stored, on this side and in shaders.

import type { DType, TypedArray } from "../kernel.ts";
import { floatWord } from "./kernel.ts";

/** A number as int32: toward zero, the nearest where it is out of range, 0 for NaN. */
function saturated(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(value)));
}

/** The word that a number becomes in memory: rounded for float32, toward zero for int32, 0 or 1 for bool. */
export function storedWord(value: number, dtype: DType): number {
  if (dtype === "int32") return saturated(value) >>> 0;
  return floatWord(dtype === "bool" && value !== 0 ? 1 : value);
}

/** Whether an array lies in memory of this thread alone, which a queue reads as it is. */
function isUnshared<Elements extends Float32Array | Int32Array>(
  data: Elements,
): data is Elements & (Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>) {
  return data.buffer instanceof ArrayBuffer;
}

/** Numbers as they are stored: the same array where nothing changes and its memory is not shared. */
export function storedElements(
  data: TypedArray,
  dtype: DType,
): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  if (dtype === "int32") {
    if (!(data instanceof Int32Array)) return Int32Array.from(data, saturated);
    return isUnshared(data) ? data : new Int32Array(data);
  }
  if (dtype === "bool") return Float32Array.from(data, (value) => value === 0 ? 0 : 1);
  return data instanceof Float32Array && isUnshared(data) ? data : new Float32Array(data);
}

/** Functions of shaders that turn a number into what a type stores. */
export const wgslStorePrelude: string = `\
fn corit_to_i32(x: f32) -> i32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return 0; }
  if (magnitude >= 0x4f000000u) { return select(2147483647, i32(-2147483647 - 1), (bits >> 31u) == 1u); }
  return i32(x);
}
fn corit_to_bool(x: f32) -> f32 {
  return select(1.0f, 0.0f, (bitcast<u32>(x) & 0x7fffffffu) == 0u);
}
`;

/** The text that stores the f32 text `value` as `dtype`; the module contains {@linkcode wgslStorePrelude}. */
export function wgslStored(value: string, dtype: DType): string {
  if (dtype === "int32") return `corit_to_i32(${value})`;
  return dtype === "bool" ? `corit_to_bool(${value})` : value;
}
