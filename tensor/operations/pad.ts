// Padding.

import { ShapeError } from "../../errors.ts";
import { full, tensor } from "../create.ts";
import { showShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { indexSelect } from "./indexing.ts";
import { concat } from "./layout.ts";

/** How {@linkcode pad} fills: with a number, mirrored without the edge, or with the edge repeated. */
export type PadMode = "constant" | "reflect" | "replicate";

/**
 * Elements added before and after each axis.
 *
 * @param amounts [before, after] for each axis.
 * @throws {ShapeError} A reflection is as long as the axis or longer.
 */
export function pad(
  x: Tensor,
  amounts: readonly (readonly [before: number, after: number])[],
  options: { readonly mode?: PadMode; readonly value?: number } = {},
): Tensor {
  const { mode = "constant", value = 0 } = options;
  if (amounts.length !== x.rank) {
    throw new ShapeError(`pad: ${amounts.length} amounts for the shape ${showShape(x.shape)}`);
  }
  let result = x;
  amounts.forEach(([before, after], axis) => {
    if (before === 0 && after === 0) return;
    const length = x.shape[axis];
    if (mode === "constant") {
      const block = (size: number) => full(result.shape.with(axis, size), value, result);
      result = concat([block(before), result, block(after)], axis);
      return;
    }
    if (length === 0 || (mode === "reflect" && Math.max(before, after) >= length)) {
      throw new ShapeError(
        `pad: an axis of length ${length} cannot ${mode} by ${Math.max(before, after)}`,
      );
    }
    const index = Int32Array.from({ length: before + length + after }, (_, i) => {
      const position = i - before;
      if (mode === "replicate") return Math.min(length - 1, Math.max(0, position));
      const mirrored = Math.abs(position);
      return mirrored < length ? mirrored : 2 * (length - 1) - mirrored;
    });
    result = indexSelect(result, tensor(index, { device: x.device }), axis);
  });
  return result;
}
