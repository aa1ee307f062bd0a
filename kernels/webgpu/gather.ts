// Kernels `gather` and `scatterAdd`: reading and adding at indices along an axis.
//
// Floats are added without atomics, in the order of the values: every element of the result collects its own, from
// all values where they are few, else from the run of its index in the sorted indices.

import type { KernelParameters } from "../kernel.ts";
import { copy } from "./copy.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import {
  type WebGpuBinding,
  type WebGpuLauncher,
  type WebGpuRunner,
  type WgslKernel,
  type WgslScalar,
  wgslType,
} from "./kernel.ts";
import { sortIndices } from "./sort.ts";

/** Up to this many values along the axis, every element of the result looks at all. */
const FEW_VALUES = 64;

type IndexedLayout = KernelParameters["gather"];

const fields = [
  ...["length", "inner", "number", "stride0", "stride1", "stride2"],
  ...["firstSource", "firstIndex", "firstResult"],
].map((name) => `${name}: u32`);

function wordsOf(
  { length, inner, count, indexStrides }: IndexedLayout,
  source: WebGpuBinding,
  index: WebGpuBinding,
  result: WebGpuBinding,
): number[] {
  return [length, inner, count, ...indexStrides, source.first, index.first, result.first];
}

/** Elements of the index tensor that are read. */
function indexExtent({ outer, count, inner, indexStrides }: IndexedLayout): number {
  if (outer * count * inner === 0) return 0;
  const last = [outer, count, inner].map((size) => size - 1);
  return 1 + last.reduce((sum, at, axis) => sum + at * indexStrides[axis], 0);
}

const gatherKernel = itemKernel({
  key: "gather",
  buffers: [
    { name: "source", type: "u32", access: "read" },
    { name: "indices", type: "u32", access: "read" },
    { name: "result", type: "u32", access: "read_write" },
  ],
  fields,
  body: () =>
    `\
  let rest = index / parameters.inner;
  let column = index - rest * parameters.inner;
  let outer = rest / parameters.number;
  let position = rest - outer * parameters.number;
  let chosen = indices[parameters.firstIndex + outer * parameters.stride0 +
    position * parameters.stride1 + column * parameters.stride2];
  result[parameters.firstResult + index] =
    source[parameters.firstSource + (outer * parameters.length + chosen) * parameters.inner + column];
`,
});

/** Output element (o, c, i) is source element (o, index, i). */
export const gather: WebGpuRunner<"gather"> = (executor, parameters, [source, index], [result]) => {
  const { outer, length, inner, count } = parameters;
  launchItems(
    executor,
    gatherKernel,
    [
      { binding: source, access: "read", elements: outer * length * inner },
      { binding: index, access: "read", elements: indexExtent(parameters) },
      { binding: result, access: "read_write", elements: outer * count * inner },
    ],
    outer * count * inner,
    wordsOf(parameters, source, index, result),
  );
};

/** Statements that declare which element of the result the item is. */
const targetStatements = `\
  let rest = index / parameters.inner;
  let column = index - rest * parameters.inner;
  let outer = rest / parameters.length;
  let own = rest - outer * parameters.length;
  let start = outer * parameters.number * parameters.inner + column;
  let indexStart = parameters.firstIndex + outer * parameters.stride0 + column * parameters.stride2;
`;

/** Every element of the result looks at all indices. */
function scatterFewKernel(type: WgslScalar): WgslKernel {
  return itemKernel({
    key: `scatterAdd few ${type}`,
    buffers: [
      { name: "values", type, access: "read" },
      { name: "indices", type: "u32", access: "read" },
      { name: "result", type, access: "read_write" },
    ],
    fields,
    body: () =>
      `\
${targetStatements}\
  var sum = ${type}(0);
  for (var at = 0u; at < parameters.number; at++) {
    if (indices[indexStart + at * parameters.stride1] == own) {
      sum += values[parameters.firstSource + start + at * parameters.inner];
    }
  }
  result[parameters.firstResult + index] = sum;
`,
  });
}

/** Every element of the result finds the run of its index in the sorted order, whose layout is that of the indices. */
function scatterSortedKernel(type: WgslScalar): WgslKernel {
  return itemKernel({
    key: `scatterAdd sorted ${type}`,
    buffers: [
      { name: "values", type, access: "read" },
      { name: "indices", type: "u32", access: "read" },
      { name: "order", type: "u32", access: "read" },
      { name: "result", type, access: "read_write" },
    ],
    fields: [...fields, "firstOrder: u32"],
    body: () =>
      `\
${targetStatements}\
  let orderStart = parameters.firstOrder + outer * parameters.stride0 + column * parameters.stride2;
  var low = 0u;
  var high = parameters.number;
  while (low < high) {
    let middle = (low + high) / 2u;
    let at = order[orderStart + middle * parameters.stride1];
    if (indices[indexStart + at * parameters.stride1] < own) { low = middle + 1u; } else { high = middle; }
  }
  var sum = ${type}(0);
  for (; low < parameters.number; low++) {
    let at = order[orderStart + low * parameters.stride1];
    if (indices[indexStart + at * parameters.stride1] != own) { break; }
    sum += values[parameters.firstSource + start + at * parameters.inner];
  }
  result[parameters.firstResult + index] = sum;
`,
  });
}

/** The indices without repetition: `[outer or 1, count, inner or 1]`, contiguous. */
function packIndices(
  executor: WebGpuLauncher,
  { outer, inner, count, indexStrides }: IndexedLayout,
  index: WebGpuBinding,
): { packed: WebGpuBinding; outer: number; inner: number; strides: [number, number, number] } {
  const [ownOuter, ownInner] = [
    indexStrides[0] === 0 ? 1 : outer,
    indexStrides[2] === 0 ? 1 : inner,
  ];
  const shape = [ownOuter, count, ownInner];
  const contiguous = [count * ownInner, ownInner, 1];
  const packed = {
    ...executor.temporary(4 * ownOuter * count * ownInner),
    dtype: "int32",
  } as const;
  const layout = { sourceOffset: 0, sourceStrides: indexStrides, destinationOffset: 0 };
  copy(executor, { shape, ...layout, destinationStrides: contiguous }, [index], [packed]);
  return {
    ...{ packed, outer: ownOuter, inner: ownInner },
    strides: [ownOuter === 1 ? 0 : contiguous[0], ownInner, ownInner === 1 ? 0 : 1],
  };
}

/** Output element (o, l, i) is the sum of the values whose index is l, in their order. */
export const scatterAdd: WebGpuRunner<"scatterAdd"> = (executor, parameters, inputs, [result]) => {
  const [values, index] = inputs;
  const { outer, length, inner, count } = parameters;
  const type = wgslType(values.dtype);
  const read = { binding: values, access: "read", elements: outer * count * inner } as const;
  const elements = outer * length * inner;
  if (elements === 0) return;
  const written = { binding: result, access: "read_write", elements } as const;
  if (count <= FEW_VALUES) {
    const indices = { binding: index, access: "read", elements: indexExtent(parameters) } as const;
    const words = wordsOf(parameters, values, index, result);
    return launchItems(executor, scatterFewKernel(type), [read, indices, written], elements, words);
  }
  const { packed, strides, ...own } = packIndices(executor, parameters, index);
  const indexCount = own.outer * count * own.inner;
  const order = { ...executor.temporary(4 * indexCount), dtype: "int32" } as const;
  sortIndices(executor, { ...own, length: count }, false, packed, order);
  launchItems(
    executor,
    scatterSortedKernel(type),
    [
      read,
      { binding: packed, access: "read", elements: indexCount },
      { binding: order, access: "read", elements: indexCount },
      written,
    ],
    elements,
    [...wordsOf({ ...parameters, indexStrides: strides }, values, packed, result), order.first],
  );
};
