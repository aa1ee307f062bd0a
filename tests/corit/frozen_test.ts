// What the frozen blocks make of images, kept and gone on from, gives the same scores, losses and gradients.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { CoritDetector, type DetectorOptions, pretrainedTaps } from "../../corit/mod.ts";
import { ConfigError } from "../../errors.ts";
import { tune, type TuneOptions, VisionTransformer } from "../../nn/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";
import { smallBatch } from "./small.ts";

/** A detector on a given encoder of four blocks; registers, since they must not be taken for patches. */
function detectorOn(tuning: TuneOptions, options: DetectorOptions = {}): CoritDetector {
  const backbone = VisionTransformer.create({
    preset: "tiny",
    device: "reference",
    imageSize: 16,
    patchSize: 4,
    width: 12,
    heads: 2,
    depth: 4,
    mlpRatio: 2,
    classes: 0,
    registers: 2,
    seed: 3,
  });
  const detector = CoritDetector.create({ backbone, device: "reference", seed: 1, ...options });
  tune(detector, tuning);
  return detector;
}

const settings: readonly (readonly [string, TuneOptions, DetectorOptions])[] = [
  ["a probe of pooled taps", { way: "probe" }, { maskLossWeight: 0 }],
  ["a probe with a head for patches", { way: "probe" }, {}],
  ["the last block", { way: "last", blocks: 1 }, {}],
  ["norms of two blocks, read at blocks 1 and 4", { way: "norms", blocks: 2 }, { taps: [1, 4] }],
  ["singular components, no hierarchy", { way: "effort", blocks: 1 }, { hri: false }],
  ["a plain transformer's probe", { way: "probe" }, { kind: "vit", maskLossWeight: 0 }],
];
for (const [what, tuning, options] of settings) {
  Deno.test(`${what}: going on from kept features gives what the whole pass gives`, () => {
    const detector = detectorOn(tuning, options);
    const batch = smallBatch();
    const part = detector.frozenPart()!;
    const kept = detector.passFrozen(batch.images, part);
    assertEquals(kept.tokens !== undefined, part.tokens);
    const close = (found: ArrayLike<number>, wanted: ArrayLike<number>, about: string) =>
      assertClose(found, wanted, { tolerance: 1e-9, floor: magnitudeOf(wanted) }, about);
    const scores = detector.probabilities(batch.images).dataSync();
    close(detector.probabilities(kept).dataSync(), scores, "scores");

    const { images: _images, ...truth } = batch;
    const whole = detector.losses(batch);
    const short = detector.losses({ ...truth, ...kept });
    const parameters = [...detector.namedParameters()].filter(([, { trained }]) => trained);
    const targets = parameters.map(([, { value }]) => value);
    for (const name of ["total", "classification", "mask"] as const) {
      assertAlmostEquals(short[name].item(), whole[name].item(), 1e-10, name);
    }
    const wanted = gradients(whole.total, targets);
    gradients(short.total, targets).forEach((found, at) =>
      close(found.dataSync(), wanted[at].dataSync(), parameters[at][0])
    );
  });
}

Deno.test("nothing is kept where every block learns, or where parts of CoRIT need all patches", () => {
  assertEquals(detectorOn({ way: "full" }).frozenPart(), undefined);
  assertEquals(detectorOn({ way: "norms" }).frozenPart(), undefined);
  assertEquals(detectorOn({ way: "probe" }, { rrm: true }).frozenPart(), undefined);
  assertEquals(detectorOn({ way: "probe" }, { rsi: true }).frozenPart(), undefined);
});

Deno.test("features that were kept for another way to tune are refused", () => {
  const probe = detectorOn({ way: "probe" }, { maskLossWeight: 0 });
  const last = detectorOn({ way: "last", blocks: 1 });
  const { images } = smallBatch();
  const kept = probe.passFrozen(images, probe.frozenPart()!);
  assertThrows(() => last.probabilities(kept), ConfigError, "another detector's");
});

Deno.test("without a head for patches, their map is the image's head on each patch by itself", () => {
  const detector = detectorOn({ way: "probe" }, { maskLossWeight: 0 });
  assertEquals(detector.maskHead, undefined);
  const { images } = smallBatch();
  const { tokenProbabilities } = detector.inspect(images);
  assertEquals(tokenProbabilities.shape, [8, 16]);
  // An image of one colour has patches that differ by their positions alone; here: patch 5 by hand.
  const taps = detector.parts!.taps;
  const { taps: found } = detector.backbone.forwardTokens(images, { taps });
  const standard = (vector: number[]): number[] => {
    const mean = vector.reduce((a, b) => a + b) / vector.length;
    const variance = vector.reduce((sum, value) => sum + (value - mean) ** 2, 0) / vector.length;
    return vector.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
  };
  const weight = (detector.head.weight.value.toArray() as number[][])[0];
  const [bias] = detector.head.bias!.value.toArray() as number[];
  const features = taps.flatMap((tap) => {
    const tokens = (found.get(tap)!.toArray() as number[][][])[2];
    return [...standard(tokens[0]), ...standard(tokens[1 + 2 + 5])];
  }).map((value) => value / Math.sqrt(2 * taps.length));
  const logit = features.reduce((sum, value, at) => sum + value * weight[at], bias);
  const seen = (tokenProbabilities.toArray() as number[][])[2][5];
  assertAlmostEquals(seen, 1 / (1 + Math.exp(-logit)), 1e-6);
});

Deno.test("a given encoder is read after blocks 4, 6, 8 and 12 of 12, and taken as it is", () => {
  assertEquals(pretrainedTaps(12), [4, 6, 8, 12]);
  assertEquals(pretrainedTaps(24), [8, 12, 16, 24]);
  const backbone = VisionTransformer.create({ preset: "tiny", depth: 1, classes: 0 });
  assertThrows(() => CoritDetector.create({ backbone, depth: 2 }), ConfigError, "depth");
  const withHead = VisionTransformer.create({ preset: "tiny", depth: 1 });
  assertThrows(() => CoritDetector.create({ backbone: withHead }), ConfigError, "head of its own");
  assert(CoritDetector.create({ backbone }).pretrained);
});
