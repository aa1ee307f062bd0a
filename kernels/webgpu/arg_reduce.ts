// Kernel `argReduce`: where the first largest or smallest element along an axis is.

import type { KernelParameters } from "../kernel.ts";
import { wgslPrelude } from "../expression/to_wgsl.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import {
  type WebGpuBinding,
  type WebGpuRunner,
  type WgslKernel,
  type WgslScalar,
  wgslType,
} from "./kernel.ts";

/** Candidates that one invocation compares. */
const SEGMENT = 256;

/** The first NaN counts as the extreme; without one, the first that no other exceeds. */
function isBetter(kind: "max" | "min", type: WgslScalar): string {
  const exceeds = kind === "max" ? "value > best" : "value < best";
  return type === "i32" ? exceeds : `!corit_is_nan(best) && (corit_is_nan(value) || ${exceeds})`;
}

/**
 * Each segment's best. Candidates are all elements along the axis, or, in later passes, those whose index an earlier
 * pass has left: then `candidates` is `[outer, number of candidates, inner]`.
 */
function argReduceKernel(kind: "max" | "min", type: WgslScalar, isFirst: boolean): WgslKernel {
  const at = "(outer * parameters.candidates + candidate) * parameters.inner + column";
  return itemKernel({
    key: `argReduce ${kind} ${type} ${isFirst ? "first" : "later"}`,
    buffers: [
      { name: "source", type, access: "read" },
      ...(isFirst ? [] : [{ name: "earlier", type: "i32", access: "read" } as const]),
      { name: "result", type: "i32", access: "read_write" },
    ],
    fields: [
      ...["length", "inner", "candidates", "segments", "firstSource", "firstResult"].map((name) =>
        `${name}: u32`
      ),
    ],
    prelude: () => wgslPrelude,
    body: () =>
      `\
  let rest = index / parameters.inner;
  let column = index - rest * parameters.inner;
  let outer = rest / parameters.segments;
  let begin = (rest - outer * parameters.segments) * ${SEGMENT}u;
  let end = min(begin + ${SEGMENT}u, parameters.candidates);
  let start = parameters.firstSource + outer * parameters.length * parameters.inner + column;
  var bestIndex = 0u;
  var best = ${type}(0);
  for (var candidate = begin; candidate < end; candidate++) {
    let place = ${isFirst ? "candidate" : `u32(earlier[${at}])`};
    let value = source[start + place * parameters.inner];
    if (candidate == begin || (${isBetter(kind, type)})) {
      best = value;
      bestIndex = place;
    }
  }
  result[parameters.firstResult + index] = i32(bestIndex);
`,
  });
}

/** Finds the first largest or smallest element along `length`, in as many passes as the length asks for. */
export const argReduce: WebGpuRunner<"argReduce"> = (executor, parameters, [source], [output]) => {
  const { outer, length, inner, kind }: KernelParameters["argReduce"] = parameters;
  const type = wgslType(source.dtype);
  let earlier: WebGpuBinding | undefined;
  let candidates = length;
  for (;;) {
    const segments = Math.max(1, Math.ceil(candidates / SEGMENT));
    const count = outer * segments * inner;
    const result = segments === 1 ? output : executor.temporary(4 * count);
    const elements = outer * candidates * inner;
    launchItems(
      executor,
      argReduceKernel(kind, type, earlier === undefined),
      [
        { binding: source, access: "read", elements: outer * length * inner },
        ...(earlier ? [{ binding: earlier, access: "read", elements } as const] : []),
        { binding: result, access: "read_write", elements: count },
      ],
      count,
      [length, inner, candidates, segments, source.first, result.first],
    );
    if (segments === 1) return;
    earlier = result;
    candidates = segments;
  }
};
