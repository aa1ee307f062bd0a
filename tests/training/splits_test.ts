// A folder's pictures become the splits that a configuration asks for.

import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError, DataError } from "../../errors.ts";
import { parseTrainingConfig } from "../../training/config.ts";
import { imageThreshold } from "../../training/detection.ts";
import { hasTwins } from "../../training/gsnr_probe.ts";
import { countSplit, familiesOf, makeSplits, makeTest } from "../../training/splits.ts";
import { inFolder, writePictures } from "../end_to_end/command.ts";

/** The splits of a folder of 48 pairs, half of them swaps, half spectral. */
function splitsOf(folder: string, options: Record<string, unknown>) {
  const config = parseTrainingConfig({ data: folder, imageSize: 32, ...options });
  return makeSplits(config, () => {});
}

Deno.test("without names every family of a folder is trained on, except those kept for the test", () =>
  inFolder(async (folder) => {
    await writePictures(folder);
    const all = await splitsOf(folder, {});
    for (const set of Object.values(all)) {
      assertEquals(familiesOf(set).sort(), ["spectral", "swap"]);
    }
    assert(hasTwins(all.train));
    const { train, validation, test } = await splitsOf(folder, { testFamilies: ["swap"] });
    assertEquals(familiesOf(train), ["spectral"]);
    assertEquals(familiesOf(validation), ["spectral"]);
    assertEquals(familiesOf(test).sort(), ["spectral", "swap"]);
    // The real crops stay, and so do the pictures of each split.
    assertEquals(countSplit(train).photographs, countSplit(all.train).photographs);
    for (let row = 0; row < train.count; row++) {
      const same = Array.from({ length: all.train.count }, (_, at) => at).find((at) =>
        all.train.source(at) === train.source(row) && all.train.family(at) === train.family(row)
      );
      assertEquals(train.image(row), all.train.image(same!));
    }
  }));

Deno.test("a family that a folder lacks is named, with the nearest that it has", () =>
  inFolder(async (folder) => {
    await writePictures(folder);
    const error = await assertRejects(() => splitsOf(folder, { families: ["swop"] }), DataError);
    assertEquals(
      error.message,
      `${folder}: there is no family "swop", only spectral, swap; did you mean "swap"?`,
    );
  }));

Deno.test("the test split alone holds all its families", () =>
  inFolder(async (folder) => {
    await writePictures(folder);
    const config = parseTrainingConfig({ data: folder, imageSize: 32, families: ["swap"] });
    const test = await makeTest(config, () => {});
    assertEquals(familiesOf(test).sort(), ["spectral", "swap"]);
  }));

Deno.test("a mean over windows is held against the middle of real and forged crops", () => {
  const validation = { auc: 0.9, threshold: 0.3, meanReal: 0.4, meanForged: 0.7 };
  assertEquals(imageThreshold(validation, 1), 0.3);
  assertAlmostEquals(imageThreshold(validation, 2), 0.55, 1e-12);
});

Deno.test("trained on one family, the test holds every other too; broken pictures are told and left out", () =>
  inFolder(async (folder) => {
    await writePictures(folder);
    await Deno.writeFile(`${folder}/real/broken.png`, new Uint8Array(3));
    const config = parseTrainingConfig({ data: folder, imageSize: 32, trainOn: "swap" });
    assertEquals([config.families, config.testFamilies], [["swap"], []]);
    await assertRejects(() => makeSplits(config, () => {}), DataError, "real/broken.png");
    const told: string[] = [];
    const splits = await makeSplits({ ...config, skipBroken: true }, () => {}, {
      onReport: (report) => told.push(`${report.layout}: ${report.problems.length} problem`),
      onSkipped: (problems) => told.push(`${problems.length} left out`),
    });
    assertEquals(told, ["real and fake folders: 1 problem", "1 left out"]);
    assertEquals(familiesOf(splits.train), ["swap"]);
    assertEquals(familiesOf(splits.validation), ["swap"]);
    assertEquals(familiesOf(splits.test).sort(), ["spectral", "swap"]);
    assertThrows(
      () => parseTrainingConfig({ trainOn: "swap", families: ["spectral"] }),
      ConfigError,
      "trains on that family alone",
    );
    assertEquals(parseTrainingConfig({ trainOn: "swap" }).testFamilies.includes("upsample"), true);
  }));
