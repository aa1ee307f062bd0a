// Bringing tensors into the order that sums over a unit need: the units first, then what is summed, then what is kept.

import { type Expression, input } from "../kernels/expression/expression.ts";
import { apply } from "../tensor/apply.ts";
import { permute, reshape } from "../tensor/operations/layout.ts";
import { type Shape, sizeOf } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A tensor's axis of units and how many lie along it. */
export interface UnitPlace {
  /** The axis. */
  readonly axis: number;
  /** How many units; the axis is a multiple of it long. */
  readonly units: number;
}

/** The axes of a result along which a tensor of `shape` was repeated. */
export function repeatedAxes(shape: Shape, result: Shape): number[] {
  const lead = result.length - shape.length;
  return result.map((_, axis) => axis).filter((axis) =>
    axis < lead || (shape[axis - lead] === 1 && result[axis] !== 1)
  );
}

/**
 * Reorders a tensor's axes.
 *
 * @param groups Axes to the front of the units.
 * @param last Axes to the end; all others follow the units.
 * @returns [groups, units, others and the rest of the units' axis, last], each run of axes as one.
 */
export function arrange(
  x: Tensor,
  { axis, units }: UnitPlace,
  groups: readonly number[],
  last: readonly number[],
): Tensor {
  const { shape } = x;
  const split = reshape(x, shape.toSpliced(axis, 1, units, shape[axis] / units));
  /** The place of an axis once the units' axis has become two. */
  const moved = (each: number): number => each > axis ? each + 1 : each;
  const others = shape.map((_, each) => each).filter((each) =>
    each !== axis && !groups.includes(each) && !last.includes(each)
  );
  const order = [
    ...groups.map(moved),
    axis,
    axis + 1,
    ...others.map(moved),
    ...last.map(moved),
  ];
  const lengths = (axes: readonly number[]) => axes.map((each) => shape[each]);
  return reshape(permute(split, order), [
    sizeOf(lengths(groups)),
    units,
    shape[axis] / units * sizeOf(lengths(others)),
    sizeOf(lengths(last)),
  ]);
}

/**
 * The sum of an expression of tensors over each unit and over the axes along which a tensor of `shape` was repeated.
 *
 * @param inputs Tensors of one shape.
 * @returns [units, ...shape].
 */
export function sumPerUnit(
  inputs: readonly Tensor[],
  place: UnitPlace,
  shape: Shape,
  map: Expression = input(0),
): Tensor {
  const result = inputs[0].shape;
  const repeated = new Set(repeatedAxes(shape, result));
  const kept = result.map((_, axis) => axis).filter((axis) =>
    axis !== place.axis && !repeated.has(axis)
  );
  const arranged = inputs.map((each) => {
    const ordered = arrange(each, place, [], kept);
    return reshape(ordered, ordered.shape.slice(1));
  });
  const plain = map === input(0);
  const summed = plain && arranged[0].shape[1] === 1
    ? arranged[0]
    : apply("reduce", arranged, { kind: "sum", first: 1, last: 1, map: plain ? undefined : map });
  return reshape(summed, [place.units, ...shape]);
}
