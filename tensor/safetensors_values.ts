// Elements of safetensors types that have no array type of their own here.

import { FormatError } from "../errors.ts";

/** IEEE 754 half precision. */
export function float16Values(words: Uint16Array): Float32Array {
  return Float32Array.from(words, (word) => {
    const sign = word & 0x8000 ? -1 : 1;
    const exponent = (word >> 10) & 0x1f;
    const fraction = word & 0x3ff;
    if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0
      ? sign * fraction * 2 ** -24
      : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** The upper halves of float32. */
export function bfloat16Values(words: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(words, (word) => word << 16).buffer);
}

/** Whole numbers of one byte. */
export function smallIntegers(values: Int8Array | Uint8Array): Int32Array {
  return Int32Array.from(values);
}

/** Whole numbers of eight bytes. Throws FormatError where one does not fit into int32. */
export function wideIntegers(name: string, values: BigInt64Array): Int32Array {
  return Int32Array.from(values, (value) => {
    if (value !== BigInt.asIntN(32, value)) {
      throw new FormatError(
        `safetensors: ${JSON.stringify(name)} holds ${value}, which does not fit into int32`,
      );
    }
    return Number(value);
  });
}

/** Truth values of one byte. Throws FormatError where one is neither 0 nor 1. */
export function booleanValues(name: string, values: Uint8Array): Float32Array {
  return Float32Array.from(values, (value) => {
    if (value > 1) {
      throw new FormatError(
        `safetensors: ${JSON.stringify(name)} is BOOL, but holds a byte of value ${value}`,
      );
    }
    return value;
  });
}
