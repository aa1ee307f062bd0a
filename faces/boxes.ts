// Rectangles around faces: how much two overlap, and which of many on one face is kept.

import type { Region } from "../data/resize.ts";

/** A rectangle in pixels, which may reach beyond the picture. */
export type Box = Region;

/** Area that two boxes share. */
function sharedArea(a: Box, b: Box): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  return Math.max(0, width) * Math.max(0, height);
}

/**
 * Intersection over union, 0 to 1.
 *
 * @example
 * ```ts
 * import { overlapOf } from "@corit/corit/faces";
 * import { assertEquals } from "@std/assert";
 * const box = { left: 0, top: 0, width: 2, height: 2 };
 * assertEquals(overlapOf(box, { ...box, left: 1 }), 2 / 6);
 * ```
 */
export function overlapOf(a: Box, b: Box): number {
  const shared = sharedArea(a, b);
  return shared === 0 ? 0 : shared / (a.width * a.height + b.width * b.height - shared);
}

/** The share of the smaller box that lies in the larger: a face seen at two sizes has one box inside the other. */
function shareInside(a: Box, b: Box): number {
  return sharedArea(a, b) / Math.min(a.width * a.height, b.width * b.height);
}

/** Boxes that overlap by more (as intersection over union), or lie in each other by more, are of one face. */
const sameFace = { overlap: 0.4, inside: 0.6 };

/**
 * Of all boxes on one face the one with the highest score.
 *
 * @returns By score, the highest first.
 */
export function suppress<Scored extends { readonly box: Box; readonly score: number }>(
  boxes: readonly Scored[],
): Scored[] {
  const kept: Scored[] = [];
  for (const candidate of [...boxes].sort((a, b) => b.score - a.score)) {
    const other = kept.every(({ box }) =>
      overlapOf(box, candidate.box) <= sameFace.overlap &&
      shareInside(box, candidate.box) <= sameFace.inside
    );
    if (other) kept.push(candidate);
  }
  return kept;
}
