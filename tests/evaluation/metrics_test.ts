// Metrics against scikit-learn's numbers, their algebraic properties, and their refusals.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DataError, ShapeError, ValueError } from "../../errors.ts";
import {
  accuracy,
  averagePrecision,
  balancedAccuracy,
  bestThreshold,
  brierScore,
  equalErrorRate,
  expectedCalibrationError,
  logLoss,
  rocAuc,
  rocCurve,
  truePositiveRateAt,
} from "../../evaluation/mod.ts";
import golden from "../golden/metrics.json" with { type: "json" };

const TOLERANCE = 1e-12;

/** Scores with many ties, and labels with both classes. */
const samples = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 20 }).map((n) => n / 20), fc.integer({ min: 0, max: 1 })),
  { minLength: 2, maxLength: 60 },
).filter((rows) => new Set(rows.map((row) => row[1])).size === 2)
  .map((rows) => ({ scores: rows.map((row) => row[0]), labels: rows.map((row) => row[1]) }));

Deno.test("every metric equals scikit-learn's over random scores with ties and weights", () => {
  assertEquals(golden.cases.length, 100);
  for (const one of golden.cases) {
    const { scores, labels, threshold } = one;
    const weights = one.weights ?? undefined;
    assertAlmostEquals(rocAuc(scores, labels, weights), one.auc, TOLERANCE);
    assertAlmostEquals(averagePrecision(scores, labels, weights), one.averagePrecision, TOLERANCE);
    assertAlmostEquals(equalErrorRate(scores, labels, weights), one.equalErrorRate, TOLERANCE);
    assertAlmostEquals(accuracy(scores, labels, threshold, weights), one.accuracy, TOLERANCE);
    assertAlmostEquals(
      balancedAccuracy(scores, labels, threshold, weights),
      one.balancedAccuracy,
      TOLERANCE,
    );
    assertAlmostEquals(
      truePositiveRateAt(scores, labels, one.falsePositiveLimit, weights),
      one.truePositiveRateAt,
      TOLERANCE,
    );
    assertAlmostEquals(logLoss(scores, labels, weights), one.logLoss, TOLERANCE);
    assertAlmostEquals(brierScore(scores, labels, weights), one.brierScore, TOLERANCE);
    if (one.calibrationError !== undefined) {
      assertAlmostEquals(
        expectedCalibrationError(scores, labels),
        one.calibrationError,
        TOLERANCE,
      );
    }
    const curve = rocCurve(scores, labels, { weights });
    assertEquals(curve.thresholds.length, one.falsePositiveRates.length);
    one.falsePositiveRates.forEach((rate, k) =>
      assertAlmostEquals(curve.falsePositiveRates[k], rate, TOLERANCE)
    );
    one.truePositiveRates.forEach((rate, k) =>
      assertAlmostEquals(curve.truePositiveRates[k], rate, TOLERANCE)
    );
    const best = bestThreshold(scores, labels, weights);
    assertAlmostEquals(best.balancedAccuracy, one.bestBalancedAccuracy, TOLERANCE);
    assertAlmostEquals(
      balancedAccuracy(scores, labels, best.threshold, weights),
      one.bestBalancedAccuracy,
      TOLERANCE,
    );
  }
});

Deno.test("AUC is the share of pairs in the right order, ties counting half, exactly", () => {
  fc.assert(fc.property(samples, ({ scores, labels }) => {
    let halves = 0, pairs = 0;
    scores.forEach((forged, i) =>
      scores.forEach((real, j) => {
        if (labels[i] !== 1 || labels[j] !== 0) return;
        pairs++;
        halves += forged > real ? 2 : forged === real ? 1 : 0;
      })
    );
    assertEquals(rocAuc(scores, labels), halves / (2 * pairs));
  }));
});

Deno.test("ranking metrics do not change under increasing maps or reordering", () => {
  fc.assert(fc.property(samples, fc.infiniteStream(fc.nat()), ({ scores, labels }, keys) => {
    const mapped = scores.map((score) => Math.exp(3 * score) - 7);
    const order = scores.map((_, i) => ({ i, key: keys.next().value as number }))
      .sort((a, b) => a.key - b.key).map(({ i }) => i);
    const shuffled = order.map((i) => scores[i]), shuffledLabels = order.map((i) => labels[i]);
    for (const metric of [rocAuc, averagePrecision, equalErrorRate]) {
      assertEquals(metric(mapped, labels), metric(scores, labels));
      assertEquals(metric(shuffled, shuffledLabels), metric(scores, labels));
    }
  }));
});

Deno.test("negated scores, or swapped labels, give the complement of the AUC", () => {
  fc.assert(fc.property(samples, ({ scores, labels }) => {
    const auc = rocAuc(scores, labels);
    assertAlmostEquals(rocAuc(scores.map((score) => -score), labels), 1 - auc, 1e-15);
    assertAlmostEquals(rocAuc(scores, labels.map((label) => 1 - label)), 1 - auc, 1e-15);
  }));
});

Deno.test("whole-number weights equal repeated samples, and weight 0 equals absence", () => {
  const weighted = fc.tuple(samples, fc.infiniteStream(fc.integer({ min: 0, max: 3 })));
  fc.assert(fc.property(weighted, ([{ scores, labels }, stream]) => {
    const weights = scores.map(() => stream.next().value as number);
    const kept = scores.flatMap((_, i) => Array<number>(weights[i]).fill(i));
    const repeated = kept.map((i) => scores[i]), repeatedLabels = kept.map((i) => labels[i]);
    fc.pre(new Set(repeatedLabels).size === 2);
    for (const metric of [rocAuc, averagePrecision, equalErrorRate, logLoss, brierScore]) {
      assertAlmostEquals(
        metric(scores, labels, weights),
        metric(repeated, repeatedLabels),
        TOLERANCE,
      );
    }
    for (const metric of [accuracy, balancedAccuracy, truePositiveRateAt]) {
      assertAlmostEquals(
        metric(scores, labels, 0.5, weights),
        metric(repeated, repeatedLabels, 0.5),
        TOLERANCE,
      );
    }
  }));
});

Deno.test("a simplified ROC curve holds the same area with no more points, from corner to corner", () => {
  const weighted = fc.tuple(samples, fc.infiniteStream(fc.integer({ min: 0, max: 2 })));
  fc.assert(fc.property(weighted, ([{ scores, labels }, stream]) => {
    const weights = scores.map((_, i) => i < 2 ? 1 : stream.next().value as number);
    fc.pre(labels[0] !== labels[1]);
    const full = rocCurve(scores, labels, { weights });
    const simple = rocCurve(scores, labels, { weights, simplify: true });
    assert(simple.thresholds.length <= full.thresholds.length);
    assertEquals([simple.falsePositiveRates[0], simple.truePositiveRates[0]], [0, 0]);
    assertEquals([simple.falsePositiveRates.at(-1), simple.truePositiveRates.at(-1)], [1, 1]);
    let area = 0;
    for (let k = 1; k < simple.thresholds.length; k++) {
      area += (simple.falsePositiveRates[k] - simple.falsePositiveRates[k - 1]) *
        (simple.truePositiveRates[k] + simple.truePositiveRates[k - 1]) / 2;
    }
    assertAlmostEquals(area, rocAuc(scores, labels, weights), TOLERANCE);
  }));
});

Deno.test("the equal error rate of a perfect, a useless and a reversed detector is 0, 1/2 and 1", () => {
  const labels = [0, 0, 1, 1];
  assertEquals(equalErrorRate([1, 2, 3, 4], labels), 0);
  assertEquals(equalErrorRate([5, 5, 5, 5], labels), 0.5);
  assertEquals(equalErrorRate([4, 3, 2, 1], labels), 1);
});

Deno.test("the best threshold separates neighbouring floating-point scores and stays finite", () => {
  const low = 0.5, high = 0.5 + Number.EPSILON / 2;
  assert(high > low);
  const neighbours = bestThreshold([low, high], [0, 1]);
  assertEquals(neighbours.threshold, high);
  assertEquals(neighbours.balancedAccuracy, 1);
  const reversed = bestThreshold([0.9, 0.1], [0, 1]);
  assertEquals([reversed.threshold, reversed.balancedAccuracy], [0.1, 0.5]);
});

Deno.test("probabilities of 0 and 1 are legal: a certain mistake costs 36 nats", () => {
  assertAlmostEquals(logLoss([0, 1], [1, 0]), -Math.log(Number.EPSILON), 1e-9);
  assertEquals(expectedCalibrationError([0, 1], [0, 1]), 0);
  assertEquals(expectedCalibrationError([0, 1], [1, 0]), 1);
});

Deno.test("empty, one-class and malformed input is refused with a typed error", () => {
  for (const metric of [rocAuc, averagePrecision, equalErrorRate, bestThreshold, logLoss]) {
    assertThrows(() => metric([], []), DataError, "found none");
    assertThrows(() => metric([0.1, 0.2], [0, 0]), DataError, "all 2 are real");
    assertThrows(() => metric([0.1, 0.2], [1, 1]), DataError, "all 2 are forged");
    assertThrows(() => metric([0.1, 0.2], [0]), ShapeError, "2 scores, but 1 labels");
    assertThrows(() => metric([0.1, 0.2], [0, 2]), ValueError, "labels[1] is 2");
    assertThrows(() => metric([0.1, NaN], [0, 1]), ValueError, "NaN");
    assertThrows(() => metric([0.1, 0.2], [0, 1], [1]), ShapeError, "1 weights");
    assertThrows(() => metric([0.1, 0.2], [0, 1], [1, -1]), ValueError, "weights[1] is -1");
  }
  assertThrows(() => rocAuc([0.1, 0.2], [0, 1], [0, 1]), DataError, "weights of one class");
  assertThrows(() => logLoss([0.1, 0.2], [0, 1], [0, 0]), DataError, "weights are all 0");
  assertThrows(() => brierScore([0.1, 1.2], [0, 1]), ValueError, "[0, 1]");
  assertThrows(() => expectedCalibrationError([0.1, 0.2], [0, 1], 0), ValueError, "bins");
  assertThrows(() => accuracy([0.1, 0.2], [0, 1], NaN), ValueError, "threshold");
  assertThrows(() => truePositiveRateAt([0.1, 0.2], [0, 1], 1.5), ValueError, "1.5");
});
