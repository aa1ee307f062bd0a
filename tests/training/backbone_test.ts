// A run on a pretrained encoder: its options, what it stores, and that it can be gone on with and loaded.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ConfigError, FormatError } from "../../errors.ts";
import { ClipImageEncoder, tune, withoutInitialValues } from "../../nn/mod.ts";
import { scoped } from "../../tensor/mod.ts";
import { backboneSizes } from "../../training/backbone_names.ts";
import { parseTrainingConfig } from "../../training/config.ts";
import { makeDetector } from "../../training/model.ts";
import { decodeDetector, encodeDetector, fingerprintIn } from "../../training/saved_weights.ts";
import { backbones } from "../../weights/mod.ts";

Deno.test("a backbone fixes sizes and brings its own defaults; a transformer from nothing keeps its", () => {
  const plain = parseTrainingConfig({});
  assertEquals([plain.backbone, plain.imageSize, plain.patchSize], ["none", 64, 8]);
  const probe = parseTrainingConfig({ backbone: "clip-vit-b16" });
  assertEquals([probe.tune, probe.imageSize, probe.patchSize], ["probe", 112, 16]);
  assertEquals([probe.patchInputs, probe.maskLossWeight, probe.gsnrEvery], [[], 0, 0]);
  // At most 3,000 crops in all.
  assert(2 * (probe.trainPairs + probe.validationPairs + probe.testPairs) <= 3000);
  assertEquals(parseTrainingConfig({ backbone: "clip-vit-b16", tune: "last" }).maskLossWeight, 1);
  const refused: readonly (readonly [Record<string, unknown>, string])[] = [
    [{ backbone: "clip" }, "clip-vit-b16"],
    [{ backbone: "clip-vit-b16", patchSize: 8 }, "patches of 16"],
    [{ backbone: "clip-vit-b16", imageSize: 100 }, "multiple"],
    [{ backbone: "clip-vit-b16", tune: "last", tuneBlocks: 13 }, "12 blocks"],
    [{ backbone: "clip-vit-b16", mixup: 0.2 }, "mix pixels"],
  ];
  for (const [options, text] of refused) {
    assertStringIncludes(
      assertThrows(() => parseTrainingConfig(options), ConfigError).message,
      text,
    );
  }
});

Deno.test("the sizes that options follow from are the encoders' own", () => {
  assertEquals(Object.keys(backboneSizes).sort(), Object.keys(backbones).sort());
  // The small ones: the largest alone takes more than a gigabyte.
  for (const name of ["dinov2-small", "dinov2-small-registers"] as const) {
    const { patchSize, depth, imageSize } = backboneSizes[name];
    const { config } = withoutInitialValues(() => backbones[name].make({ imageSize }));
    assertEquals([config.patchSize, config.depth], [patchSize, depth]);
  }
});

/** A small encoder with the configuration's way to tune. */
function detectorOf(way: "probe" | "effort" | "low-rank", seed: number) {
  const config = parseTrainingConfig({ backbone: "clip-vit-b16", tune: way });
  const sizes = { imageSize: 32, width: 16, depth: 3, heads: 2, projection: 0 } as const;
  const detector = makeDetector(config, ClipImageEncoder.create({ ...sizes, seed }));
  tune(detector, { way, ...(way === "probe" ? {} : { blocks: 1 }) });
  return detector;
}

for (const way of ["probe", "effort", "low-rank"] as const) {
  Deno.test(`a run tuned by ${way} stores what the encoder's own file lacks, and nothing else`, () => {
    const detector = detectorOf(way, 1);
    const trained = [...detector.namedParameters()].filter(([, { trained }]) => trained);
    trained.forEach(([, cell], at) => {
      scoped(() => cell.value = cell.value.mul(1.5 + at));
    });
    const bytes = encodeDetector(detector, "weights one");
    assertEquals(fingerprintIn(bytes), "weights one");
    const all = detector.parameterCount() * 4;
    assert(bytes.length < all / 2, `${bytes.length} bytes of ${all}`);
    const again = detectorOf(way, 1);
    decodeDetector(bytes, again, "weights one");
    for (const [name, { value }] of detector.namedParameters()) {
      const found = again.namedParameters().get(name)!.value.dataSync();
      assertEquals([...found], [...value.dataSync()], name);
    }
    assertThrows(() => decodeDetector(bytes, again, "weights two"), FormatError, "other weights");
  });
}

Deno.test("a configuration with a backbone and a detector without one do not go together", () => {
  const config = parseTrainingConfig({ backbone: "clip-vit-b16" });
  assertThrows(() => makeDetector(config), ConfigError, "an encoder with its weights");
});

Deno.test("weights that cannot be had are told in one line", async () => {
  const { makeRunDetector } = await import("../../training/backbone.ts");
  const before = ["HF_ENDPOINT", "HF_HOME", "CORIT_CACHE"].map((name) =>
    [name, Deno.env.get(name)] as const
  );
  const folder = await Deno.makeTempDir();
  try {
    Deno.env.set("HF_ENDPOINT", "http://127.0.0.1:9");
    Deno.env.set("HF_HOME", folder);
    Deno.env.set("CORIT_CACHE", folder);
    const config = parseTrainingConfig({ backbone: "dinov2-small" });
    const error = await assertRejects(() => makeRunDetector(config), Error);
    assertEquals(error.message.split("\n").length, 1);
    assertStringIncludes(error.message, "127.0.0.1:9");
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
    await Deno.remove(folder, { recursive: true });
  }
});
