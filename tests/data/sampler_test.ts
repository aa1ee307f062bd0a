// Tests of the sampler: balance, twins, whole epochs, and batches by number alone.

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { BalancedSampler } from "../../data/sampler.ts";
import { ConfigError } from "../../errors.ts";
import { noiseCrops } from "./crops.ts";

const { arrays } = noiseCrops(30);

Deno.test("batches are half real, and twins come together", () => {
  const sampler = new BalancedSampler(arrays, { batchSize: 8 }, 0);
  assertEquals(sampler.batchesPerEpoch, 7);
  for (let position = 0; position < 7; position++) {
    const rows = sampler.rows(0, position);
    for (let i = 0; i < 8; i += 2) {
      assertEquals([arrays.labels[rows[i]], arrays.labels[rows[i + 1]]], [0, 1]);
      assertEquals(arrays.pairs[rows[i]], arrays.pairs[rows[i + 1]]);
    }
  }
});

Deno.test("twins apart never meet in a batch, and every crop comes once an epoch", () => {
  const sampler = new BalancedSampler(arrays, { batchSize: 6, twins: "apart" }, 0);
  assertEquals(sampler.batchesPerEpoch, 10);
  const seen: number[] = [];
  for (let position = 0; position < 10; position++) {
    const rows = [...sampler.rows(3, position)];
    assertEquals(new Set(rows.map((row) => arrays.pairs[row])).size, 6);
    assertEquals(rows.filter((row) => arrays.labels[row] === 1).length, 3);
    seen.push(...rows);
  }
  assertEquals(seen.sort((a, b) => a - b), [...Array(60).keys()]);
});

Deno.test("equal families take turns, together and apart", () => {
  for (const twins of ["together", "apart"] as const) {
    const options = { batchSize: 12, families: "equal", twins } as const;
    const sampler = new BalancedSampler(arrays, options, 5);
    for (let position = 0; position < sampler.batchesPerEpoch; position++) {
      const rows = [...sampler.rows(0, position)];
      const ofFamily = (family: number) =>
        rows.filter((row) => arrays.families[row] === family).length;
      assertEquals([ofFamily(0), ofFamily(1), ofFamily(2)], [6, 3, 3]);
      if (twins === "apart") assertEquals(new Set(rows.map((row) => arrays.pairs[row])).size, 12);
    }
  }
});

Deno.test("a batch depends on seed, epoch and position alone", () => {
  const options = { batchSize: 10 };
  const first = new BalancedSampler(arrays, options, 1);
  const second = new BalancedSampler(arrays, options, 1);
  for (let position = 0; position < 5; position++) first.rows(0, position);
  assertEquals([...first.rows(2, 4)], [...second.rows(2, 4)]);
  assertNotEquals([...first.rows(2, 4)], [...first.rows(1, 4)]);
  assertNotEquals([...first.rows(2, 4)], [...new BalancedSampler(arrays, options, 2).rows(2, 4)]);
});

Deno.test("without twins each class goes through its own order; the smaller one repeats", () => {
  const labels = Uint8Array.from({ length: 20 }, (_, i) => (i < 15 ? 0 : 1));
  const unpaired = { labels, families: labels, pairs: new Int32Array(20).fill(-1) };
  const sampler = new BalancedSampler(unpaired, { batchSize: 6 }, 0);
  assertEquals(sampler.batchesPerEpoch, 5);
  const counts = new Array(20).fill(0);
  for (let position = 0; position < 5; position++) {
    for (const row of sampler.rows(0, position)) counts[row]++;
  }
  assert(counts.slice(0, 15).every((count) => count === 1));
  assert(counts.slice(15).every((count) => count === 3));
  assertThrows(
    () => new BalancedSampler(unpaired, { batchSize: 6, twins: "together" }, 0),
    ConfigError,
    "has a twin",
  );
});

Deno.test("batches that cannot be filled are refused", () => {
  const make = (batchSize: number) => () => new BalancedSampler(arrays, { batchSize }, 0);
  assertThrows(make(7), ConfigError, "even");
  assertThrows(make(0), ConfigError);
  assertThrows(make(62), ConfigError, "at most 60");
  assertThrows(
    () => new BalancedSampler(arrays, { batchSize: 32, twins: "apart" }, 0),
    ConfigError,
    "at least 32 pairs",
  );
  const real = { ...arrays, labels: new Uint8Array(60) };
  assertThrows(() => new BalancedSampler(real, { batchSize: 4 }, 0), ConfigError, "both classes");
});
