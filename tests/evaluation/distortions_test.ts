// Distortions: what each does to a picture, in closed form.

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import type { Image } from "../../data/image.ts";
import { ConfigError } from "../../errors.ts";
import {
  distort,
  type DistortionName,
  distortionNames,
  distortions,
} from "../../evaluation/mod.ts";
import { RandomStream } from "../../tensor/random.ts";

const side = 64;

function imageOf(value: (x: number, y: number, channel: number) => number): Image {
  const data = new Uint8Array(side * side * 3);
  for (let at = 0; at < data.length; at++) {
    const pixel = Math.floor(at / 3);
    data[at] = value(pixel % side, Math.floor(pixel / side), at % 3);
  }
  return { width: side, height: side, data };
}

const flat = imageOf((_x, _y, channel) => [90, 120, 150][channel]);
const noise = new RandomStream(1);
const busy = imageOf(() => noise.integer(256));

function difference(a: Image, b: Image): number {
  return a.data.reduce((sum, value, at) => sum + Math.abs(value - b.data[at]), 0) / a.data.length;
}

const at = (image: Image, name: DistortionName, level: number) =>
  distort(image, name, level, new RandomStream(5));

Deno.test("every distortion has five levels, keeps the size, and grows with the level", async () => {
  assertEquals(distortionNames.length, 6);
  for (const name of distortionNames) {
    assertEquals(distortions[name].levels.length, 5);
    let before = 0;
    for (let level = 1; level <= 5; level++) {
      const changed = await at(busy, name, level);
      assertEquals([changed.width, changed.height, changed.data.length], [
        side,
        side,
        3 * side ** 2,
      ]);
      const found = difference(changed, busy);
      assert(found > before - 0.5, `${name} ${level}: ${found} after ${before}`);
      before = found;
    }
    assert(before > 5, name);
  }
});

Deno.test("blurring and resizing leave a flat picture, contrast scales it, saturation takes its colour", async () => {
  for (const name of ["blur", "resize"] as const) {
    for (let level = 1; level <= 5; level++) {
      assertEquals((await at(flat, name, level)).data, flat.data);
    }
  }
  assertEquals([...(await at(flat, "contrast", 3)).data.subarray(0, 3)], [54, 72, 90]);
  const grey = Math.round(0.299 * 90 + 0.587 * 120 + 0.114 * 150);
  assertEquals([...(await at(flat, "saturation", 5)).data.subarray(0, 3)], [grey, grey, grey]);
});

Deno.test("noise has the deviation that DeeperForensics gives it, and is the same from the same stream", async () => {
  for (const [index, variance] of distortions.noise.levels.slice(0, 3).entries()) {
    const { data } = await at(imageOf(() => 128), "noise", index + 1);
    let sum = 0, squares = 0;
    for (let pixel = 0; pixel < data.length; pixel += 3) {
      const luminance = 0.299 * data[pixel] + 0.587 * data[pixel + 1] + 0.114 * data[pixel + 2];
      sum += luminance;
      squares += luminance ** 2;
    }
    const count = side * side, mean = sum / count;
    const deviation = Math.sqrt(squares / count - mean ** 2);
    const wanted = Math.sqrt(variance) * 255 * 255 / 219;
    assertAlmostEquals(mean, 128, 4 * wanted / side);
    assertAlmostEquals(deviation / wanted, 1, 0.05);
  }
  assertEquals((await at(busy, "noise", 2)).data, (await at(busy, "noise", 2)).data);
});

Deno.test("an unknown level is refused with what there is", async () => {
  await assertRejects(() => at(flat, "jpeg", 6), ConfigError, "their levels 1 to 5");
  await assertRejects(() => at(flat, "jpeg", 0), ConfigError);
});
