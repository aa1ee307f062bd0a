// Norms over a whole arena, each by one reduction that stays on the device.

import { type Expression, input } from "../kernels/expression/expression.ts";
import { sqrt as root } from "../kernels/expression/functions.ts";
import { apply } from "../tensor/apply.ts";
import { sqrt } from "../tensor/operations/pointwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { update } from "../tensor/update.ts";

const square = input(0).mul(input(0));

/** The sum of a formula over flat tensors of one layout, as a scalar tensor. */
export function sumOver(flats: readonly Tensor[], formula: Expression): Tensor {
  return apply("reduce", flats, { kind: "sum", first: 0, last: 0, map: formula });
}

/**
 * The Euclidean norm of a flat tensor, as a scalar tensor on its device.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { globalNorm } from "@corit/corit/optim";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(globalNorm(tensor([3, 4])).item(), 5);
 * ```
 */
export function globalNorm(flat: Tensor): Tensor {
  return sqrt(sumOver([flat], square));
}

/** Writes the Euclidean norm of a flat tensor into a scalar tensor. */
export function writeGlobalNorm(target: Tensor, flat: Tensor): void {
  update([target], [root(input(0))], [sumOver([flat], square)]);
}
