// The gradient signal-to-noise ratio of known gradients.

import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { ValueError } from "../../errors.ts";
import { measureGsnr } from "../../instruments/mod.ts";
import { RandomStream, tensor } from "../../tensor/mod.ts";

/** Gradients drawn as mean + noise in `dimension` dimensions. */
function draw(seed: number, dimension: number, units: number, mean: number): Float32Array[] {
  const random = new RandomStream(seed);
  return Array.from({ length: units }, () => {
    const values = new Float32Array(dimension);
    random.fillNormal(values, mean, 1);
    return values;
  });
}

function gsnrOf(samples: Float32Array[], shards?: number) {
  return measureGsnr({
    groups: [{ name: "all", members: [0] }],
    units: samples.length,
    shards,
    gradientsOf: (unit) => [tensor(samples[unit])],
  })[0];
}

Deno.test("the GSNR of known gradients is unbiased, where the plug-in is off by 1 / M", () => {
  const dimension = 200, units = 20, redraws = 200, mean = 0.1;
  const truth = mean * mean; // |E g|^2 / tr Cov g with unit variances
  const estimates = Array.from(
    { length: redraws },
    (_, seed) => gsnrOf(draw(seed, dimension, units, mean)).gsnr,
  );
  const average = estimates.reduce((sum, value) => sum + value, 0) / redraws;
  const variance = estimates.reduce((sum, value) => sum + (value - average) ** 2, 0) /
    (redraws - 1);
  const standardError = Math.sqrt(variance / redraws);
  assert(Math.abs(average - truth) < 3 * standardError + truth * 1e-3);
  assert(Math.abs(average + 1 / units - truth) > 10 * standardError, "the test can see the bias");
});

Deno.test("the jackknife's standard error is the spread over redraws", () => {
  const estimates = Array.from({ length: 100 }, (_, seed) => gsnrOf(draw(seed, 50, 200, 0.2)));
  const average = estimates.reduce((sum, { gsnr }) => sum + gsnr, 0) / 100;
  const spread = Math.sqrt(
    estimates.reduce((sum, { gsnr }) => sum + (gsnr - average) ** 2, 0) / 99,
  );
  const jackknife = estimates.reduce((sum, { standardError }) => sum + standardError, 0) / 100;
  assert(Math.abs(jackknife / spread - 1) < 0.25);
});

Deno.test("the GSNR of two opposite gradients is minus one half", () => {
  // m = 0, v = 2 |g|^2, so the signal is -v / 2.
  const result = gsnrOf([new Float32Array([1, 2]), new Float32Array([-1, -2])]);
  assertAlmostEquals(result.gsnr, -0.5, 1e-12);
});

Deno.test("fewer than two units are refused", () => {
  assertThrows(() => gsnrOf([new Float32Array([1])]), ValueError, "at least two units");
});
