// Scores under distortion: the detector sees the distorted crops, each score in its crop's place.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { mean, reshape } from "../../tensor/operations/mod.ts";
import { scoreDistorted } from "../../training/distorted.ts";
import { scoreCrops, type Scorer } from "../../training/scoring.ts";
import { syntheticSplits } from "./synthetic.ts";

/** Scores by brightness. */
const brightness: Scorer = (images) => mean(reshape(images, [images.shape[0], -1]), 1).mul(1 / 255);

Deno.test("contrast scales every crop's brightness, in the set's order", async () => {
  const pairs = { train: 2, validation: 2, test: 40 };
  const { test } = syntheticSplits({ size: 16, families: ["swap"], pairs });
  const clean = await scoreCrops(brightness, test);
  const darker = await scoreDistorted(brightness, test, { distortion: "contrast", level: 3 });
  assertEquals(darker.length, 80);
  // Half a grey level of rounding at most.
  clean.forEach((score, row) => assertAlmostEquals(darker[row], 0.6 * score, 0.5 / 255));
  const again = await scoreDistorted(brightness, test, { distortion: "noise", level: 3 });
  assertEquals(again, await scoreDistorted(brightness, test, { distortion: "noise", level: 3 }));
});
