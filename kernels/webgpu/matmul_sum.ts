// The second half of a matrix product whose depth was split: adds the parts of each element, in order.

import {
  type BufferDeclaration,
  gridOf,
  type WebGpuBinding,
  type WebGpuLauncher,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
} from "./kernel.ts";
import { type Epilogue, epilogueKey, printActivation } from "./matmul_shader.ts";

const WORKGROUP = 64;

const fields = [
  "firstParts",
  "firstBias",
  "firstResult",
  "count",
  "splits",
  "matrix",
  "columns",
];

function sumKernel({ bias, activation }: Epilogue): WgslKernel {
  const buffers: BufferDeclaration[] = [{ name: "parts", type: "f32", access: "read" }];
  if (bias) buffers.push({ name: "bias", type: "f32", access: "read" });
  buffers.push({ name: "result", type: "f32", access: "read_write" });
  const added = bias ? " + bias[parameters.firstBias + index % parameters.columns]" : "";
  return {
    key: `matmul sum${epilogueKey({ bias, activation })}`,
    uniforms: fields.length,
    source: () =>
      `\
${wgslBindings(buffers, fields.map((field) => `${field}: u32`))}
${printActivation(activation)}\
@compute @workgroup_size(${WORKGROUP}) fn main(${wgslEntryParameters}) {
  let index = ${wgslInvocationIndex(WORKGROUP)};
  if (index >= parameters.count) { return; }
  let entry = index / parameters.matrix;
  var place = parameters.firstParts + index + entry * (parameters.splits - 1u) * parameters.matrix;
  var sum = 0.0f;
  for (var split = 0u; split < parameters.splits; split++) {
    sum += parts[place];
    place += parameters.matrix;
  }
  let value = sum${added};
  result[parameters.firstResult + index] = ${activation ? "activate(value)" : "value"};
}
`,
  };
}

/** What is added up: `splits` parts of each of `entries` matrices. */
export interface SplitSum {
  readonly entries: number;
  readonly splits: number;
  /** Elements of a matrix, and of each of its rows. */
  readonly matrix: number;
  readonly columns: number;
}

/** activation(sum of the parts + bias) for every element. */
export function sumParts(
  executor: WebGpuLauncher,
  { entries, splits, matrix, columns }: SplitSum,
  activation: Epilogue["activation"],
  operands: { parts: WebGpuBinding; bias?: WebGpuBinding; result: WebGpuBinding },
): void {
  const { parts, bias, result } = operands;
  const count = entries * matrix;
  executor.launch(
    sumKernel({ bias: bias !== undefined, activation }),
    [
      { binding: parts, access: "read", elements: count * splits },
      ...(bias ? [{ binding: bias, access: "read", elements: columns } as const] : []),
      { binding: result, access: "read_write", elements: count },
    ],
    [parts.first, bias?.first ?? 0, result.first, count, splits, matrix, columns],
    gridOf(Math.ceil(count / WORKGROUP)),
  );
}
