// The empirical critical radius against curves whose half-skill radius is known, and its interval over seeds.

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { ConfigError } from "../../errors.ts";
import { empiricalCriticalRadius, halfSkillRadius } from "../../studies/empirical_radius.ts";
import { radiusText } from "../../studies/radius_estimate.ts";

const radii = [0, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64];

Deno.test("a skill that falls linearly in log rho is halved where the formula says", () => {
  // AUC 0.9 up to 0.02, then 0.05 less for every doubling: half of the skill, 0.7, is reached at 4 doublings.
  const aucs = radii.map((rho) => rho <= 0.02 ? 0.9 : 0.9 - 0.05 * Math.log2(rho / 0.02));
  assertAlmostEquals(halfSkillRadius(radii, aucs), 0.32, 1e-9);
});

Deno.test("between two radii the logarithm is interpolated, below the smallest the radius itself", () => {
  assertAlmostEquals(halfSkillRadius([0, 0.1, 0.4], [0.9, 0.8, 0.6]), 0.2, 1e-9);
  assertAlmostEquals(halfSkillRadius([0, 0.1, 0.4], [0.9, 0.5, 0.5]), 0.05, 1e-9);
});

Deno.test("the radius is where skill is first lost, not where it returns", () => {
  assertAlmostEquals(halfSkillRadius([0, 0.1, 0.4, 1], [0.9, 0.8, 0.6, 0.9]), 0.2, 1e-9);
});

Deno.test("a skill that is never lost has an infinite radius, a skill that never was none", () => {
  assertEquals(halfSkillRadius([0, 0.1], [0.9, 0.8]), Infinity);
  assertEquals(halfSkillRadius([0, 0.1], [0.5, 0.5]), NaN);
  const tried = { smallest: 0.01, largest: 0.64 };
  assertEquals([Infinity, 0.005, 0.1234, NaN].map((radius) => radiusText(radius, tried)), [
    "> 0.64",
    "< 0.01",
    "0.12",
    "none",
  ]);
});

Deno.test("every radius and seed is trained once, and the interval spans the seeds' own radii", async () => {
  const asked: [number, number][] = [];
  // Seed s loses half of its skill at 0.04 * 2^s.
  const estimate = await empiricalCriticalRadius({
    radii,
    seeds: [0, 1, 2],
    budget: 200,
    trainAt: (rho, seed) => {
      asked.push([rho, seed]);
      return rho === 0 ? 0.9 : 0.7 - 0.05 * (Math.log2(rho / 0.04) - seed);
    },
  });
  assertEquals(asked.length, 24);
  assertEquals(new Set(asked.map(String)).size, 24);
  // The mean over seeds is the middle seed's curve.
  assertAlmostEquals(estimate.radius, 0.08, 1e-9);
  const [low, high] = estimate.interval;
  assertAlmostEquals(low, 0.04, 1e-9);
  assertAlmostEquals(high, 0.16, 1e-9);
  assertEquals([estimate.estimator, estimate.over, estimate.budget], ["empirical", "3 seeds", 200]);
});

Deno.test("one seed gives a radius without an interval", async () => {
  const trainAt = (rho: number) => 0.9 - rho;
  const options = { radii: [0, 0.1, 0.4], budget: 1, trainAt };
  const { radius, interval } = await empiricalCriticalRadius({ ...options, seeds: [5] });
  assert(radius > 0.1 && radius < 0.4);
  assertEquals(interval, [NaN, NaN]);
});

Deno.test("radii that do not rise from 0 are refused", async () => {
  for (const radii of [[0.1, 0.2], [0, 0.2, 0.1], [0, 0]]) {
    await assertRejects(
      () => empiricalCriticalRadius({ radii, seeds: [0], budget: 1, trainAt: () => 0.9 }),
      ConfigError,
      "rise from 0",
    );
  }
});
