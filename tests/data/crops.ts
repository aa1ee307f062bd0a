// A small set of crops for the tests of loading: two families, twins, one family without local masks.

import { CropSet, EMPTY_MASK, emptyCropSetArrays, FULL_MASK } from "../../data/crop_set.ts";
import { RandomStream } from "../../tensor/random.ts";

/** `pairs` pairs of noise; the first third of the forged crops is of family 1 (local), the rest of family 2. */
export function noiseCrops(pairs: number, size = 16): CropSet {
  const random = new RandomStream(pairs);
  const local = Math.floor(pairs / 3);
  const arrays = emptyCropSetArrays(size, 2 * pairs, local);
  for (let i = 0; i < arrays.pixels.length; i++) arrays.pixels[i] = random.integer(256);
  for (let i = 0; i < arrays.maskStore.length; i++) arrays.maskStore[i] = random.integer(256);
  for (let row = 0; row < 2 * pairs; row++) {
    const pair = row >> 1, forged = row % 2, isLocal = pair < local;
    arrays.labels[row] = forged;
    arrays.families[row] = forged ? (isLocal ? 1 : 2) : 0;
    arrays.sources[row] = pair % 5;
    arrays.pairs[row] = pair;
    arrays.hasMask[row] = forged && !isLocal ? 0 : 1;
    arrays.maskIndex[row] = forged ? (isLocal ? pair : FULL_MASK) : EMPTY_MASK;
    arrays.encodedBytes[row] = 1000 + row;
    arrays.qualities[row] = 90;
    arrays.halvedColour[row] = pair % 2;
  }
  return new CropSet(arrays, {
    familyNames: ["real", "local", "whole"],
    sourceNames: ["a", "b", "c", "d", "e"],
    recipeLines: Array.from({ length: 2 * pairs }, (_, row) => JSON.stringify({ row })),
  });
}
