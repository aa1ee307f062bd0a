// Whether the class of a picture can be told from its file alone: a detector would learn that, and not the forgery.

import type { PictureFacts } from "./picture_facts.ts";
import { textKey } from "./picture_list.ts";

/** How well one property of the files tells the classes apart. */
export interface Separation {
  /** The property, in words. */
  readonly by: string;
  /** Area under the ROC curve, at least 0.5. */
  readonly auc: number;
  /** Standard error of the area where the property says nothing. */
  readonly error: number;
}

/** Numbers of files. */
const NUMBERS: Readonly<Record<string, (facts: PictureFacts) => number>> = {
  "size of the file": ({ bytes }) => bytes,
  "bytes a pixel": ({ bytes, width, height }) => bytes / (width * height),
  "number of pixels": ({ width, height }) => width * height,
};

/** Properties that are one of several. */
const CHOICES: Readonly<Record<string, (facts: PictureFacts) => string>> = {
  "file format": ({ format }) => format,
  "format and compression": ({ format, compression }) => `${format} ${compression}`,
  "width and height": ({ width, height }) => `${width} x ${height}`,
};

/**
 * Measures how well each property alone tells real from forged files, the best first.
 *
 * A choice is scored by how often it was forged among the other half of the files, so that a property with many values does
 * not seem to tell what it cannot.
 */
export function separations(
  facts: readonly PictureFacts[],
  labels: readonly (0 | 1)[],
): Separation[] {
  const forged = labels.filter((label) => label === 1).length, real = labels.length - forged;
  if (forged === 0 || real === 0) return [];
  const error = Math.sqrt((forged + real + 1) / (12 * forged * real));
  const found: Separation[] = [];
  for (const [by, value] of Object.entries(NUMBERS)) {
    const auc = areaUnderCurve(facts.map(value), labels);
    found.push({ by, auc: Math.max(auc, 1 - auc), error });
  }
  for (const [by, choice] of Object.entries(CHOICES)) {
    const scores = heldOutRates(facts, facts.map(choice), labels);
    found.push({ by, auc: Math.max(0.5, areaUnderCurve(scores, labels)), error });
  }
  return found.sort((a, b) => b.auc - a.auc);
}

/** Those that are too good: more than 0.6, and by more than four standard errors. */
export function suspicious(all: readonly Separation[]): Separation[] {
  return all.filter(({ auc, error }) => auc > 0.6 && auc - 0.5 > 4 * error);
}

/** For each file, how often its choice was forged in the half of the files that it is not in. */
function heldOutRates(
  facts: readonly PictureFacts[],
  choices: readonly string[],
  labels: readonly (0 | 1)[],
): number[] {
  const half = facts.map(({ hash }) => textKey(hash) % 2);
  const counts = [0, 1].map(() => new Map<string, [real: number, forged: number]>());
  const totals = [0, 1].map((): [number, number] => [0, 0]);
  choices.forEach((choice, i) => {
    const count = counts[half[i]].get(choice) ?? [0, 0];
    count[labels[i]]++;
    totals[half[i]][labels[i]]++;
    counts[half[i]].set(choice, count);
  });
  return choices.map((choice, i) => {
    const other = 1 - half[i];
    const [real, forged] = counts[other].get(choice) ?? [0, 0];
    const [allReal, allForged] = totals[other];
    // Rates within each class, so that the larger class does not decide; one half where nothing is known.
    const a = forged / Math.max(1, allForged), b = real / Math.max(1, allReal);
    return a + b === 0 ? 0.5 : a / (a + b);
  });
}

/** The share of pairs, one forged and one real, in which the forged one has the higher value; ties count one half. */
function areaUnderCurve(values: readonly number[], labels: readonly (0 | 1)[]): number {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  let realBelow = 0, area = 0, forged = 0;
  for (let i = 0; i < order.length;) {
    let end = i, realHere = 0, forgedHere = 0;
    for (; end < order.length && values[order[end]] === values[order[i]]; end++) {
      if (labels[order[end]]) forgedHere++;
      else realHere++;
    }
    area += forgedHere * (realBelow + realHere / 2);
    realBelow += realHere;
    forged += forgedHere;
    i = end;
  }
  return area / (forged * realBelow);
}
