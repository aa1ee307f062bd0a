// Tests that the starter benchmark is honest: no photograph in two splits, and no way to tell forged from real by how a
// crop was saved.

import { assert, assertEquals } from "@std/assert";
import type { CropSet } from "../../data/crop_set.ts";
import { starterPhotographs } from "../../data/photographs.ts";
import { starterFamilyNames } from "../../forgeries/families.ts";
import { type StarterBenchmarkOptions, starterSplit } from "../../forgeries/starter_benchmark.ts";
import { splitPhotographs } from "../../forgeries/starter_split.ts";
import { RandomStream } from "../../tensor/random.ts";

const OPTIONS = {
  families: starterFamilyNames,
  trainPairs: 240,
  validationPairs: 6,
  testPairs: 240,
  workers: 2,
};

Deno.test("no source photograph is in two splits, as original or as donor", async () => {
  const photographs = await starterPhotographs();
  for (const splitSeed of [0, 1, 7]) {
    const splits = Object.values(splitPhotographs(photographs, splitSeed));
    const names = splits.flatMap((split) => split.map(({ id }) => id));
    assertEquals(new Set(names).size, photographs.length);
  }
  const seen = new Map<string, string>();
  for (const split of ["train", "validation", "test"] as const) {
    const set = await starterSplit(split, OPTIONS);
    for (let row = 0; row < set.count; row++) {
      const used = [set.source(row)];
      const donor = set.recipe(row).donor as { source: number } | undefined;
      if (donor) {
        used.push(set.sourceNames[donor.source]);
        assert(donor.source !== set.arrays.sources[row], "a donor is another photograph");
      }
      for (const name of used) {
        assertEquals(seen.get(name) ?? split, split, name);
        seen.set(name, split);
      }
    }
  }
});

/** What is known of a crop without looking at its pixels: log size, quality, chroma sampling; and a constant. */
function savedAs(set: CropSet, row: number): number[] {
  const { encodedBytes, qualities, halvedColour } = set.arrays;
  return [Math.log(encodedBytes[row]) - 8, (qualities[row] - 92.5) / 2, halvedColour[row] - 0.5, 1];
}

/** Logistic regression by gradient descent; returns the weights. */
function fit(features: readonly number[][], labels: ArrayLike<number>): number[] {
  const weights = new Array(features[0].length).fill(0);
  for (let step = 0; step < 3000; step++) {
    const gradient = new Array(weights.length).fill(0);
    features.forEach((row, i) => {
      const score = row.reduce((sum, value, j) => sum + value * weights[j], 0);
      const error = 1 / (1 + Math.exp(-score)) - labels[i];
      row.forEach((value, j) => gradient[j] += error * value / features.length);
    });
    gradient.forEach((value, j) => weights[j] -= value);
  }
  return weights;
}

/** The share of (forged, real) pairs of crops that the scores order rightly. */
function areaUnderCurve(forged: readonly number[], real: readonly number[]): number {
  let won = 0;
  for (const a of forged) for (const b of real) won += a > b ? 1 : a === b ? 0.5 : 0;
  return won / forged.length / real.length;
}

/** AUC on a set with its 95 % interval from a bootstrap over source photographs. */
function score(
  set: CropSet,
  scores: readonly number[],
): { auc: number; low: number; high: number } {
  const rowsOf = new Map<number, number[]>();
  set.arrays.sources.forEach((source, row) =>
    rowsOf.set(source, [...(rowsOf.get(source) ?? []), row])
  );
  const areaOf = (rows: readonly number[]) =>
    areaUnderCurve(
      rows.filter((row) => set.arrays.labels[row] === 1).map((row) => scores[row]),
      rows.filter((row) => set.arrays.labels[row] === 0).map((row) => scores[row]),
    );
  const sources = [...rowsOf.keys()];
  const random = new RandomStream(0);
  const drawn = Array.from(
    { length: 400 },
    () => areaOf(sources.flatMap(() => rowsOf.get(random.choice(sources))!)),
  ).sort((a, b) => a - b);
  return { auc: areaOf([...rowsOf.values()].flat()), low: drawn[10], high: drawn[389] };
}

/** Scores the saving of crops by a regression fitted on others. */
async function evaluateSaving(options: StarterBenchmarkOptions) {
  const train = await starterSplit("train", options);
  const test = await starterSplit("test", options);
  const rows = (set: CropSet) => Array.from({ length: set.count }, (_, row) => row);
  return (features: (set: CropSet, row: number) => number[]) => {
    const weights = fit(rows(train).map((row) => features(train, row)), train.arrays.labels);
    const scores = rows(test).map((row) =>
      features(test, row).reduce((sum, value, j) => sum + value * weights[j], 0)
    );
    return score(test, scores);
  };
}

Deno.test("forgeries pasted and made by a network are saved like what is real", async () => {
  const families = ["splice", "super-resolution"];
  const pairs = { trainPairs: 80, testPairs: 80 };
  const evaluate = await evaluateSaving({ ...OPTIONS, ...pairs, families, testFamilies: families });
  const saved = evaluate(savedAs);
  assert(saved.low <= 0.5 && saved.high >= 0.5, JSON.stringify(saved));
});

Deno.test("file size and quantization tell real from forged no better than chance", async () => {
  const evaluate = await evaluateSaving(OPTIONS);
  const saved = evaluate(savedAs);
  assert(saved.low <= 0.5 && saved.high >= 0.5, JSON.stringify(saved));
  assert(saved.high - saved.low < 0.2, "the interval is narrow enough to notice a leak");

  // The same test notices forged crops that were saved with 15 % fewer bytes, as a second encoder would.
  const leaking = evaluate((set, row) => {
    const [size, ...rest] = savedAs(set, row);
    return [set.arrays.labels[row] === 1 ? size + Math.log(0.85) : size, ...rest];
  });
  assert(leaking.low > 0.5, JSON.stringify(leaking));

  // Quantization alone is exactly uninformative: twins share it.
  assertEquals(evaluate((set, row) => savedAs(set, row).slice(1)).auc, 0.5);
});
