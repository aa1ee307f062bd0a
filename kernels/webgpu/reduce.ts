// Kernel `reduce`: sums, maxima and minima along one axis, of any expression of the inputs.
//
// Long axes are cut into segments of fixed length: the same bits at every run, and sums whose error grows with the segment's
// length. Where there are many columns one launch reduces all of their segments; where there are few results, a further
// launch reduces those of the first, so that there is work for the whole device.

import { type Expression, input, inputsOf } from "../expression/expression.ts";
import { toWgsl, wgslPrelude } from "../expression/to_wgsl.ts";
import type { AxisLayout, DType, KernelParameters } from "../kernel.ts";
import { wgslStored, wgslStorePrelude } from "./elements.ts";
import {
  floatWord,
  gridOf,
  type WebGpuBinding,
  type WebGpuLauncher,
  type WebGpuRunner,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
  wgslType,
  wgslWorkgroupIndex,
} from "./kernel.ts";
import { liftNumbers } from "./lift.ts";

/** Invocations of a workgroup. */
const WORKGROUP = 64;

/** Columns of a workgroup on a software adapter: what it computes as one vector. */
const SOFTWARE_COLUMNS = 8;

/** Elements that one invocation reduces one after the other, in columns and short rows. */
const COLUMN_SEGMENT = 256;

/** Columns from which on there is work enough for one launch. */
const MANY_COLUMNS = 32;

/** Elements from which on few columns are long enough to be cut. */
const LONG_COLUMN = 4 * COLUMN_SEGMENT;

/** On a GPU, invocations that share a column, and columns of a workgroup. */
const STRIPS = 16;
const STRIP_COLUMNS = 16;

/** On a GPU, elements that are summed before their sum is added to those of the elements before. */
export const STRIP_BLOCK = 8;

/** Elements of a block where one invocation sums a column. */
const SOFTWARE_BLOCK = 4;

/** Elements of a row that one workgroup reduces: every invocation takes each 64th. */
const ROW_SEGMENT = 4096;

/** Rows shorter than this are reduced by one invocation each. */
const SHORT_ROW = 64;

/** The sums that one invocation keeps side by side. */
const LANES = [0, 1, 2, 3];

type ReduceKind = KernelParameters["reduce"]["kind"];

/** What a shader depends on. */
interface ReduceVariant {
  readonly kind: ReduceKind;
  readonly map: Expression;
  readonly inputs: readonly { readonly index: number; readonly dtype: DType }[];
  readonly output: DType;
  readonly numberCount: number;
  readonly firstNumber: number;
}

/** What is reduced, in every pass. */
interface Pass {
  readonly kind: ReduceKind;
  readonly map: Expression;
  readonly inputs: readonly WebGpuBinding[];
}

/** Where each reduction starts: what it is over nothing. */
const identities: Readonly<Record<ReduceKind, string>> = {
  sum: "0.0f",
  max: "bitcast<f32>(corit_minus_infinity_bits)",
  min: "bitcast<f32>(corit_infinity_bits)",
};

/** Two partial results as one; NaN wins an extreme. */
function combined(kind: ReduceKind, a: string, b: string): string {
  if (kind === "sum") return `${a} + ${b}`;
  return `${kind === "max" ? "corit_maximum" : "corit_minimum"}(${a}, ${b})`;
}

function keyOf({ kind, map, inputs, output }: ReduceVariant): string {
  return `${kind} ${map.key} ${
    inputs.map(({ index, dtype }) => `x${index}:${dtype}`)
  } -> ${output}`;
}

/** Declarations, and `fn element(place)`: the mapped value of the elements at a place. */
function preamble(variant: ReduceVariant, fields: readonly string[]): string {
  const { inputs, output, map, firstNumber } = variant;
  const { statements, results } = toWgsl(
    [map],
    (index) => index < firstNumber ? `x${index}` : `parameters.number${index - firstNumber}`,
  );
  const reads = inputs.map(({ index, dtype }) => {
    const text = `input${index}[parameters.first${index} + place]`;
    return `  let x${index} = ${wgslType(dtype) === "i32" ? `f32(${text})` : text};\n`;
  });
  const buffers = [
    ...inputs.map(({ index, dtype }) =>
      ({ name: `input${index}`, type: wgslType(dtype), access: "read" }) as const
    ),
    { name: "output", type: wgslType(output), access: "read_write" } as const,
  ];
  return `\
${wgslBindings(buffers, fields)}
${wgslPrelude}${wgslStorePrelude}
fn element(place: u32) -> f32 {
${reads.join("")}${statements.map((line) => `  ${line}\n`).join("")}  return ${results[0]};
}
`;
}

function fieldsOf({ inputs, numberCount }: ReduceVariant, own: readonly string[]): string[] {
  return [
    ...own.map((name) => `${name}: u32`),
    "firstOutput: u32",
    ...inputs.map(({ index }) => `first${index}: u32`),
    ...Array.from({ length: numberCount }, (_, at) => `number${at}: f32`),
  ];
}

/** One invocation for each (outer, segment, inner), which it reduces in order. */
function columnsKernel(variant: ReduceVariant): WgslKernel {
  const { kind, output } = variant;
  const fields = fieldsOf(variant, ["count", "length", "inner", "segment", "segments"]);
  return {
    key: `reduce columns ${keyOf(variant)}`,
    uniforms: fields.length,
    source: () =>
      `\
${preamble(variant, fields)}
@compute @workgroup_size(${WORKGROUP}) fn main(${wgslEntryParameters}) {
  let index = ${wgslInvocationIndex(WORKGROUP)};
  if (index >= parameters.count) { return; }
  let rest = index / parameters.inner;
  let column = index - rest * parameters.inner;
  let outer = rest / parameters.segments;
  let begin = (rest - outer * parameters.segments) * parameters.segment;
  let end = min(begin + parameters.segment, parameters.length);
  let start = outer * parameters.length * parameters.inner + column;
  // Four sums side by side: shorter chains of additions, smaller errors.
${LANES.map((lane) => `  var result${lane} = ${identities[kind]};\n`).join("")}\
  var at = begin;
  for (; at + ${LANES.length - 1}u < end; at += ${LANES.length}u) {
${
        LANES.map((lane) =>
          `    result${lane} = ${
            combined(kind, `result${lane}`, `element(start + (at + ${lane}u) * parameters.inner)`)
          };\n`
        ).join("")
      }\
  }
  for (; at < end; at++) {
    result0 = ${combined(kind, "result0", "element(start + at * parameters.inner)")};
  }
  let lower = ${combined(kind, "result0", "result1")};
  let upper = ${combined(kind, "result2", "result3")};
  let result = ${combined(kind, "lower", "upper")};
  output[parameters.firstOutput + index] = ${wgslStored("result", output)};
}
`,
  };
}

/**
 * All of a column in one launch. The order of sums is one that a matrix product can keep too, which has the elements at hand one
 * after the other (see matmul.ts): blocks are summed in order, and their sums added up in order. On a GPU each of `strips`
 * invocations sums a block, and one adds up their sums, again and again; else one invocation does it all.
 */
function wholeColumnsKernel(variant: ReduceVariant, strips: number): WgslKernel {
  const { kind, output } = variant;
  const fields = fieldsOf(variant, ["columns", "length", "inner"]);
  const columns = strips === 1 ? SOFTWARE_COLUMNS : STRIP_COLUMNS;
  const block = strips === 1 ? SOFTWARE_BLOCK : STRIP_BLOCK;
  const element = (at: string) => `element(start + (${at}) * parameters.inner)`;
  const whole = Array.from({ length: block }, (_, step) => element(`at + ${step}u`))
    .reduce((sum, next) => combined(kind, sum, next));
  const summed = strips > 1
    ? `\
    partial[local] = blockResult;
    workgroupBarrier();
    if (strip == 0u) {
      for (var other = 0u; other < ${strips}u; other++) {
        if (begin + other * ${block}u < parameters.length) {
          let next = partial[other * ${columns}u + local];
          total = ${combined(kind, "total", "next")};
        }
      }
    }
    workgroupBarrier();
`
    : `    total = ${combined(kind, "total", "blockResult")};\n`;
  // What is left of a column after its whole blocks: on a CPU single elements, as in a product's loop.
  const rest = strips > 1
    ? `\
    } else if (at < parameters.length) {
      blockResult = ${element("at")};
      for (var next = at + 1u; next < parameters.length; next++) {
        blockResult = ${combined(kind, "blockResult", element("next"))};
      }
    }
`
    : `\
    } else {
      for (var next = at; next + 1u < parameters.length; next++) {
        total = ${combined(kind, "total", element("next"))};
      }
      blockResult = ${element("parameters.length - 1u")};
    }
`;
  return {
    key: `reduce whole columns ${strips} ${keyOf(variant)}`,
    uniforms: fields.length,
    source: () =>
      `\
${preamble(variant, fields)}
${strips > 1 ? `var<workgroup> partial: array<f32, ${strips * columns}>;\n` : ""}\
@compute @workgroup_size(${strips * columns}) fn main(${wgslEntryParameters}) {
  let index = ${wgslWorkgroupIndex} * ${columns}u + local % ${columns}u;
  let strip = local / ${columns}u;
  // Invocations beyond the last column reduce that one and store nothing.
  let own = min(index, parameters.columns - 1u);
  let outer = own / parameters.inner;
  let start = (outer * parameters.length) * parameters.inner + (own - outer * parameters.inner);
  var total = ${identities[kind]};
  for (var begin = 0u; begin < parameters.length; begin += ${block * strips}u) {
    let at = begin + strip * ${block}u;
    var blockResult = ${identities[kind]};
    if (at + ${block}u <= parameters.length) {
      blockResult = ${whole};
${rest}\
${summed}\
  }
  if (strip == 0u && index < parameters.columns) {
    output[parameters.firstOutput + index] = ${wgslStored("total", output)};
  }
}
`,
  };
}

/**
 * Whether a launch for whole columns carries a reduction out: where the elements of one are not neighbours, and there are many
 * columns, or short ones.
 */
export function reducesWholeColumns({ outer, length, inner }: AxisLayout): boolean {
  if (inner === 1 && length >= SHORT_ROW) return false;
  return outer * inner >= MANY_COLUMNS || length <= LONG_COLUMN;
}

/** One workgroup for each (row, segment): strided sums, then a tree over the invocations. */
function rowsKernel(variant: ReduceVariant): WgslKernel {
  const { kind, output } = variant;
  const fields = fieldsOf(variant, ["count", "length", "segments"]);
  const tree: string[] = [];
  for (let half = WORKGROUP / 2; half >= 1; half /= 2) {
    tree.push(
      `  if (local < ${half}u) { partial[local] = ${
        combined(kind, "partial[local]", `partial[local + ${half}u]`)
      }; }\n  workgroupBarrier();\n`,
    );
  }
  return {
    key: `reduce rows ${keyOf(variant)}`,
    uniforms: fields.length,
    source: () =>
      `\
${preamble(variant, fields)}
var<workgroup> partial: array<f32, ${WORKGROUP}>;
@compute @workgroup_size(${WORKGROUP}) fn main(${wgslEntryParameters}) {
  let index = ${wgslWorkgroupIndex};
  let row = index / parameters.segments;
  let begin = (index - row * parameters.segments) * ${ROW_SEGMENT}u;
  // Workgroups beyond the last do nothing but stand at the barriers.
  let end = select(0u, min(begin + ${ROW_SEGMENT}u, parameters.length), index < parameters.count);
  var result = ${identities[kind]};
  for (var at = begin + local; at < end; at += ${WORKGROUP}u) {
    result = ${combined(kind, "result", "element(row * parameters.length + at)")};
  }
  partial[local] = result;
  workgroupBarrier();
${tree.join("")}\
  if (local == 0u && index < parameters.count) {
    output[parameters.firstOutput + index] = ${wgslStored("partial[0]", output)};
  }
}
`,
  };
}

/** Whose elements lie how, and who reduces them. */
type Way = "rows" | "columns" | "whole columns";

/** The variant of a pass, the inputs that it reads, and the numbers that are words. */
function variantOf({ kind, map: lifted, inputs }: Pass, output: WebGpuBinding) {
  const { expressions: [map], numbers } = liftNumbers([lifted], inputs.length);
  const read = inputsOf(map).filter((index) => index < inputs.length);
  const variant: ReduceVariant = {
    ...{ kind, map },
    inputs: read.map((index) => ({ index, dtype: inputs[index].dtype })),
    output: output.dtype,
    numberCount: numbers.length,
    firstNumber: inputs.length,
  };
  return { variant, read, numbers };
}

/** One launch: every segment of the axis becomes one element. */
function reduceSegments(
  executor: WebGpuLauncher,
  pass: Pass,
  { outer, length, inner }: AxisLayout,
  segments: number,
  way: Way,
  output: WebGpuBinding,
): void {
  const { inputs } = pass;
  const { variant, read, numbers } = variantOf(pass, output);
  const count = outer * segments * inner;
  const own = way === "rows"
    ? [count, length, segments]
    : way === "columns"
    ? [count, length, inner, COLUMN_SEGMENT, segments]
    : [count, length, inner];
  const strips = executor.software ? 1 : STRIPS;
  const kernel = way === "rows"
    ? rowsKernel(variant)
    : way === "columns"
    ? columnsKernel(variant)
    : wholeColumnsKernel(variant, strips);
  const perWorkgroup = way === "rows"
    ? 1
    : way === "columns"
    ? WORKGROUP
    : strips === 1
    ? SOFTWARE_COLUMNS
    : STRIP_COLUMNS;
  executor.launch(
    kernel,
    [
      ...read.map((index) => {
        const elements = Math.max(1, outer * length * inner);
        return { binding: inputs[index], access: "read", elements } as const;
      }),
      { binding: output, access: "read_write", elements: count },
    ],
    [...own, output.first, ...read.map((index) => inputs[index].first), ...numbers.map(floatWord)],
    gridOf(Math.ceil(count / perWorkgroup)),
  );
}

/** Reduces, in as many passes as the length asks for. */
function reduceInPasses(
  executor: WebGpuLauncher,
  pass: Pass,
  layout: AxisLayout,
  output: WebGpuBinding,
): void {
  const { outer, length, inner } = layout;
  const alongRows = inner === 1 && length >= SHORT_ROW;
  if (reducesWholeColumns(layout)) {
    return reduceSegments(executor, pass, layout, 1, "whole columns", output);
  }
  const way = alongRows ? "rows" : "columns";
  const segmentLength = alongRows ? ROW_SEGMENT : COLUMN_SEGMENT;
  const segments = Math.max(1, Math.ceil(length / segmentLength));
  if (segments === 1) return reduceSegments(executor, pass, layout, 1, way, output);
  const partial = executor.temporary(4 * outer * segments * inner);
  reduceSegments(executor, pass, layout, segments, way, partial);
  const next = { kind: pass.kind, map: input(0), inputs: [partial] };
  reduceInPasses(executor, next, { outer, length: segments, inner }, output);
}

/** Reduces `map` of the inputs, or input 0 where there is no map, along `length`. Computes in float32 for all types. */
export const reduce: WebGpuRunner<"reduce"> = (executor, parameters, inputs, [output]) => {
  const { kind, map = input(0), outer, inner } = parameters;
  if (outer * inner === 0) return;
  reduceInPasses(executor, { kind, map, inputs }, parameters, output);
};
