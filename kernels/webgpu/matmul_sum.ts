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
import {
  bindEpilogue,
  type Epilogue,
  epilogueBuffers,
  epilogueFields,
  epilogueKey,
  epilogueWords,
  type FurtherOperands,
  printFinish,
  printFunctions,
} from "./matmul_shader.ts";

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

function sumKernel(epilogue: Epilogue): WgslKernel {
  const buffers: BufferDeclaration[] = [
    { name: "parts", type: "f32", access: "read" },
    ...epilogueBuffers(epilogue),
  ];
  const all = [...fields, ...epilogueFields(epilogue)];
  const { value, stores } = printFinish(epilogue, "index", "value");
  const added = epilogue.bias ? " + bias[parameters.firstBias + index % parameters.columns]" : "";
  return {
    key: `matmul sum${epilogueKey(epilogue)}`,
    uniforms: all.length,
    source: () =>
      `\
${wgslBindings(buffers, all.map((field) => `${field}: u32`))}
${printFunctions(epilogue)}\
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
  result[parameters.firstResult + index] = ${value};
${stores.map((store) => `  ${store}\n`).join("")}\
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

/** The epilogue of the sum of the parts + bias for every element. */
export function sumParts(
  executor: WebGpuLauncher,
  { entries, splits, matrix, columns }: SplitSum,
  epilogue: Epilogue,
  operands: FurtherOperands & { parts: WebGpuBinding; bias?: WebGpuBinding },
): void {
  const { parts, bias, results } = operands;
  const count = entries * matrix;
  executor.launch(
    sumKernel(epilogue),
    [
      { binding: parts, access: "read", elements: count * splits },
      ...bindEpilogue(bias, operands, count),
    ],
    [
      ...[parts.first, bias?.first ?? 0, results[0].first, count, splits, matrix, columns],
      ...epilogueWords(operands, 0),
    ],
    gridOf(Math.ceil(count / WORKGROUP)),
  );
}
