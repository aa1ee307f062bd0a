// Tests of crop sets and their file: everything comes back, and no damaged file is taken for a whole one.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { CropSet } from "../../data/crop_set.ts";
import { readCropSet, writeCropSet } from "../../data/crop_set_file.ts";
import { FormatError, ValueError } from "../../errors.ts";
import { RandomStream } from "../../tensor/random.ts";
import { noiseCrops } from "./crops.ts";

Deno.test("a set tells family, source, encoding, recipe and mask of a crop", () => {
  const set = noiseCrops(6);
  assertEquals([set.count, set.size, set.family(1), set.source(3)], [12, 16, "local", "b"]);
  assertEquals(set.encoding(0), { quality: 90, chromaSubsampling: "4:4:4" });
  assertEquals(set.encoding(2), { quality: 90, chromaSubsampling: "4:2:0" });
  assertEquals(set.recipe(4), { row: 4 });
  assertEquals([...set.image(2).data], [...set.arrays.pixels.subarray(2 * 768, 3 * 768)]);
  assert(set.mask(0).every((value) => value === 0), "real");
  assert(set.mask(11).every((value) => value === 1), "whole frame");
  const stored = set.arrays.maskStore.subarray(256, 512);
  set.mask(3).forEach((value, i) => assert(Math.abs(value - stored[i] / 255) < 1e-7));
});

Deno.test("arrays of differing lengths are refused", () => {
  const { arrays, familyNames, sourceNames, recipeLines } = noiseCrops(3);
  assertThrows(
    () =>
      new CropSet({ ...arrays, pairs: arrays.pairs.subarray(1) }, {
        familyNames,
        sourceNames,
        recipeLines,
      }),
    ValueError,
    "6 elements in pairs",
  );
});

Deno.test("a written set comes back as it was", async () => {
  const set = noiseCrops(7);
  const path = join(await Deno.makeTempDir(), "set.crops");
  await writeCropSet(path, set);
  const read = await readCropSet(path);
  for (const [name, values] of Object.entries(set.arrays)) {
    assertEquals(read.arrays[name as keyof typeof set.arrays], values, name);
  }
  assertEquals(read.familyNames, set.familyNames);
  assertEquals(read.sourceNames, set.sourceNames);
  assertEquals(read.recipeLines, set.recipeLines);
});

Deno.test("every cut and every flipped bit is noticed", async () => {
  const path = join(await Deno.makeTempDir(), "set.crops");
  await writeCropSet(path, noiseCrops(3));
  const whole = await Deno.readFile(path);
  const random = new RandomStream(1);
  for (let i = 0; i < 60; i++) {
    const damaged = i % 2 === 0 ? whole.slice(0, random.integer(whole.length)) : whole.slice();
    if (i % 2 === 1) damaged[random.integer(i < 30 ? 200 : whole.length)] ^= 1 << random.integer(8);
    await Deno.writeFile(path, damaged);
    await assertRejects(() => readCropSet(path), FormatError, path);
  }
});
