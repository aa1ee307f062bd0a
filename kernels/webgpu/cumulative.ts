// Kernel `cumulativeSum`: running sums along an axis.
//
// A long axis is cut into segments: their sums, the running sums of these, and then every segment from where the
// one before it ends.

import { DTypeError } from "../../errors.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import {
  type WebGpuBinding,
  type WebGpuLauncher,
  type WebGpuRunner,
  type WgslKernel,
  type WgslScalar,
  wgslType,
} from "./kernel.ts";

/** Elements that one invocation adds. */
const SEGMENT = 256;

const fields = [
  ...["length", "inner", "segments", "reverse", "firstSource", "firstResult", "firstOffsets"].map(
    (name) => `${name}: u32`,
  ),
];

/** Statements that declare `start`, `begin` and `end`: where the column lies, and which of its elements are meant. */
const segmentStatements = `\
  let rest = index / parameters.inner;
  let column = index - rest * parameters.inner;
  let outer = rest / parameters.segments;
  let segment = rest - outer * parameters.segments;
  let begin = segment * ${SEGMENT}u;
  let end = min(begin + ${SEGMENT}u, parameters.length);
  let start = outer * parameters.length * parameters.inner + column;
`;

/** The place of step `at` in the order of addition. */
const placeStatement =
  "let place = start + select(at, parameters.length - 1u - at, parameters.reverse == 1u) * parameters.inner;";

/** The sum of each segment. */
function totalsKernel(type: WgslScalar): WgslKernel {
  return itemKernel({
    key: `cumulativeSum totals ${type}`,
    buffers: [
      { name: "source", type, access: "read" },
      { name: "totals", type, access: "read_write" },
    ],
    fields,
    body: () =>
      `\
${segmentStatements}\
  var sum = ${type}(0);
  for (var at = begin; at < end; at++) {
    ${placeStatement}
    sum += source[parameters.firstSource + place];
  }
  totals[index] = sum;
`,
  });
}

/** The running sums of each segment; those of the totals say where it begins, where there are several. */
function segmentsKernel(type: WgslScalar, hasTotals: boolean): WgslKernel {
  return itemKernel({
    key: `cumulativeSum segments ${type} ${hasTotals ? "several" : "one"}`,
    buffers: [
      { name: "source", type, access: "read" },
      ...(hasTotals ? [{ name: "totals", type, access: "read" } as const] : []),
      { name: "result", type, access: "read_write" },
    ],
    fields,
    body: () =>
      `\
${segmentStatements}\
  var sum = ${type}(0);
${
        hasTotals
          ? "  if (segment > 0u) { sum = totals[parameters.firstOffsets + index - parameters.inner]; }\n"
          : ""
      }\
  for (var at = begin; at < end; at++) {
    ${placeStatement}
    sum += source[parameters.firstSource + place];
    result[parameters.firstResult + place] = sum;
  }
`,
  });
}

function cumulate(
  executor: WebGpuLauncher,
  type: WgslScalar,
  { outer, length, inner, reverse }: {
    outer: number;
    length: number;
    inner: number;
    reverse: boolean;
  },
  source: WebGpuBinding,
  result: WebGpuBinding,
): void {
  const segments = Math.ceil(length / SEGMENT);
  const count = outer * segments * inner;
  const words = [length, inner, segments, Number(reverse), source.first, result.first, 0];
  const elements = outer * length * inner;
  const read = { binding: source, access: "read", elements } as const;
  const written = { binding: result, access: "read_write", elements } as const;
  if (segments <= 1) {
    return launchItems(executor, segmentsKernel(type, false), [read, written], count, words);
  }
  const totals = executor.temporary(4 * count), running = executor.temporary(4 * count);
  const totalsBuffer = { binding: totals, access: "read_write", elements: count } as const;
  launchItems(executor, totalsKernel(type), [read, totalsBuffer], count, words);
  cumulate(executor, type, { outer, length: segments, inner, reverse: false }, totals, running);
  const begins = { binding: running, access: "read", elements: count } as const;
  launchItems(executor, segmentsKernel(type, true), [read, begins, written], count, words);
}

/** Element l becomes the sum of elements 0..l, or of l..length-1 where `reverse`. */
export const cumulativeSum: WebGpuRunner<"cumulativeSum"> = (executor, parameters, [x], [y]) => {
  const type = wgslType(x.dtype);
  if (wgslType(y.dtype) !== type) {
    throw new DTypeError(
      `cumulativeSum: the element types ${x.dtype} and ${y.dtype} differ; convert first`,
    );
  }
  cumulate(executor, type, parameters, x, y);
};
