// The probe's ratios are those of the twin pairs' own gradients, one backward pass each.

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { CoritDetector } from "../../corit/detector.ts";
import { emptyBatch, fillBatch } from "../../data/batch.ts";
import { augmentation } from "../../data/augment.ts";
import { DataError } from "../../errors.ts";
import { measureGsnr } from "../../instruments/gsnr.ts";
import { setDefaultDevice } from "../../tensor/mod.ts";
import { RandomStream } from "../../tensor/random.ts";
import { detectorBatch } from "../../training/batches.ts";
import { subsetOf } from "./crop_subset.ts";
import { groupsOf, GsnrProbe } from "../../training/gsnr_probe.ts";
import { syntheticSplits } from "./synthetic.ts";

// Local forgeries: every mask counts, so that a pair's loss does not depend on its batch.
const { train: set } = syntheticSplits({
  size: 16,
  families: ["swap", "self-blend"],
  pairs: { train: 24, validation: 2, test: 2 },
});
const options = { imageSize: 16, width: 16, depth: 2, heads: 2, dropout: 0.3, rrm: true } as const;

Deno.test("measured in batches, every group's ratio is that of single pairs", async () => {
  setDefaultDevice("wasm");
  const detector = CoritDetector.create(options);
  const parameters = [...detector.namedParameters()];
  const probe = await GsnrProbe.create(set, set.count, 0);
  const found = probe.measure(detector);

  const units: ReturnType<typeof emptyBatch>[] = [];
  for (let pair = 0; pair < 24; pair++) {
    const batch = emptyBatch(2, set.size);
    const unchanged = augmentation({ flip: { probability: 0 } });
    await fillBatch(batch, set.arrays, [2 * pair, 2 * pair + 1], unchanged, new RandomStream(0));
    units.push(batch);
  }
  detector.evaluate();
  const expected = measureGsnr({
    groups: groupsOf(parameters.map(([name]) => name)),
    units: units.length,
    gradientsOf: (unit) =>
      gradients(
        detector.loss(detectorBatch(units[unit])),
        parameters.map(([, { value }]) => value),
      ),
  });
  assertEquals(found.map(({ name }) => name), ["embedding", "block 1", "block 2", "head"]);
  found.forEach(({ gsnr, signal, noise, units }, at) => {
    assertEquals(units, 24);
    const scale = Math.abs(expected[at].noise);
    assertAlmostEquals(signal / scale, expected[at].signal / scale, 1e-4);
    assertAlmostEquals(noise / scale, 1, 1e-4);
    assertAlmostEquals(gsnr, expected[at].gsnr, 1e-4);
  });
});

Deno.test("a probe is the same for the same seed, and leaves the detector in training", async () => {
  const detector = CoritDetector.create(options);
  const weights = () => [...detector.namedBuffers().values()].map(({ value }) => value.toArray());
  const before = weights();
  const [first, second, other] = await Promise.all(
    [0, 0, 1].map((seed) => GsnrProbe.create(set, 8, seed)),
  );
  assertEquals(first.measure(detector), second.measure(detector));
  assert(first.measure(detector)[0].gsnr !== other.measure(detector)[0].gsnr);
  assert([...detector.namedModules().values()].every((module) => module.training));
  assertEquals(weights(), before);
});

Deno.test("a set without twins cannot be probed", async () => {
  const lonely = subsetOf(set, (row) => row % 4 === 0 || row % 4 === 3);
  await assertRejects(() => GsnrProbe.create(lonely, 8, 0), DataError, "needs twin pairs");
});
