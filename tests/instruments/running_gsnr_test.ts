// The running estimate against gradients whose ratio is known, and its merging.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { RunningGsnr } from "../../instruments/mod.ts";
import { RandomStream } from "../../tensor/mod.ts";

/** Pairs of consecutive batch means of `units` units, each mean + standard normal noise. */
function* pairs(random: RandomStream, count: number, units: number, mean: number) {
  const dimension = 50;
  const draw = () => {
    const values = new Float32Array(dimension);
    random.fillNormal(values, mean, 1 / Math.sqrt(units));
    return values;
  };
  const dot = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, at) => sum + value * b[at], 0);
  let before = draw();
  for (let at = 0; at < count; at++) {
    const now = draw();
    yield { product: dot(before, now), square: (dot(before, before) + dot(now, now)) / 2 };
    before = now;
  }
}

Deno.test("the estimate is the ratio of single units, within its error", () => {
  const units = 8, mean = 0.2;
  const running = new RunningGsnr(units);
  for (const pair of pairs(new RandomStream(1), 600, units, mean)) running.add("all", pair);
  const { gsnr, standardError, pairs: count } = running.estimates().all;
  assertEquals(count, 600);
  assertAlmostEquals(gsnr, mean * mean, 4 * standardError);
  assert(standardError < 0.02 * mean);
});

Deno.test("its standard error is the spread over repeated streams", () => {
  const estimates = Array.from({ length: 60 }, (_, seed) => {
    const running = new RunningGsnr(4);
    for (const pair of pairs(new RandomStream(seed), 60, 4, 0.2)) running.add("all", pair);
    return running.estimates().all;
  });
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const centre = mean(estimates.map(({ gsnr }) => gsnr));
  const spread = Math.sqrt(mean(estimates.map(({ gsnr }) => (gsnr - centre) ** 2)));
  // Consecutive pairs share a batch, which the error leaves out.
  const told = mean(estimates.map(({ standardError }) => standardError));
  assert(told / spread > 0.6 && told / spread < 1.2, `${told} against ${spread}`);
});

Deno.test("streams merge into what one would have gathered, and go on from a saved state", () => {
  const all = [...pairs(new RandomStream(2), 30, 4, 0.3)];
  const gather = (some: typeof all) => {
    const running = new RunningGsnr(4);
    for (const [at, pair] of some.entries()) running.add(at % 3 === 0 ? "head" : "body", pair);
    return running;
  };
  const whole = gather(all);
  const merged = gather(all.slice(0, 12));
  merged.merge(gather(all.slice(12)));
  for (const group of ["head", "body"]) {
    const [a, b] = [whole.estimates()[group], merged.estimates()[group]];
    assertEquals(a.pairs, b.pairs);
    assertAlmostEquals(a.gsnr, b.gsnr, 1e-12);
    assertAlmostEquals(a.standardError, b.standardError, 1e-12);
  }
  const copy = new RunningGsnr(4);
  copy.restore(JSON.parse(JSON.stringify(whole.state())));
  assertEquals(copy.estimates(), whole.estimates());
  copy.clear();
  assertEquals(copy.estimates(), {});
});

Deno.test("without noise, or with one pair, there is no number to give", () => {
  const running = new RunningGsnr(2);
  running.add("still", { product: 1, square: 1 });
  running.add("once", { product: 1, square: 2 });
  const { still, once } = running.estimates();
  assertEquals(still.gsnr, NaN);
  assertEquals([once.gsnr, once.standardError], [0.5, NaN]);
});
