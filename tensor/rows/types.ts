// Which element type an operation's result has, and the checks on types that rows share.

import { DTypeError } from "../../errors.ts";
import type { DType } from "../../kernels/kernel.ts";
import type { Descriptor } from "../operation.ts";

/** Whether a type can be differentiated and computed with. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64";
}

/**
 * The type of a result of arithmetic: the float type among the inputs; int32 where all are; where there are
 * only bool and mixed ones, the device's own float type.
 */
export function promote(operation: string, inputs: readonly Descriptor[], float: DType): DType {
  const floats = new Set(inputs.map((input) => input.dtype).filter(isFloat));
  if (floats.size > 1) {
    throw new DTypeError(
      `${operation}: float32 and float64 do not mix; convert one of them with .to("float32")`,
    );
  }
  if (floats.size === 1) return [...floats][0];
  return inputs.length > 0 && inputs.every((input) => input.dtype === "int32") ? "int32" : float;
}

/** Throws DTypeError unless a tensor has a float type. */
export function requireFloat(operation: string, name: string, input: Descriptor): void {
  if (!isFloat(input.dtype)) {
    throw new DTypeError(
      `${operation}: ${name} must be float32 or float64, but is ${input.dtype}; ` +
        `convert it with .to("float32")`,
    );
  }
}

/** Throws DTypeError unless two tensors have one type. */
export function requireSameType(
  operation: string,
  names: string,
  a: Descriptor,
  b: Descriptor,
): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(
      `${operation}: ${names} must have one type, but are ${a.dtype} and ${b.dtype}`,
    );
  }
}
