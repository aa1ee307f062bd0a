// Kernel `copy`: a strided block of one tensor into a strided block of another.

import type { KernelParameters } from "../kernel.ts";
import { type Axis, joinAxes, placeFields, placeStatements, placeWords } from "./axes.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import type { BoundBuffer, WebGpuRunner, WgslKernel } from "./kernel.ts";

/** A copy with as few axes as possible. */
interface CopyLayout {
  readonly axes: readonly Axis[];
  readonly sourceOffset: number;
  readonly destinationOffset: number;
}

/**
 * The copy made simple; undefined where there is nothing to copy. An axis along which one place is written again and
 * again shrinks to its last element: invocations have no order. The destination's axes run forward, widest first, so
 * that neighbouring invocations write neighbouring elements.
 */
function simplify(parameters: KernelParameters["copy"]): CopyLayout | undefined {
  const { shape, sourceStrides, destinationStrides } = parameters;
  if (shape.includes(0)) return undefined;
  let { sourceOffset, destinationOffset } = parameters;
  const axes: { size: number; source: number; destination: number }[] = [];
  shape.forEach((size, position) => {
    const source = sourceStrides[position], destination = destinationStrides[position];
    if (destination > 0) {
      axes.push({ size, source, destination });
      return;
    }
    sourceOffset += (size - 1) * source;
    destinationOffset += (size - 1) * destination;
    if (destination < 0) axes.push({ size, source: -source, destination: -destination });
  });
  axes.sort((a, b) => b.destination - a.destination);
  const joined = joinAxes(axes.map(({ size }) => size), [
    axes.map(({ source }) => source),
    axes.map(({ destination }) => destination),
  ]);
  return { axes: joined, sourceOffset, destinationOffset };
}

function copyKernel(axisCount: number): WgslKernel {
  return itemKernel({
    key: `copy ${axisCount}`,
    buffers: [
      { name: "source", type: "u32", access: "read" },
      { name: "destination", type: "u32", access: "read_write" },
    ],
    fields: ["firstSource: u32", "firstDestination: u32", ...placeFields(axisCount, 2)],
    body: () =>
      `\
${placeStatements("index", axisCount, 2)}\
  destination[parameters.firstDestination + place1] = source[parameters.firstSource + place0];
`,
  });
}

/** Elements in a row on both sides, four at a time. */
const rowKernel = itemKernel({
  key: "copy row",
  buffers: [
    { name: "source", type: "vec4<u32>", access: "read" },
    { name: "destination", type: "vec4<u32>", access: "read_write" },
  ],
  fields: ["elements: u32", "firstSource: u32", "firstDestination: u32"],
  body: () =>
    `\
  let four = source[parameters.firstSource / 4u + index];
  let place = parameters.firstDestination / 4u + index;
  let left = parameters.elements - 4u * index;
  if (left >= 4u) {
    destination[place] = four;
  } else {
    destination[place].x = four.x;
    if (left > 1u) { destination[place].y = four.y; }
    if (left > 2u) { destination[place].z = four.z; }
  }
`,
});

/** One past the highest element that an operand's walk touches. */
function extentOf(axes: readonly Axis[], operand: number, offset: number): number {
  return axes.reduce(
    (sum, { size, strides }) => sum + (size - 1) * Math.max(0, strides[operand]),
    offset + 1,
  );
}

/** Copies a strided block of elements into a strided block of another tensor. */
export const copy: WebGpuRunner<"copy"> = (executor, parameters, [source], [destination]) => {
  const layout = simplify(parameters);
  if (!layout) return;
  const { axes, sourceOffset, destinationOffset } = layout;
  const count = axes.reduce((product, { size }) => product * size, 1);
  const buffers: BoundBuffer[] = [
    { binding: source, access: "read", elements: extentOf(axes, 0, sourceOffset) },
    {
      ...{ binding: destination, access: "read_write" },
      elements: extentOf(axes, 1, destinationOffset),
    },
  ];
  const firsts = [source.first + sourceOffset, destination.first + destinationOffset];
  const isRow = axes.length === 1 && axes[0].strides.every((stride) => stride === 1);
  if (isRow && firsts.every((first) => first % 4 === 0)) {
    return launchItems(executor, rowKernel, buffers, Math.ceil(count / 4), [count, ...firsts]);
  }
  const words = [...firsts, ...placeWords(axes, 2)];
  launchItems(executor, copyKernel(axes.length), buffers, count, words);
};
