// How one number is stored in each of the executor's types.

import type { DType } from "../kernel.ts";
import { floatWord } from "./kernel.ts";

/** A number as int32: toward zero, the nearest where it is out of range, 0 for NaN. */
export function saturated(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(value)));
}

/** The word that a number becomes in memory: rounded for float32, toward zero for int32, 0 or 1 for bool. */
export function storedWord(value: number, dtype: DType): number {
  if (dtype === "int32") return saturated(value);
  return floatWord(dtype === "bool" && value !== 0 ? 1 : value);
}
