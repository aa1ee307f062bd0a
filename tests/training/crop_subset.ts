// Some crops of a set, as a set of their own.

import { CropSet, emptyCropSetArrays } from "../../data/crop_set.ts";

/** The rows of a set for which `keep` holds, in their order; pixels are copied, masks stay shared. */
export function subsetOf(set: CropSet, keep: (row: number) => boolean): CropSet {
  const rows = Array.from({ length: set.count }, (_, row) => row).filter(keep);
  const { size, arrays: from, familyNames, sourceNames } = set;
  const length = size * size * 3;
  const arrays = { ...emptyCropSetArrays(size, rows.length, 0), maskStore: from.maskStore };
  rows.forEach((row, at) => {
    arrays.pixels.set(from.pixels.subarray(row * length, (row + 1) * length), at * length);
    for (
      const name of [
        "labels",
        "families",
        "sources",
        "pairs",
        "hasMask",
        "maskIndex",
        "encodedBytes",
        "qualities",
        "halvedColour",
      ] as const
    ) arrays[name][at] = from[name][row];
  });
  const recipeLines = rows.map((row) => set.recipeLines[row]);
  return new CropSet(arrays, { familyNames, sourceNames, recipeLines });
}
