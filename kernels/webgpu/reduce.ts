// Kernel `reduce`: sums, maxima and minima along one axis, of any expression of the inputs.
//
// Long axes are cut into segments of fixed length whose results a further launch reduces: work for the whole device
// where there are few results, the same bits at every run, and sums whose error grows with the segment's length.

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

/** Elements that one invocation reduces one after the other, in columns and short rows. */
const COLUMN_SEGMENT = 256;

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

/** One launch: every segment of the axis becomes one element. */
function reduceSegments(
  executor: WebGpuLauncher,
  pass: Pass,
  { outer, length, inner }: AxisLayout,
  segments: number,
  alongRows: boolean,
  output: WebGpuBinding,
): void {
  const { kind, inputs } = pass;
  const { expressions: [map], numbers } = liftNumbers([pass.map], inputs.length);
  const read = inputsOf(map).filter((index) => index < inputs.length);
  const variant: ReduceVariant = {
    ...{ kind, map },
    inputs: read.map((index) => ({ index, dtype: inputs[index].dtype })),
    output: output.dtype,
    numberCount: numbers.length,
    firstNumber: inputs.length,
  };
  const count = outer * segments * inner;
  const own = alongRows
    ? [count, length, segments]
    : [count, length, inner, COLUMN_SEGMENT, segments];
  executor.launch(
    alongRows ? rowsKernel(variant) : columnsKernel(variant),
    [
      ...read.map((index) => {
        const elements = Math.max(1, outer * length * inner);
        return { binding: inputs[index], access: "read", elements } as const;
      }),
      { binding: output, access: "read_write", elements: count },
    ],
    [...own, output.first, ...read.map((index) => inputs[index].first), ...numbers.map(floatWord)],
    gridOf(alongRows ? count : Math.ceil(count / WORKGROUP)),
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
  const segmentLength = alongRows ? ROW_SEGMENT : COLUMN_SEGMENT;
  const segments = Math.max(1, Math.ceil(length / segmentLength));
  if (segments === 1) return reduceSegments(executor, pass, layout, 1, alongRows, output);
  const partial = executor.temporary(4 * outer * segments * inner);
  reduceSegments(executor, pass, layout, segments, alongRows, partial);
  const next = { kind: pass.kind, map: input(0), inputs: [partial] };
  reduceInPasses(executor, next, { outer, length: segments, inner }, output);
}

/** Reduces `map` of the inputs, or input 0 where there is no map, along `length`. Computes in float32 for all types. */
export const reduce: WebGpuRunner<"reduce"> = (executor, parameters, inputs, [output]) => {
  const { kind, map = input(0), outer, inner } = parameters;
  if (outer * inner === 0) return;
  reduceInPasses(executor, { kind, map, inputs }, parameters, output);
};
