// Simplifying a strided copy: fewer axes, in the order that memory likes, and the kind of inner loop that fits.

import type { KernelParameters } from "../kernel.ts";

/** One axis of a copy: its length and how far apart its elements are, in words. */
export interface CopyAxis {
  readonly size: number;
  readonly source: number;
  readonly destination: number;
}

/**
 * The inner loop of a copy. Rows run along the last axis: `contiguous` on both sides, one word repeated (`splat`),
 * read with a stride (`collect`), or strided on both sides. `transpose` has the source contiguous along the last
 * axis but one and the destination along the last.
 */
export type CopyMode = "contiguous" | "splat" | "collect" | "strided" | "transpose";

/** A copy made simple. There are at least two axes. */
export interface CopyLayout {
  readonly mode: CopyMode;
  /** Outermost first; the last two are the inner loops. */
  readonly axes: readonly CopyAxis[];
  readonly sourceOffset: number;
  readonly destinationOffset: number;
}

/** Rows shorter than this are better run across, along the longest axis. */
const SHORT_ROW = 8;

/** The copy as {@linkcode CopyLayout}, or null where there is nothing to copy. */
export function simplifyCopy(parameters: KernelParameters["copy"]): CopyLayout | null {
  const { shape, sourceStrides, destinationStrides } = parameters;
  if (shape.includes(0)) return null;
  let { sourceOffset, destinationOffset } = parameters;
  const axes: CopyAxis[] = [];
  shape.forEach((size, position) => {
    const source = sourceStrides[position], destination = destinationStrides[position];
    if (size === 1) return;
    if (destination > 0) {
      axes.push({ size, source, destination });
      return;
    }
    // Run a backward axis forward; of an axis that writes one place again and again, only the last counts.
    sourceOffset += (size - 1) * source;
    destinationOffset += (size - 1) * destination;
    if (destination < 0) axes.push({ size, source: -source, destination: -destination });
  });
  axes.sort((a, b) => b.destination - a.destination);
  const merged = mergeAxes(axes);
  while (merged.length < 2) merged.unshift({ size: 1, source: 0, destination: 0 });
  return { mode: arrange(merged), axes: merged, sourceOffset, destinationOffset };
}

/** Joins neighbours that one stride can run through on both sides. */
function mergeAxes(axes: readonly CopyAxis[]): CopyAxis[] {
  const merged: CopyAxis[] = [];
  for (const axis of axes) {
    const outer = merged.at(-1);
    if (
      outer && outer.source === axis.source * axis.size &&
      outer.destination === axis.destination * axis.size
    ) merged[merged.length - 1] = { ...axis, size: outer.size * axis.size };
    else merged.push(axis);
  }
  return merged;
}

/** Puts the axes of the inner loops last and says what these do. */
function arrange(axes: CopyAxis[]): CopyMode {
  const last = axes.length - 1;
  const moveTo = (from: number, to: number) => axes.splice(to, 0, ...axes.splice(from, 1));
  const row = axes[last];
  if (row.destination === 1 && row.source !== 1 && row.size >= 4) {
    const across = axes.findIndex((axis) => axis.source === 1 && axis.size >= 4);
    if (across >= 0) {
      moveTo(across, last - 1);
      return "transpose";
    }
  }
  if (row.size < SHORT_ROW) {
    const longest = axes.reduce(
      (best, axis, index) => axis.size > axes[best].size ? index : best,
      last,
    );
    moveTo(longest, last);
  }
  const { source, destination } = axes[last];
  if (destination !== 1) return "strided";
  return source === 1 ? "contiguous" : source === 0 ? "splat" : "collect";
}
