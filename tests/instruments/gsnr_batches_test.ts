// Exact and streaming GSNR against a plain loop over units.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { gradients, type PerSampleStatistics, perSampleStatistics } from "../../autograd/mod.ts";
import { GradientError, ValueError } from "../../errors.ts";
import { GradientStatistics, measureGsnr, measureGsnrInBatches } from "../../instruments/mod.ts";
import { VisionTransformer } from "../../nn/mod.ts";
import {
  crossEntropy,
  narrow,
  RandomStream,
  scoped,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";

const device = "reference";

/** A small model with fixed data of `samples` samples, and the losses of some of them. */
function problem(samples: number) {
  const vit = VisionTransformer.create({
    imageSize: 8,
    patchSize: 4,
    width: 8,
    heads: 2,
    depth: 2,
    mlpRatio: 1,
    device,
  });
  const values = new Float32Array(samples * 3 * 64);
  new RandomStream(3).fillUniform(values, 0, 255);
  const images = tensor(values, { shape: [samples, 3, 8, 8], device });
  const labels = Int32Array.from({ length: samples }, (_, at) => at % 2);
  const losses = (first: number, count: number): Tensor =>
    crossEntropy(
      vit.forward(narrow(images, 0, first, count)),
      tensor(labels.slice(first, first + count), { device }),
      { reduction: "none" },
    );
  const parameters = [...vit.namedParameters().values()].map(({ value }) => value);
  const groups = [
    { name: "model", members: parameters.map((_, at) => at) },
    { name: "first", members: [0] },
  ];
  return { vit, images, labels, losses, parameters, groups };
}

Deno.test("GSNR in batches is that of single units, interval and all", () => {
  const batches = 6, perBatch = 2, samplesPerUnit = 2;
  const { losses, parameters, groups } = problem(batches * perBatch * samplesPerUnit);
  const found = measureGsnrInBatches({
    groups,
    parameters,
    batches,
    samplesPerUnit,
    lossesOf: (batch) => ({ losses: losses(batch * perBatch * samplesPerUnit, 4) }),
  });
  // Unit u of the loop goes to shard u % batches: take units in the order that puts a batch's units there.
  const single = measureGsnr({
    groups,
    units: batches * perBatch,
    shards: batches,
    gradientsOf: (unit) => {
      const [batch, within] = [unit % batches, Math.floor(unit / batches)];
      return gradients(losses(2 * (batch * perBatch + within), 2).mean(), parameters);
    },
  });
  found.forEach((group, at) => {
    const expected = single[at];
    assertEquals(group.units, expected.units);
    for (const key of ["gsnr", "signal", "noise", "plugIn"] as const) {
      assertAlmostEquals(group[key], expected[key], 1e-9 * Math.abs(expected[key]) + 1e-12, key);
    }
    // The shards' sums are kept in float32.
    assertAlmostEquals(group.standardError, expected.standardError, 1e-5 * expected.standardError);
  });
});

/** Statistics of given gradients, as a walk would make them. */
function statisticsOf(units: readonly Float32Array[]): PerSampleStatistics[] {
  const sum = new Float64Array(units[0].length), squares = new Float64Array(units[0].length);
  for (const unit of units) {
    unit.forEach((value, at) => {
      sum[at] += value;
      squares[at] += value * value;
    });
  }
  return [{
    sum: tensor(sum, { device }),
    squares: tensor(squares, { device }),
    squaredNorms: undefined,
    gradients: undefined,
  }];
}

function draw(random: RandomStream, count: number, dimension: number, mean: number) {
  return Array.from({ length: count }, () => {
    const values = new Float32Array(dimension);
    random.fillNormal(values, mean, 1);
    return values;
  });
}

Deno.test("the unclipped estimator is unbiased over 2,000 redraws; the plug-in is off by 1 / M", () => {
  const dimension = 1000, units = 4, redraws = 2000, mean = 0.1;
  const random = new RandomStream(0);
  const estimates: number[] = [], plugIns: number[] = [];
  for (let redraw = 0; redraw < redraws; redraw++) {
    scoped(() => {
      const statistics = new GradientStatistics({ shards: 0 });
      statistics.add(statisticsOf(draw(random, units, dimension, mean)), units);
      const { gsnr, plugIn } = statistics.group({ name: "all", members: [0] });
      estimates.push(gsnr);
      plugIns.push(plugIn);
    });
  }
  const average = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const centre = average(estimates);
  const variance = average(estimates.map((each) => (each - centre) ** 2));
  const standardError = Math.sqrt(variance / redraws);
  assert(Math.abs(centre - mean * mean) < 3 * standardError, `${centre} +- ${standardError}`);
  assertAlmostEquals(average(plugIns) - centre, 1 / units, 1e-9);
});

Deno.test("streams merge into what one stream would have gathered", () => {
  const random = new RandomStream(1);
  const batches = Array.from({ length: 8 }, (_, at) => draw(random, 2 + at % 3, 30, 5 + at));
  const gather = (some: typeof batches) => {
    const statistics = new GradientStatistics({ shards: 4 });
    some.forEach((batch, at) =>
      statistics.add(statisticsOf(batch), batch.length, at % 2 === 0 ? "even" : "odd")
    );
    return statistics;
  };
  const whole = gather(batches);
  const merged = gather(batches.slice(0, 4));
  merged.merge(gather(batches.slice(4)));
  const group = { name: "all", members: [0] };
  const [a, b] = [whole.group(group), merged.group(group)];
  assertEquals(a.units, b.units);
  for (const key of ["gsnr", "signal", "noise"] as const) {
    assertAlmostEquals(a[key], b[key], 1e-9 * Math.abs(a[key]), key);
  }
  // The shards' sums are kept in float32.
  assertAlmostEquals(a.standardError, b.standardError, 1e-5 * a.standardError);
  whole.elements(0).forEach((ratio, at) => assertAlmostEquals(ratio, merged.elements(0)[at], 1e-9));
});

Deno.test("the ratio of an element is (m^2 - v / M) / v of its own gradients", () => {
  const units = draw(new RandomStream(2), 7, 5, 1);
  const statistics = new GradientStatistics({ shards: 0 });
  for (const [first, last] of [[0, 3], [3, 7]]) {
    statistics.add(statisticsOf(units.slice(first, last)), last - first);
  }
  statistics.elements(0).forEach((ratio, at) => {
    const values = units.map((unit) => unit[at]);
    const m = values.reduce((a, b) => a + b, 0) / 7;
    const v = values.reduce((total, value) => total + (value - m) ** 2, 0) / 6;
    assertAlmostEquals(ratio, (m * m - v / 7) / v, 1e-9);
  });
});

Deno.test("within classes, what opposite classes have in common is found; without, it drowns", () => {
  // Class c's gradients are common + (+-) 10 apart: the mean is `common`, the noise within a class 1 an element.
  const dimension = 400, common = 0.5;
  const [pooled, stratified] = [false, true].map((within) => {
    const statistics = new GradientStatistics();
    const random = new RandomStream(4);
    for (let batch = 0; batch < 40; batch++) {
      const sign = batch % 2 === 0 ? 1 : -1;
      const units = draw(random, 8, dimension, common + 10 * sign);
      statistics.add(statisticsOf(units), 8, within ? String(sign) : undefined);
    }
    return statistics.group({ name: "all", members: [0] });
  });
  assertAlmostEquals(stratified.gsnr, common * common, 4 * stratified.standardError);
  assert(stratified.standardError < 0.02);
  assert(pooled.gsnr < 0.01);
});

Deno.test("the GSNR of tokens is that of single backward passes to the tokens", () => {
  const samples = 8;
  const { vit, images, labels } = problem(samples);
  const run = (first: number, count: number) => {
    const { taps, tokens } = vit.forwardTokens(narrow(images, 0, first, count), { taps: [0, 1] });
    const target = tensor(labels.slice(first, first + count), { device });
    const losses = crossEntropy(vit.forwardHead(tokens), target, { reduction: "none" });
    return { losses, tokens: [taps.get(0)!, taps.get(1)!] };
  };
  const groups = [{ name: "embedding", members: [0] }, { name: "block 1", members: [1] }];
  const found = measureGsnrInBatches({
    groups,
    parameters: [],
    batches: 2,
    lossesOf: (batch) => run(4 * batch, 4),
  });
  const single = measureGsnr({
    groups,
    units: samples,
    gradientsOf: (unit) => {
      const { losses, tokens } = run(unit, 1);
      return gradients(losses.sum(), tokens);
    },
  });
  found.forEach(({ gsnr }, at) => assertAlmostEquals(gsnr, single[at].gsnr, 1e-9));
  assertThrows(
    () =>
      measureGsnrInBatches({
        groups,
        parameters: [],
        batches: 1,
        lossesOf: () => ({ losses: run(0, 4).losses, tokens: [vit.posEmbed.value] }),
      }),
    GradientError,
    "no part for each",
  );
});

Deno.test("one unit, or missing squares, are refused", () => {
  const statistics = new GradientStatistics();
  assertThrows(() => statistics.group({ name: "none", members: [] }), ValueError, "two units");
  const weight = tensor([[1]], { device }), x = tensor([[1], [2]], { device });
  const losses = x.matmul(weight).reshape([2]);
  const without = perSampleStatistics(losses, [weight], { squares: false });
  assertThrows(() => statistics.add(without, 2), ValueError, "squares");
});
