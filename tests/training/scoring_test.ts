// What training reads off scores agrees with the evaluation protocol.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { evaluateScores, SHARED_REAL, STARTER_FAMILY_WEIGHTS } from "../../evaluation/protocol.ts";
import { RandomStream } from "../../tensor/random.ts";
import { tensor } from "../../tensor/mod.ts";
import { subsetOf } from "./crop_subset.ts";
import { scoreCrops, scoredSamples, validate } from "../../training/scoring.ts";
import { syntheticSplits } from "./synthetic.ts";

const families = ["swap", "spectral", "upsample"] as const;
const { validation: set } = syntheticSplits({
  size: 32,
  families,
  pairs: { train: 3, validation: 30, test: 3 },
});

/** Noisy scores that separate the classes a little. */
function drawScores(count: number): Float64Array {
  const random = new RandomStream(5);
  const logit = (row: number): number => random.normal(0.4 * (row % 2));
  return Float64Array.from({ length: count }, (_, row) => 1 / (1 + Math.exp(-logit(row))));
}

Deno.test("every crop gets its own score, whatever the order of the batches", async () => {
  const { size, count } = set;
  const score = (images: { readonly shape: readonly number[]; dataSync(): ArrayLike<number> }) => {
    const values = images.dataSync(), length = 3 * size * size;
    // The mean of each crop.
    return tensor(Array.from({ length: images.shape[0] }, (_, at) => {
      let sum = 0;
      for (let i = 0; i < length; i++) sum += values[at * length + i];
      return sum / length;
    }));
  };
  const scores = await scoreCrops(score, set);
  for (let row = 0; row < count; row++) {
    const { data } = set.image(row);
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    assertAlmostEquals(scores[row], mean, 1e-3);
  }
});

Deno.test("a real crop counts in its twin's family; without a twin it stands against all", () => {
  const samples = scoredSamples(drawScores(set.count), set);
  assertEquals(samples.families.slice(0, 6), [
    "swap",
    "swap",
    "spectral",
    "spectral",
    "upsample",
    "upsample",
  ]);
  // Without the forged swaps, their real twins are left alone.
  const rest = subsetOf(set, (row) => set.family(row) !== "swap");
  const left = scoredSamples(drawScores(rest.count), rest);
  assertEquals(left.families.slice(0, 3), [SHARED_REAL, "spectral", "spectral"]);
});

Deno.test("the validation AUC is the protocol's AUC over all trained families", () => {
  for (const weights of [undefined, STARTER_FAMILY_WEIGHTS]) {
    for (const some of [set, subsetOf(set, (row) => set.family(row) !== "swap")]) {
      const samples = scoredSamples(drawScores(some.count), some);
      const { auc, threshold } = validate(samples, weights);
      const { inDomain } = evaluateScores({
        ...samples,
        threshold,
        trainedFamilies: families,
        weights,
        redraws: 2,
      });
      assertAlmostEquals(auc, inDomain.auc, 1e-12);
    }
  }
});
