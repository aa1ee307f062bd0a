// The protocol: which samples stand against which, how families weigh, and what is refused.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ConfigError, DataError, ShapeError, ValueError } from "../../errors.ts";
import {
  accuracy,
  averagePrecision,
  equalErrorRate,
  evaluateScores,
  familyRocCurves,
  rocAuc,
  type ScoredSamples,
  STARTER_FAMILY_WEIGHTS,
} from "../../evaluation/mod.ts";
import { RandomStream } from "../../tensor/random.ts";

/** Twins of three families; `sizes` and separations differ, so that weights matter. */
function twins(): ScoredSamples & { scores: number[]; labels: number[] } {
  const stream = new RandomStream(11);
  const samples = {
    scores: [] as number[],
    labels: [] as number[],
    families: [] as string[],
    sources: [] as string[],
  };
  for (
    const [family, size, gap] of [["swap", 40, 0.2], ["upsample", 90, 0.5], [
      "spectral",
      30,
      0,
    ]] as const
  ) {
    for (let i = 0; i < size; i++) {
      for (const label of [0, 1]) {
        samples.scores.push(stream.uniform(0, 0.6) + gap * label + (family === "swap" ? 0.15 : 0));
        samples.labels.push(label);
        samples.families.push(family);
        samples.sources.push(`photograph ${i % 10}`);
      }
    }
  }
  return samples;
}

/** The entries of the arrays that belong to one family. */
function only(samples: ScoredSamples, family: string): { scores: number[]; labels: number[] } {
  const kept = samples.families.flatMap((name, i) => name === family ? [i] : []);
  return { scores: kept.map((i) => samples.scores[i]), labels: kept.map((i) => samples.labels[i]) };
}

const common = { trainedFamilies: ["swap", "upsample"], threshold: 0.45, redraws: 200 };

Deno.test("a family's metrics are those of its forged crops against their twins", () => {
  const samples = twins();
  const { families } = evaluateScores({ ...samples, ...common });
  assertEquals(Object.keys(families), ["swap", "upsample", "spectral"]);
  for (const [name, found] of Object.entries(families)) {
    const { scores, labels } = only(samples, name);
    assertAlmostEquals(found.auc, rocAuc(scores, labels), 1e-12);
    assertAlmostEquals(found.averagePrecision, averagePrecision(scores, labels), 1e-12);
    assertAlmostEquals(found.equalErrorRate, equalErrorRate(scores, labels), 1e-12);
    assertAlmostEquals(found.accuracy, accuracy(scores, labels, 0.5), 1e-12);
    assertAlmostEquals(found.accuracyAtThreshold, accuracy(scores, labels, 0.45), 1e-12);
    assert(found.interval.low < found.auc && found.auc < found.interval.high);
    assertEquals(found.count, scores.length);
    assertEquals([found.forgedCount, found.sourceCount], [scores.length / 2, 10]);
    assertEquals(found.trained, name !== "spectral");
  }
});

Deno.test("over all, a pair of a forged and a real crop weighs by both families' weights", () => {
  const samples = twins();
  const { inDomain } = evaluateScores({ ...samples, ...common, weights: STARTER_FAMILY_WEIGHTS });
  assertAlmostEquals(inDomain.weights.swap, 0.7, 1e-12);
  assertAlmostEquals(inDomain.weights.upsample, 0.3, 1e-12);
  const share = { swap: 0.7 / 40, upsample: 0.3 / 90 };
  let expected = 0;
  samples.scores.forEach((forged, i) =>
    samples.scores.forEach((real, j) => {
      const first = samples.families[i], second = samples.families[j];
      if (samples.labels[i] !== 1 || samples.labels[j] !== 0) return;
      if (first === "spectral" || second === "spectral") return;
      const weight = share[first as "swap"] * share[second as "swap"];
      expected += weight * (forged > real ? 1 : forged === real ? 0.5 : 0);
    })
  );
  assertAlmostEquals(inDomain.auc, expected, 1e-12);
});

Deno.test("the pooled AUC equals the weighted family mean when all real crops are shared, and only then", () => {
  const own = twins();
  const shared = { ...own, families: own.families.map((name, i) => own.labels[i] ? name : "real") };
  const weights = { swap: 3, upsample: 1 };
  const pooled = evaluateScores({ ...shared, ...common, weights }).inDomain;
  const { families } = evaluateScores({ ...shared, ...common, weights });
  assertAlmostEquals(pooled.familyMeanAuc, 0.75 * families.swap.auc + 0.25 * families.upsample.auc);
  assertAlmostEquals(pooled.auc, pooled.familyMeanAuc, 1e-12);
  assertEquals(families.swap.count, 40 + 160);
  const apart = evaluateScores({ ...own, ...common, weights }).inDomain;
  assert(Math.abs(apart.auc - apart.familyMeanAuc) > 1e-3);
});

Deno.test("families weigh the same each, whatever their size, unless weights say otherwise", () => {
  const samples = twins();
  const doubled = {
    scores: [...samples.scores, ...only(samples, "upsample").scores],
    labels: [...samples.labels, ...only(samples, "upsample").labels],
    families: [...samples.families, ...Array<string>(180).fill("upsample")],
    sources: [
      ...samples.sources,
      ...samples.sources.filter((_, i) => samples.families[i] === "upsample"),
    ],
  };
  const once = evaluateScores({ ...samples, ...common }).inDomain;
  const twice = evaluateScores({ ...doubled, ...common }).inDomain;
  assertEquals(once.weights, { swap: 0.5, upsample: 0.5 });
  assertAlmostEquals(twice.auc, once.auc, 1e-12);
  assertAlmostEquals(twice.averagePrecision, once.averagePrecision, 1e-12);
  assertAlmostEquals(twice.interval.low, once.interval.low, 1e-12);
});

Deno.test("families never trained on are cross-domain; without any, cross-domain is null", () => {
  const samples = twins();
  const { crossDomain, families } = evaluateScores({ ...samples, ...common });
  assertEquals(crossDomain?.auc, families.spectral.auc);
  assertEquals(crossDomain?.weights, { spectral: 1 });
  const all = evaluateScores({
    ...samples,
    ...common,
    trainedFamilies: ["swap", "upsample", "spectral"],
  });
  assertEquals(all.crossDomain, null);
});

Deno.test("an evaluation survives JSON and repeats to the bit", () => {
  const first = evaluateScores({ ...twins(), ...common });
  assertEquals(JSON.parse(JSON.stringify(first)), evaluateScores({ ...twins(), ...common }));
});

Deno.test("family ROC curves run from corner to corner and hold the family's AUC", () => {
  const samples = twins();
  const curves = familyRocCurves(samples);
  const { families } = evaluateScores({ ...samples, ...common });
  for (const [name, curve] of Object.entries(curves)) {
    let area = 0;
    for (let k = 1; k < curve.thresholds.length; k++) {
      area += (curve.falsePositiveRates[k] - curve.falsePositiveRates[k - 1]) *
        (curve.truePositiveRates[k] + curve.truePositiveRates[k - 1]) / 2;
    }
    assertAlmostEquals(area, families[name].auc, 1e-12);
  }
});

Deno.test("what cannot be evaluated is refused with a typed error", () => {
  const samples = twins();
  assertThrows(
    () => evaluateScores({ ...samples, ...common, sources: [] }),
    ShapeError,
    "0 sources",
  );
  assertThrows(
    () => evaluateScores({ ...samples, ...common, trainedFamilies: ["splice"] }),
    DataError,
    "trained: splice; found: swap, upsample, spectral",
  );
  assertThrows(
    () => evaluateScores({ ...samples, ...common, weights: { swap: 1 } }),
    ConfigError,
    "not upsample",
  );
  assertThrows(
    () => evaluateScores({ ...samples, ...common, weights: { swap: 1, upsample: 0 } }),
    ConfigError,
    "positive",
  );
  assertThrows(
    () => evaluateScores({ ...samples, ...common, threshold: NaN }),
    ValueError,
    "threshold",
  );
  const unpaired = samples.families.map((name, i) =>
    name === "swap" && samples.labels[i] === 0 ? "upsample" : name
  );
  assertThrows(
    () => evaluateScores({ ...samples, ...common, families: unpaired }),
    DataError,
    "swap",
  );
  const stray = samples.families.map((name, i) => i === 0 ? "splice" : name);
  assertThrows(
    () => evaluateScores({ ...samples, ...common, families: stray }),
    DataError,
    'family "splice"',
  );
  assertThrows(
    () => evaluateScores({ ...samples, ...common, families: samples.families.map(() => "real") }),
    DataError,
    '"real"',
  );
});
