// Crops to train on within a test: smooth random pictures and their forged twins, made in memory.

import { gaussianBlur } from "../../data/blur.ts";
import { CropSet, emptyCropSetArrays, FULL_MASK } from "../../data/crop_set.ts";
import type { Image } from "../../data/image.ts";
import { forgeryFamilies, type ForgeryFamilyName } from "../../forgeries/families.ts";
import { RandomStream } from "../../tensor/random.ts";
import type { Splits } from "../../training/splits.ts";

/** What is made. */
export interface SyntheticOptions {
  /** Side of a crop in pixels, even. */
  readonly size: number;
  /** Families trained and validated on. */
  readonly families: readonly ForgeryFamilyName[];
  /** Families tested on, beside these. */
  readonly testFamilies?: readonly ForgeryFamilyName[];
  /** Pairs of each split. */
  readonly pairs: Readonly<Record<keyof Splits, number>>;
}

/** Makes three splits; equal options give equal bytes. */
export function syntheticSplits(options: SyntheticOptions): Splits {
  const { families, testFamilies = [], pairs, size } = options;
  return {
    train: makeSet("train", size, pairs.train, families),
    validation: makeSet("validation", size, pairs.validation, families),
    test: makeSet("test", size, pairs.test, [...families, ...testFamilies]),
  };
}

/** Twin pairs of all families in turn, two pairs from each "photograph". */
function makeSet(
  split: string,
  size: number,
  pairs: number,
  families: readonly ForgeryFamilyName[],
): CropSet {
  const random = new RandomStream(0).fork(split);
  const plane = size * size;
  const arrays = emptyCropSetArrays(size, 2 * pairs, pairs);
  const familyNames = ["real", ...families];
  for (let pair = 0; pair < pairs; pair++) {
    const stream = random.fork(pair);
    const image = picture(size, stream.fork("image"));
    const name = families[pair % families.length];
    const { forge, local } = forgeryFamilies[name];
    const donor = (): Image => picture(size, stream.fork("donor"));
    const forgery = forge({ image, donor }, stream.fork("forgery"));
    [image, forgery.image].forEach(({ data }, label) => {
      const row = 2 * pair + label;
      arrays.pixels.set(data, row * plane * 3);
      arrays.labels[row] = label;
      arrays.families[row] = label * familyNames.indexOf(name);
      arrays.sources[row] = pair >> 1;
      arrays.pairs[row] = pair;
      arrays.hasMask[row] = label === 0 || local ? 1 : 0;
    });
    arrays.maskIndex[2 * pair + 1] = local ? pair : FULL_MASK;
    if (local) arrays.maskStore.set(forgery.mask.map((value) => 255 * value), pair * plane);
  }
  return new CropSet(arrays, {
    familyNames,
    sourceNames: Array.from({ length: (pairs + 1) >> 1 }, (_, i) => `${split} ${i}`),
    recipeLines: Array.from({ length: 2 * pairs }, () => "{}"),
  });
}

/** Coloured blobs of a few pixels with some fine grain. */
function picture(size: number, random: RandomStream): Image {
  const coarse = new Float32Array(size * size * 3);
  random.fillNormal(coarse, 0, 400);
  const fine = new Float32Array(coarse.length);
  random.fillNormal(fine, 0, 6);
  const blurred = gaussianBlur(coarse, size, size, 3, 3);
  const data = Uint8Array.from(
    Uint8ClampedArray.from(blurred, (value, i) => 120 + value + fine[i]),
  );
  return { width: size, height: size, data };
}
