// What shaders that work along rows share: who works on a row, and how a row's sums are made.
//
// On a GPU a workgroup takes a row, its invocations every n-th element, and sums are combined in workgroup memory in a fixed
// order. An adapter that computes on the CPU is fastest with a row for each invocation: barriers cost it more than they save.

import { lengthClass } from "./choices.ts";
import {
  gridOf,
  type WebGpuLauncher,
  wgslEntryParameters,
  wgslInvocationIndex,
  wgslWorkgroupIndex,
} from "./kernel.ts";

/** Invocations that share a row. */
export type RowTeam = 1 | 64 | 256;

/** Invocations of a workgroup where each has rows of its own. */
const SINGLE_INVOCATIONS = 8;

/** Rows from this length on are worth 256 invocations. */
const LONG_ROW = 1024;

/** How many invocations share a row of `length` elements. */
export function rowTeam({ software, choices }: WebGpuLauncher, length: number): RowTeam {
  if (software) return 1;
  const standard = length >= LONG_ROW ? "256" : "64";
  const way = choices.choose("rows", lengthClass(length), ["64", "256"] as const, standard);
  return way === "256" ? 256 : 64;
}

/** The grid for `rows` rows. */
export function rowGrid(team: RowTeam, rows: number): [x: number, y: number, z: number] {
  return gridOf(team === 1 ? Math.ceil(rows / SINGLE_INVOCATIONS) : rows);
}

/** A binary function of WGSL that combines parts of a row, and the value that changes nothing. */
export interface Combination {
  readonly name: string;
  readonly combine: (a: string, b: string) => string;
}

/** Sums of a row. */
export const addition: Combination = { name: "sum", combine: (a, b) => `${a} + ${b}` };

/** What the text of the work on a row is put together from. */
export interface RowPrinter {
  /** A loop over this invocation's elements of the row. */
  readonly elements: (statements: string) => string;
  /** A value that all invocations of the row share, combined from what each has. */
  readonly combined: (combination: Combination, value: string) => string;
}

/**
 * A shader that works along rows. `body` is the text of the work on row number `row`. The statements
 * of its loops find an element by `index` within the row and `place` within the matrix, in units of `width` elements.
 */
export function printRowShader(
  team: RowTeam,
  combinations: readonly Combination[],
  body: (print: RowPrinter) => string,
  width: 1 | 4 = 1,
): string {
  const unit = width === 4 ? " / 4u" : "";
  const elements = (statements: string) =>
    `\
  for (var index = ${
      team === 1 ? "0u" : "local"
    }; index < parameters.length${unit}; index += ${team}u) {
    let place = start + index;
${
      statements.split("\n").filter((line) => line !== "").map((line) => `    ${line.trim()}\n`)
        .join("")
    }\
  }
`;
  if (team === 1) {
    return `\
@compute @workgroup_size(${SINGLE_INVOCATIONS}) fn main(${wgslEntryParameters}) {
  let row = ${wgslInvocationIndex(SINGLE_INVOCATIONS)};
  if (row >= parameters.rows) { return; }
  let start = row * (parameters.length${unit});
${body({ elements, combined: (_, value) => value })}\
}
`;
  }
  // Each combination in a function of its own, which leaves the workgroup memory free for the next.
  const functions = combinations.map(({ name, combine }) =>
    `\
fn combined_${name}(local: u32, value: f32) -> f32 {
  shared_parts[local] = value;
  workgroupBarrier();
  for (var reach = ${team / 2}u; reach > 0u; reach /= 2u) {
    if (local < reach) {
      shared_parts[local] = ${combine("shared_parts[local]", "shared_parts[local + reach]")};
    }
    workgroupBarrier();
  }
  let all = shared_parts[0];
  workgroupBarrier();
  return all;
}
`
  );
  return `\
var<workgroup> shared_parts: array<f32, ${team}>;
${functions.join("")}\
@compute @workgroup_size(${team}) fn main(${wgslEntryParameters}) {
  let row = ${wgslWorkgroupIndex};
  if (row >= parameters.rows) { return; }
  let start = row * (parameters.length${unit});
${body({ elements, combined: ({ name }, value) => `combined_${name}(local, ${value})` })}\
}
`;
}
