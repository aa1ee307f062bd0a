// The refitted probe: it solves the equations of ridge logistic regression, and finds what is linearly there.

import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { ShapeError } from "../../errors.ts";
import { rocAuc } from "../../evaluation/metrics.ts";
import { type Features, probeLogits } from "../../studies/linear_probe.ts";
import { RandomStream } from "../../tensor/random.ts";

/** Gaussian features whose first `informative` columns are shifted by the label. */
function features(count: number, width: number, shift: number, seed: number) {
  const random = new RandomStream(seed);
  const labels = Uint8Array.from({ length: count }, (_, sample) => sample % 2);
  const values = Float64Array.from(
    { length: count * width },
    (_, at) =>
      3 + 2 * (random.normal() + (at % width === 0 ? shift * labels[Math.floor(at / width)] : 0)),
  );
  return { set: { values, count, width } satisfies Features, labels };
}

Deno.test("the probe's gradient is zero: its residuals are orthogonal to every feature but for the ridge", () => {
  const { set, labels } = features(200, 3, 1, 0);
  const ridge = 0.01;
  const logits = probeLogits(set, labels, set, { ridge, iterations: 25 });
  const residuals = Array.from(logits, (logit, at) => 1 / (1 + Math.exp(-logit)) - labels[at]);
  assertAlmostEquals(residuals.reduce((sum, value) => sum + value, 0), 0, 1e-5);
  // The weights follow from the logits: those of two samples that differ in one feature alone.
  const zero = { values: [3, 3, 3], count: 1, width: 3 };
  for (let column = 0; column < 3; column++) {
    const means = Array.from({ length: 200 }, (_, row) => set.values[3 * row + column]);
    const mean = means.reduce((sum, value) => sum + value, 0) / 200;
    const deviation = Math.sqrt(means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 200);
    const moved = { ...zero, values: zero.values.with(column, 3 + deviation) };
    const fit = (test: Features) => probeLogits(set, labels, test, { ridge, iterations: 25 })[0];
    const weight = fit(moved) - fit(zero);
    const score = residuals.reduce(
      (sum, residual, row) => sum + residual * (means[row] - mean) / deviation,
      0,
    );
    assertAlmostEquals(score + 200 * ridge * weight, 0, 1e-5);
  }
});

Deno.test("the probe finds a shifted feature at the AUC that the shift allows", () => {
  const train = features(2000, 8, 1, 1), test = features(2000, 8, 1, 2);
  const auc = rocAuc(probeLogits(train.set, train.labels, test.set), test.labels);
  // Phi(1 / sqrt 2) = 0.760 for two unit Gaussians one apart.
  assertAlmostEquals(auc, 0.76, 0.03);
});

Deno.test("the probe finds nothing where there is nothing, and survives a feature that never moves", () => {
  const train = features(1000, 4, 0, 3), test = features(1000, 4, 0, 4);
  for (const { set } of [train, test]) {
    for (let row = 0; row < set.count; row++) set.values[4 * row + 3] = 7;
  }
  const auc = rocAuc(probeLogits(train.set, train.labels, test.set), test.labels);
  assert(Math.abs(auc - 0.5) < 0.06, `${auc}`);
});

Deno.test("features that do not fit are refused", () => {
  const { set, labels } = features(10, 2, 1, 0);
  assertThrows(() => probeLogits(set, labels.subarray(1), set), ShapeError);
  assertThrows(() => probeLogits(set, labels, { ...set, width: 1 }), ShapeError);
});
