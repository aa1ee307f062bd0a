// The executor's element types: how a number is stored, and which arithmetic works on it.

import { DTypeError } from "../../errors.ts";
import type { DType } from "../kernel.ts";
import { floatWord, type WasmBinding } from "./kernel.ts";

/** The arithmetic of an element type; bool is float32 0 or 1. */
export type NumberKind = "f32" | "i32";

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

/** The arithmetic of an operand. */
export function numberKind({ dtype }: WasmBinding): NumberKind {
  return dtype === "int32" ? "i32" : "f32";
}

/** The arithmetic of operands that must share one. Throws DTypeError naming the kernel where they do not. */
export function sharedNumberKind(kernel: string, ...operands: WasmBinding[]): NumberKind {
  const kind = numberKind(operands[0]);
  if (operands.some((operand) => numberKind(operand) !== kind)) {
    throw new DTypeError(
      `${kernel}: the element types ${
        operands.map(({ dtype }) => dtype).join(" and ")
      } differ; convert first`,
    );
  }
  return kind;
}

/** Requires operands that hold float32 numbers (bool does too). Throws DTypeError naming the kernel. */
export function requireFloats(kernel: string, ...operands: WasmBinding[]): void {
  if (operands.some((operand) => numberKind(operand) !== "f32")) {
    throw new DTypeError(
      `${kernel}: computes in float32, got ${
        operands.map(({ dtype }) => dtype).join(", ")
      }; convert to float32 first`,
    );
  }
}
