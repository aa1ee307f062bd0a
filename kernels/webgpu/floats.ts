// Kernels that compute in float32 only.

import { DTypeError } from "../../errors.ts";
import type { WebGpuBinding } from "./kernel.ts";

/** Requires operands that hold float32 numbers (bool does too). Throws DTypeError naming the kernel. */
export function requireFloats(kernel: string, ...operands: readonly WebGpuBinding[]): void {
  if (operands.some(({ dtype }) => dtype === "int32")) {
    throw new DTypeError(
      `${kernel}: computes in float32, got ${
        operands.map(({ dtype }) => dtype).join(", ")
      }; convert to float32 first`,
    );
  }
}
