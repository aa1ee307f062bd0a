// GSNR of tokens over twin pairs, against a plain loop of single pairs.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { CoritDetector } from "../../corit/mod.ts";
import { type Batch, emptyBatch } from "../../data/batch.ts";
import { measureGsnr } from "../../instruments/mod.ts";
import { tensorsOf } from "../../studies/run_probe.ts";
import { tokenGsnr } from "../../studies/run_gsnr.ts";
import { recordingOn, scoped } from "../../tensor/mod.ts";
import { RandomStream } from "../../tensor/random.ts";

/** A batch of noise in twin pairs, with masks. */
function noise(pairs: number, seed: number): Batch {
  const random = new RandomStream(seed);
  const batch = emptyBatch(2 * pairs, 16);
  batch.images.forEach((_, at) => batch.images[at] = random.uniform(0, 255));
  batch.labels.forEach((_, at) => batch.labels[at] = at % 2);
  batch.hasMask.fill(1);
  batch.masks.forEach((_, at) => batch.masks[at] = at % 512 >= 256 && at % 3 === 0 ? 1 : 0);
  return batch;
}

/** One pair of a batch by itself. */
function pairOf(batch: Batch, pair: number): Batch {
  const one = emptyBatch(2, batch.size);
  const plane = batch.size ** 2;
  one.images.set(batch.images.subarray(pair * 6 * plane, (pair + 1) * 6 * plane));
  one.labels.set(batch.labels.subarray(2 * pair, 2 * pair + 2));
  one.hasMask.set(batch.hasMask.subarray(2 * pair, 2 * pair + 2));
  one.masks.set(batch.masks.subarray(pair * 2 * plane, (pair + 1) * 2 * plane));
  return one;
}

Deno.test("GSNR of tokens is that of single pairs' own backward passes", () => {
  const detector = CoritDetector.create({
    preset: "starter",
    imageSize: 16,
    width: 8,
    heads: 1,
    depth: 2,
    seed: 0,
    device: "wasm",
  }).evaluate();
  const batches = [noise(3, 1), noise(3, 2)];
  const found = tokenGsnr(detector, batches);
  assertEquals(found.map(({ name, units }) => [name, units]), [["block 1", 6], ["block 2", 6]]);
  const expected = measureGsnr({
    groups: [0, 1].map((member) => ({ name: `block ${member + 1}`, members: [member] })),
    units: 6,
    gradientsOf: (unit) => {
      const one = tensorsOf(pairOf(batches[Math.floor(unit / 3)], unit % 3));
      const { loss, taps } = recordingOn(() => detector.lossWithTaps(one));
      // The pair's own gradient: its two tokens' parts added, as one vector.
      return gradients(loss, taps.map(({ tokens }) => tokens)).map((each) => each.sum(0));
    },
  });
  scoped(() => {
    found.forEach(({ gsnr, signal, noise }, at) => {
      assertAlmostEquals(signal / expected[at].signal, 1, 1e-3);
      assertAlmostEquals(noise / expected[at].noise, 1, 1e-3);
      assertAlmostEquals(gsnr, expected[at].gsnr, 1e-4 + 1e-3 * Math.abs(expected[at].gsnr));
    });
  });
});
