// A thousand random cases, with ties, weights, empty sets and single classes, against scikit-learn's metrics.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../errors.ts";
import {
  averagePrecision,
  brierScore,
  classAccuracy,
  detectorMetrics,
  equalErrorRate,
  expectedCalibrationError,
  logLoss,
  rocAuc,
  truePositiveRateAt,
} from "../../evaluation/mod.ts";
import golden from "../golden/metrics_random.json" with { type: "json" };

const TOLERANCE = 1e-12;

/** The generator of metrics_random_golden.py. */
function generator(state: number): (count: number) => number {
  return (count) => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    // The product has at most 53 bits.
    return Math.floor(state * count / 2 ** 32);
  };
}

/** The cases of metrics_random_golden.py, from the same draws. */
function caseOf(index: number) {
  const below = generator(index);
  const count = index % 50 === 0 ? 0 : 1 + below(60);
  const levels = [4, 16, 64, 2 ** 20][below(4)];
  const weighted = below(4) === 0;
  const threshold = below(17) / 16;
  const scores: number[] = [], labels: number[] = [], weights: number[] = [];
  for (let i = 0; i < count; i++) {
    const label = index % 50 === 1 ? 1 : below(2);
    const shift = label === 1 ? below(levels / 2 + 1) : 0;
    scores.push(Math.min(levels, below(levels + 1) + shift) / levels);
    labels.push(label);
    weights.push((1 + below(30)) / 8);
  }
  return { scores, labels, weights: weighted ? weights : undefined, threshold };
}

Deno.test("every metric equals scikit-learn's on 1,000 random cases; empty and one-class ones are refused", () => {
  assertEquals(golden.length, 1000);
  let refused = 0, ties = 0;
  golden.forEach((expected: number[] | null, index) => {
    const { scores, labels, weights, threshold } = caseOf(index);
    if (expected === null) {
      refused++;
      assertThrows(() => rocAuc(scores, labels, weights), DataError);
      assertThrows(() => averagePrecision(scores, labels, weights), DataError);
      assertThrows(() => equalErrorRate(scores, labels, weights), DataError);
      assertThrows(() => classAccuracy(scores, labels, threshold, weights), DataError);
      assertThrows(() => truePositiveRateAt(scores, labels, 0.01, weights), DataError);
      assertThrows(() => logLoss(scores, labels, weights), DataError);
      assertThrows(() => brierScore(scores, labels, weights), DataError);
      assertThrows(() => expectedCalibrationError(scores, labels), DataError);
      assertThrows(() => detectorMetrics(scores, labels, { threshold }), DataError);
      return;
    }
    if (new Set(scores).size < scores.length) ties++;
    const { both, real, forged } = classAccuracy(scores, labels, threshold, weights);
    const found = [
      rocAuc(scores, labels, weights),
      averagePrecision(scores, labels, weights),
      equalErrorRate(scores, labels, weights),
      both,
      real,
      forged,
      truePositiveRateAt(scores, labels, 0.01, weights),
      truePositiveRateAt(scores, labels, 0.05, weights),
      logLoss(scores, labels, weights),
      brierScore(scores, labels, weights),
    ];
    if (!weights) found.push(expectedCalibrationError(scores, labels));
    assertEquals(found.length, expected.length);
    found.forEach((value, at) =>
      assertAlmostEquals(value, expected[at], TOLERANCE, `case ${index}, number ${at}`)
    );
    if (weights) return;
    const all = detectorMetrics(scores, labels, { threshold });
    const listed = [
      all.auc,
      all.averagePrecision,
      all.equalErrorRate,
      all.accuracyAtThreshold.both,
      all.accuracyAtThreshold.real,
      all.accuracyAtThreshold.forged,
      all.truePositiveRateAt1,
      all.truePositiveRateAt5,
      all.calibration.logLoss,
      all.calibration.brierScore,
      all.calibration.expectedCalibrationError,
    ];
    listed.forEach((value, at) => assertAlmostEquals(value, expected[at], TOLERANCE));
  });
  assertEquals(refused, golden.filter((each) => each === null).length);
  assertEquals([refused >= 40, ties > 500], [true, true]);
});
