// Kernel `reduce`: sums, maxima and minima along one axis, of any expression of the inputs.
//
// Long axes are cut into segments of fixed length whose results a second launch reduces, in order: work for all
// threads where there are few results, the same bits for any number of threads, and sums whose error grows with the
// segment's length, not the axis's.

import { type Expression, input, inputsOf, substitute } from "../expression/expression.ts";
import { costOf } from "../expression/to_wasm.ts";
import type { AxisLayout, DType } from "../kernel.ts";
import { splitWork, type WasmKernel, type WasmLauncher, type WasmRunner } from "./kernel.ts";
import { columnsKernel, type ColumnSpacing } from "./reduce_columns.ts";
import { rowsKernel } from "./reduce_rows.ts";
import { type ReduceKind, type ReduceVariant, reduceVariant } from "./reduce_variant.ts";

/** Elements of a row that are reduced together: sixteen lanes take 256 each. */
const ROW_SEGMENT = 4096;

/** Elements of a column that are reduced together, in one lane. */
const COLUMN_SEGMENT = 512;

/** Rows shorter than this are reduced four at a time, a row to a lane. */
const SHORT_ROW = 16;

/** Elements to an item, where it can be chosen. */
const ITEM_ELEMENTS = 4096;

/** What is reduced: the same for every pass. */
interface Pass {
  readonly kind: ReduceKind;
  readonly map: Expression;
  readonly inputs: readonly { readonly address: number; readonly dtype: DType }[];
}

const rowKernels = new Map<string, WasmKernel>();
const columnKernels = {
  adjacent: new Map<string, WasmKernel>(),
  apart: new Map<string, WasmKernel>(),
};

/** The kernel of a variant, made once. */
function known(
  kernels: Map<string, WasmKernel>,
  variant: ReduceVariant,
  make: (variant: ReduceVariant) => WasmKernel,
): WasmKernel {
  let kernel = kernels.get(variant.key);
  if (!kernel) kernels.set(variant.key, kernel = make(variant));
  return kernel;
}

/** Reduces segments of contiguous rows. */
function launchRows(
  executor: WasmLauncher,
  pass: Pass,
  layout: AxisLayout,
  segments: number,
  output: { readonly address: number; readonly dtype: DType },
): void {
  const { length, outer } = layout;
  const dtypes = pass.inputs.map(({ dtype }) => dtype);
  const variant = reduceVariant(pass.kind, pass.map, dtypes, output.dtype);
  const segment = Math.min(length, ROW_SEGMENT);
  executor.launch(
    known(rowKernels, variant, rowsKernel),
    [length, segment, segments, output.address, ...pass.inputs.map(({ address }) => address)],
    outer * segments,
    splitWork(outer * segments, 10 + segment * costOf([pass.map])),
  );
}

/** Reduces segments of columns. `inner` columns lie next to each other, or, with `inner` 1, `outer` rows are the columns. */
function launchColumns(
  executor: WasmLauncher,
  pass: Pass,
  layout: AxisLayout,
  segments: number,
  output: { readonly address: number; readonly dtype: DType },
): void {
  const { length } = layout;
  const dtypes = pass.inputs.map(({ dtype }) => dtype);
  const variant = reduceVariant(pass.kind, pass.map, dtypes, output.dtype);
  const spacing: ColumnSpacing = layout.inner === 1 ? "apart" : "adjacent";
  const [outer, columns] = spacing === "apart" ? [1, layout.outer] : [layout.outer, layout.inner];
  const strides = spacing === "apart" ? [4, 4 * length, 0] : [4 * columns, 4, 4 * length * columns];
  const segment = Math.min(length, COLUMN_SEGMENT);
  // Groups of whole blocks of 32 columns.
  const groupColumns = Math.min(columns, 32 * Math.ceil(ITEM_ELEMENTS / 32 / (segment + 1)));
  const groups = Math.ceil(columns / groupColumns);
  const items = outer * segments * groups;
  executor.launch(
    known(columnKernels[spacing], variant, (each) => columnsKernel(each, spacing)),
    [
      ...[length, segment, segments, columns, groupColumns, groups],
      ...strides,
      output.address,
      ...pass.inputs.map(({ address }) => address),
    ],
    items,
    splitWork(items, 20 + segment * groupColumns * costOf([pass.map])),
  );
}

/** Reduces, in as many passes as the length asks for. */
function reduceInPasses(
  executor: WasmLauncher,
  pass: Pass,
  layout: AxisLayout,
  output: { readonly address: number; readonly dtype: DType },
): void {
  const { outer, length, inner } = layout;
  const alongRows = inner === 1 && (length >= SHORT_ROW || outer === 1);
  const launch = alongRows ? launchRows : launchColumns;
  const segmentLength = alongRows ? ROW_SEGMENT : COLUMN_SEGMENT;
  const segments = Math.max(1, Math.ceil(length / segmentLength));
  if (segments === 1) return launch(executor, pass, layout, 1, output);
  const address = executor.temporary(4 * outer * segments * inner);
  const partial = { address, dtype: "float32" } as const;
  launch(executor, pass, layout, segments, partial);
  const next = { kind: pass.kind, map: input(0), inputs: [partial] };
  reduceInPasses(executor, next, { outer, length: segments, inner }, output);
}

/** The inputs that a map reads, and the map of these alone. */
function withoutUnread(map: Expression, inputs: Pass["inputs"]): Pick<Pass, "map" | "inputs"> {
  const read = inputsOf(map);
  if (read.length === inputs.length) return { map, inputs };
  const places = inputs.map((_, index) => Math.max(0, read.indexOf(index)));
  return {
    map: substitute(map, places.map((place) => input(place))),
    inputs: read.map((index) => inputs[index]),
  };
}

/** Reduces `map` of the inputs, or input 0 where there is no map, along `length`. Computes in float32 for all types. */
export const reduce: WasmRunner<"reduce"> = (executor, parameters, inputs, [output]) => {
  const { kind, map = input(0), outer, inner } = parameters;
  if (outer * inner === 0) return;
  reduceInPasses(executor, { kind, ...withoutUnread(map, inputs) }, parameters, output);
};
