// Kernel `sort`: the stable order of indices that sorts along an axis.
//
// Blocks are sorted by counting: an element's place is the number of elements before it. Then neighbouring runs are
// merged, every element finding its place in the other run by bisection: no exchange, no order of execution.

import type { AxisLayout } from "../kernel.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import {
  type WebGpuBinding,
  type WebGpuLauncher,
  type WebGpuRunner,
  type WgslKernel,
  type WgslScalar,
  wgslType,
} from "./kernel.ts";

/** Elements that are sorted by counting. */
const BLOCK = 128;

const fields = ["length", "inner", "width", "firstSource", "firstFrom", "firstTo"].map((name) =>
  `${name}: u32`
);

/**
 * `fn keyOf(word)`: whole numbers in the order of what the words stand for. Zeros of either sign are equal; NaN has
 * the largest key in both directions.
 */
function keyFunction(type: WgslScalar, descending: boolean): string {
  const ordered = type === "i32" ? "  let key = word ^ 0x80000000u;\n" : `\
  if ((word & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; }
  let bits = select(word, 0u, word == 0x80000000u);
  let key = select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
`;
  return `fn keyOf(word: u32) -> u32 {\n${ordered}  return ${descending ? "~key" : "key"};\n}\n`;
}

/** Statements that declare where a column lies and which of its elements the item is. */
const columnStatements = `\
  let rest = index / parameters.inner;
  let column = index - rest * parameters.inner;
  let outer = rest / parameters.length;
  let position = rest - outer * parameters.length;
  let start = outer * parameters.length * parameters.inner + column;
`;

/** Sorts every block of a column. */
function blockKernel(type: WgslScalar, descending: boolean): WgslKernel {
  return itemKernel({
    key: `sort blocks ${type} ${descending ? "descending" : "ascending"}`,
    buffers: [
      { name: "source", type: "u32", access: "read" },
      { name: "to", type: "u32", access: "read_write" },
    ],
    fields,
    prelude: () => keyFunction(type, descending),
    body: () =>
      `\
${columnStatements}\
  let begin = position / ${BLOCK}u * ${BLOCK}u;
  let end = min(begin + ${BLOCK}u, parameters.length);
  let key = keyOf(source[parameters.firstSource + start + position * parameters.inner]);
  var place = begin;
  for (var at = begin; at < end; at++) {
    let other = keyOf(source[parameters.firstSource + start + at * parameters.inner]);
    place += select(0u, 1u, other < key || (other == key && at < position));
  }
  to[parameters.firstTo + start + place * parameters.inner] = position;
`,
  });
}

/** Merges neighbouring runs of `width` elements. */
function mergeKernel(type: WgslScalar, descending: boolean): WgslKernel {
  return itemKernel({
    key: `sort merge ${type} ${descending ? "descending" : "ascending"}`,
    buffers: [
      { name: "source", type: "u32", access: "read" },
      { name: "order", type: "u32", access: "read" },
      { name: "to", type: "u32", access: "read_write" },
    ],
    fields,
    prelude: () => keyFunction(type, descending),
    body: () =>
      `\
${columnStatements}\
  let own = order[parameters.firstFrom + start + position * parameters.inner];
  let key = keyOf(source[parameters.firstSource + start + own * parameters.inner]);
  let run = position / parameters.width;
  let isLeft = run % 2u == 0u;
  let begin = select((run - 1u) * parameters.width, (run + 1u) * parameters.width, isLeft);
  // Elements of the left run stand before equal ones of the right run.
  var low = min(begin, parameters.length);
  var high = min(begin + parameters.width, parameters.length);
  let first = low;
  while (low < high) {
    let middle = (low + high) / 2u;
    let at = order[parameters.firstFrom + start + middle * parameters.inner];
    let other = keyOf(source[parameters.firstSource + start + at * parameters.inner]);
    if (other < key || (!isLeft && other == key)) { low = middle + 1u; } else { high = middle; }
  }
  let before = low - first;
  let place = select(position - parameters.width, position, isLeft) + before;
  to[parameters.firstTo + start + place * parameters.inner] = own;
`,
  });
}

/** Writes the sorting order of `source` along `length`. */
export function sortIndices(
  executor: WebGpuLauncher,
  { outer, length, inner }: AxisLayout,
  descending: boolean,
  source: WebGpuBinding,
  output: WebGpuBinding,
): void {
  const count = outer * length * inner;
  if (count === 0) return;
  const type = wgslType(source.dtype);
  const widths: number[] = [];
  for (let width = BLOCK; width < length; width *= 2) widths.push(width);
  const scratch = widths.length > 0 ? executor.temporary(4 * count) : output;
  // The last pass writes the output, so the passes before it take turns.
  const target = (pass: number) => (widths.length - pass) % 2 === 0 ? output : scratch;
  const read = (binding: WebGpuBinding) => ({ binding, access: "read", elements: count }) as const;
  const write = (binding: WebGpuBinding) => {
    return { binding, access: "read_write", elements: count } as const;
  };
  launchItems(
    executor,
    blockKernel(type, descending),
    [read(source), write(target(0))],
    count,
    [length, inner, 0, source.first, 0, target(0).first],
  );
  widths.forEach((width, index) => {
    const from = target(index), to = target(index + 1);
    launchItems(
      executor,
      mergeKernel(type, descending),
      [read(source), read(from), write(to)],
      count,
      [length, inner, width, source.first, from.first, to.first],
    );
  });
}

/** Writes the stable sorting order; equal elements keep theirs, NaN comes last. */
export const sort: WebGpuRunner<"sort"> = (executor, parameters, [source], [output]) => {
  sortIndices(executor, parameters, parameters.descending, source, output);
};
