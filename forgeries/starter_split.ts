// Which source photographs train, validate and test: by photograph, portraits and scenes alike.

import type { Photograph } from "../data/photographs.ts";
import { RandomStream } from "../tensor/random.ts";

/** The three parts of a benchmark. */
export type SplitName = "train" | "validation" | "test";

/** Shares of the photographs of each kind; the rest trains. */
const VALIDATION_SHARE = 0.15;
const TEST_SHARE = 0.25;

/**
 * Deals the photographs into three splits, each kind in the same proportion (60 : 15 : 25).
 *
 * The deal depends on `splitSeed` and the photographs' names alone, not on their order. Within a split they are sorted.
 */
export function splitPhotographs(
  photographs: readonly Photograph[],
  splitSeed: number,
): Record<SplitName, Photograph[]> {
  const splits: Record<SplitName, Photograph[]> = { train: [], validation: [], test: [] };
  for (const kind of ["face", "scene"] as const) {
    const sorted = byName(photographs.filter((photograph) => photograph.kind === kind));
    const order = new RandomStream(splitSeed).fork("split").fork(kind).permutation(sorted.length);
    const validation = Math.round(VALIDATION_SHARE * sorted.length);
    const test = Math.round(TEST_SHARE * sorted.length);
    order.forEach((from, at) => {
      const split = at < validation ? "validation" : at < validation + test ? "test" : "train";
      splits[split].push(sorted[from]);
    });
  }
  for (const name of ["train", "validation", "test"] as const) splits[name] = byName(splits[name]);
  return splits;
}

/** Sorted by name, by code unit: the same on every machine. */
function byName(photographs: readonly Photograph[]): Photograph[] {
  return [...photographs].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
