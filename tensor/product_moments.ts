// Sums over units of matrix products and of their squares: what exact statistics of a linear layer's gradient need.

import { DeviceError, ShapeError } from "../errors.ts";
import { matmul } from "./operations/matmul.ts";
import { square } from "./operations/pointwise.ts";
import { reshape } from "./operations/layout.ts";
import { runEntry } from "./run_entry.ts";
import { showShape } from "./shape.ts";
import { Tensor } from "./tensor.ts";

/**
 * With P_u = left_u' right_u: the sum of P_u over units, and the sum of its elementwise squares, in one kernel that
 * never stores a P_u. Not recorded: nothing differentiates through it.
 *
 * @param left [units, rows, height].
 * @param right [units, rows, width].
 * @returns Two tensors [height, width].
 * @throws {ShapeError} The shapes do not fit together.
 * @throws {UnsupportedError} The device has no kernel for it.
 *
 * @example
 * ```ts
 * import { productMoments, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * // Two units of one row: their products are 2 * 3 and 1 * -4.
 * const { sum, squares } = productMoments(tensor([[[2]], [[1]]]), tensor([[[3]], [[-4]]]));
 * assertEquals([sum.item(), squares.item()], [6 - 4, 36 + 16]);
 * ```
 */
export function productMoments(
  left: Tensor,
  right: Tensor,
): { readonly sum: Tensor; readonly squares: Tensor } {
  const [units, rows, height] = left.shape;
  const width = right.shape[2];
  const fits = left.rank === 3 && right.rank === 3 && right.shape[0] === units &&
    right.shape[1] === rows && left.dtype === right.dtype;
  if (!fits) {
    throw new ShapeError(
      `productMoments: expected [units, rows, height] and [units, rows, width] of one type, but ` +
        `found ${showShape(left.shape)} ${left.dtype} and ${showShape(right.shape)} ${right.dtype}`,
    );
  }
  const { executor } = left.storage;
  if (right.storage.executor !== executor) {
    throw new DeviceError(`productMoments: tensors are on ${left.device} and ${right.device}`);
  }
  if (rows === 1) {
    // The square of an outer product is the outer product of the squares: both sums are plain products.
    const [a, b] = [reshape(left, [units, height]), reshape(right, [units, width])];
    const options = { transposeA: true };
    return { sum: matmul(a, b, options), squares: matmul(square(a), square(b), options) };
  }
  const make = () => Tensor.allocate(executor, [height, width], left.dtype);
  const outputs = [make(), make()];
  const parameters = { units, rows, height, width };
  runEntry(
    executor,
    "productMoments",
    {},
    [left, right],
    outputs,
    false,
    (kernel, from, to) => kernel("productMoments", parameters, from, to),
  );
  return { sum: outputs[0], squares: outputs[1] };
}
