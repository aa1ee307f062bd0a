// Cluster bootstrap intervals and statistics of seeds, against closed forms and SciPy.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DataError, ShapeError, ValueError } from "../../errors.ts";
import {
  bootstrapAuc,
  bootstrapIntervals,
  meanInterval,
  pearsonCorrelation,
  rocAuc,
  spearmanCorrelation,
} from "../../evaluation/mod.ts";
import { RandomStream } from "../../tensor/random.ts";
import golden from "../golden/metrics.json" with { type: "json" };

/** The statistic "weighted mean of values". */
function meanOf(values: readonly number[]): (counts: Float64Array) => number[] {
  return (counts) => {
    let sum = 0, total = 0;
    values.forEach((value, i) => {
      sum += value * counts[i];
      total += counts[i];
    });
    return [sum / total];
  };
}

/** Crops of photographs: each photograph moves the scores of all its crops. */
function crops(photographs: number, perPhotograph: number, seed: number) {
  const stream = new RandomStream(seed);
  const scores: number[] = [], labels: number[] = [], sources: string[] = [];
  for (let photograph = 0; photograph < photographs; photograph++) {
    const shift = stream.normal(0, 0.5);
    for (let crop = 0; crop < perPhotograph; crop++) {
      for (const label of [0, 1]) {
        scores.push(shift + stream.normal(label, 1));
        labels.push(label);
        sources.push(`photograph ${photograph}`);
      }
    }
  }
  return { scores, labels, sources };
}

Deno.test("the interval of a mean over sources is the normal one: mean +- 1.96 sd / sqrt(n)", () => {
  const stream = new RandomStream(3);
  const values = Array.from({ length: 200 }, () => stream.normal());
  const sources = values.map((_, i) => `${i}`);
  const [interval] = bootstrapIntervals(sources, meanOf(values), { redraws: 8000 });
  const mean = values.reduce((sum, value) => sum + value, 0) / 200;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 200);
  const halfWidth = 1.959964 * deviation / Math.sqrt(200);
  // 8,000 redraws leave about 2 % of noise on each end.
  assertAlmostEquals(interval.low, mean - halfWidth, 0.06 * halfWidth);
  assertAlmostEquals(interval.high, mean + halfWidth, 0.06 * halfWidth);
  assertEquals([interval.level, interval.redraws], [0.95, 8000]);
});

Deno.test("more copies of the same crops make the interval no narrower", () => {
  const once = crops(30, 1, 1);
  const tenfold = {
    scores: Array(10).fill(once.scores).flat(),
    labels: Array(10).fill(once.labels).flat(),
    sources: Array(10).fill(once.sources).flat(),
  };
  const narrow = bootstrapAuc(once), copied = bootstrapAuc(tenfold);
  assertAlmostEquals(copied.low, narrow.low, 1e-12);
  assertAlmostEquals(copied.high, narrow.high, 1e-12);
});

Deno.test("an AUC redraw equals the AUC of the redrawn samples", () => {
  const { scores, labels, sources } = crops(6, 4, 2);
  const seen: number[][] = [];
  bootstrapIntervals(sources, (counts) => {
    seen.push(Array.from(counts));
    return [0];
  }, { redraws: 50, seed: 9 });
  const repeated = seen.map((counts) => {
    const kept = counts.flatMap((count, i) => Array<number>(count).fill(i));
    return rocAuc(kept.map((i) => scores[i]), kept.map((i) => labels[i]));
  }).sort((a, b) => a - b);
  const interval = bootstrapAuc({ scores, labels, sources }, {
    redraws: 50,
    seed: 9,
    level: 1 - 2 / 49,
  });
  // At this level the ends fall on the second and the last but one of 50 values.
  assertAlmostEquals(interval.low, repeated[1], 1e-12);
  assertAlmostEquals(interval.high, repeated[48], 1e-12);
});

Deno.test("every redraw keeps sources whole and draws as many as there are", () => {
  const { sources } = crops(7, 3, 4);
  bootstrapIntervals(sources, (counts) => {
    let drawn = 0;
    for (let i = 0; i < sources.length; i += 6) {
      for (let j = 1; j < 6; j++) assertEquals(counts[i + j], counts[i]);
      drawn += counts[i];
    }
    assertEquals(drawn, 7);
    return [0];
  }, { redraws: 100 });
});

Deno.test("the interval holds the AUC, narrows with its level, and follows its seed to the bit", () => {
  const samples = crops(40, 5, 5);
  const auc = rocAuc(samples.scores, samples.labels);
  const wide = bootstrapAuc(samples), half = bootstrapAuc(samples, { level: 0.5 });
  assert(wide.low < half.low && half.low < auc && auc < half.high && half.high < wide.high);
  assertEquals(bootstrapAuc(samples, { seed: 0 }), wide);
  assert(bootstrapAuc(samples, { seed: 1 }).low !== wide.low);
});

Deno.test("a redraw that lacks a class is drawn again; where most do, an error says so", () => {
  const few = {
    scores: [0.1, 0.2, 0.8, 0.9],
    labels: [0, 0, 1, 1],
    sources: ["a", "b", "c", "d"],
  };
  assertEquals(bootstrapAuc(few).redraws, 2000);
  const sources = Array.from({ length: 40 }, (_, i) => `${i}`);
  assertThrows(
    () => bootstrapIntervals(sources, (counts) => counts[0] > 1 ? [1] : undefined, { redraws: 50 }),
    DataError,
    "lack a class",
  );
});

Deno.test("bootstrap options and sources out of range are refused", () => {
  const samples = crops(3, 1, 6);
  assertThrows(() => bootstrapAuc(samples, { redraws: 0 }), ValueError, "redraws");
  assertThrows(() => bootstrapAuc(samples, { level: 1 }), ValueError, "level");
  assertThrows(
    () => bootstrapAuc({ ...samples, sources: samples.sources.slice(1) }),
    ShapeError,
    "sources",
  );
  assertThrows(
    () => bootstrapAuc({ ...samples, sources: samples.sources.map(() => "one") }),
    DataError,
    "at least 2 source photographs",
  );
});

Deno.test("correlations and the t-interval equal SciPy's, ties included", () => {
  assertEquals(golden.series.length, 20);
  for (const { x, y, pearson, spearman, mean, low, high } of golden.series) {
    assertAlmostEquals(pearsonCorrelation(x, y), pearson, 1e-12);
    assertAlmostEquals(spearmanCorrelation(x, y), spearman, 1e-12);
    const interval = meanInterval(y);
    assertAlmostEquals(interval.mean, mean, 1e-12);
    assertAlmostEquals(interval.low, low, 1e-8);
    assertAlmostEquals(interval.high, high, 1e-8);
  }
});

Deno.test("a series too short, constant or not finite is refused", () => {
  assertThrows(() => meanInterval([0.8]), DataError, "at least 2");
  assertThrows(() => meanInterval([0.8, NaN]), ValueError, "NaN");
  assertThrows(() => meanInterval([0.8, 0.9], 95), ValueError, "level");
  assertThrows(() => pearsonCorrelation([1, 2], [1]), ShapeError, "2 and 1");
  assertThrows(() => spearmanCorrelation([1, 2], [3, 3]), DataError, "constant");
});
