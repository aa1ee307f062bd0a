// Writing into tensors that exist: what optimizers do to parameters and their own state.

import { DeviceError, ShapeError } from "../errors.ts";
import type { Expression } from "../kernels/expression/expression.ts";
import { runEntry } from "./run_entry.ts";
import { broadcastStrides, sameShape, showShape, stridesOf } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Overwrites tensors with expressions of others, all in one kernel: `targets[i] = expressions[i](inputs)`. Every
 * expression reads the values from before. An input broadcasts to the targets' shape; inputs may be targets.
 *
 * Recorded operations that read a target before are not protected: differentiate first, update afterwards.
 *
 * @throws {ShapeError} The targets have different shapes.
 */
export function update(
  targets: readonly Tensor[],
  expressions: readonly Expression[],
  inputs: readonly Tensor[],
): void {
  const [{ shape, storage: { executor } }] = targets;
  for (const target of targets) {
    if (!sameShape(target.shape, shape)) {
      throw new ShapeError(
        `update: the targets have shapes ${showShape(shape)} and ${showShape(target.shape)}`,
      );
    }
  }
  for (const each of [...targets, ...inputs]) {
    if (each.storage.executor !== executor) {
      throw new DeviceError(`update: tensors are on ${executor.name} and ${each.device}`);
    }
  }
  const key = { expressions: expressions.map((expression) => expression.key) };
  runEntry(executor, "update", key, inputs, targets, true, (kernel, from, to) =>
    kernel(
      "pointwise",
      {
        expressions,
        shape,
        inputStrides: from.map((input) => broadcastStrides(input.shape, shape)),
      },
      from,
      to,
    ));
}

/** Copies a tensor's elements into another of the same size and type, from element `offset` of the target on. */
export function copyInto(target: Tensor, source: Tensor, offset = 0): void {
  const { executor } = target.storage;
  if (source.storage.executor !== executor || source.dtype !== target.dtype) {
    throw new DeviceError(
      `copyInto: cannot copy ${source.dtype} on ${source.device} into ${target.dtype} on ` +
        target.device,
    );
  }
  if (offset + source.size > target.size) {
    throw new ShapeError(
      `copyInto: ${source.size} elements from ${offset} on do not fit into ${target.size}`,
    );
  }
  const shape = [source.size];
  runEntry(executor, "copyInto", { offset }, [source], [target], true, (kernel, from, to) =>
    kernel(
      "copy",
      {
        shape,
        sourceOffset: 0,
        sourceStrides: stridesOf(shape),
        destinationOffset: offset,
        destinationStrides: stridesOf(shape),
      },
      from,
      to,
    ));
}
