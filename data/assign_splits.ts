// Which picture trains, validates and tests: as the layout says, and by a hash of the source where it does not.

import { type PictureList, type SplitName, textKey } from "./picture_list.ts";

/** The parts in the order of their codes. */
export const splitNames: readonly SplitName[] = ["train", "validation", "test"];

/** Shares of the sources. */
export interface SplitShares {
  /** For choosing checkpoints and thresholds. */
  readonly validation: number;
  /** For the final score. */
  readonly test: number;
}

/** The part of every file, and how it was found. */
export interface AssignedSplits {
  /** Index into {@linkcode splitNames}, `[count]`. */
  readonly codes: Uint8Array;
  /** In words. */
  readonly how: string;
  /** Whether the layout has a test part of its own. */
  readonly ownTest: boolean;
}

/** A number in [0, 1) that depends on source and seed alone. */
function placeOf(source: number, seed: number): number {
  return textKey(`${seed} ${source}`) / 2 ** 53;
}

/**
 * Puts every file into a part.
 *
 * Where the layout has train and test, those are kept, and a missing validation part is taken from train by source; where it
 * has no test part, or nothing to train on, everything is split by source. Adding pictures moves none of the others.
 */
export function assignSplits(
  list: PictureList,
  seed: number,
  shares: SplitShares,
): AssignedSplits {
  const own = new Set<SplitName>();
  for (const kind of new Set(list.kinds)) {
    const { split } = list.kindTable[kind];
    if (split) own.add(split);
  }
  const ownTest = own.has("train") && own.has("test");
  const ownValidation = ownTest && own.has("validation");
  const codes = new Uint8Array(list.count);
  const validation = ownTest ? shares.validation / (1 - shares.test) : shares.validation;
  for (let row = 0; row < list.count; row++) {
    const split = ownTest ? list.kind(row).split ?? "train" : "train";
    if (split !== "train") {
      codes[row] = splitNames.indexOf(split);
    } else if (!ownValidation) {
      const place = placeOf(list.sources[row], seed);
      codes[row] = place < validation ? 1 : !ownTest && place < validation + shares.test ? 2 : 0;
    }
  }
  const how = ownValidation
    ? "train, validation and test as the data set has them"
    : ownTest
    ? `train and test as the data set has them, validation from train by source, seed ${seed}`
    : own.size > 0
    ? `the data set has only ${[...own].join(" and ")}: split by source, seed ${seed}`
    : `split by source, seed ${seed}`;
  return { codes, how, ownTest };
}
