// Tests of resampling and cropping against closed forms and against sharp's kernels.

import { assert, assertEquals, assertThrows } from "@std/assert";
import sharp from "sharp";
import type { Image } from "../../data/image.ts";
import { crop, resample, type ResampleFilter, resize } from "../../data/resize.ts";
import { ValueError } from "../../errors.ts";

const FILTERS: readonly ResampleFilter[] = ["box", "bilinear", "bicubic", "lanczos"];

/** A smooth picture with values well inside the bytes. */
function waves(width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const x = Math.floor(i / 3) % width, y = Math.floor(i / 3 / width);
    data[i] = 128 + 50 * Math.sin(x / 9 + i % 3) + 40 * Math.cos(y / 8);
  }
  return { width, height, data };
}

Deno.test("every filter keeps a constant picture and a picture of the same size", () => {
  const constant = { width: 9, height: 7, data: new Uint8Array(189).fill(77) };
  const image = waves(9, 7);
  for (const filter of FILTERS) {
    for (const [width, height] of [[3, 2], [9, 7], [20, 11]]) {
      assert(resize(constant, width, height, filter).data.every((value) => value === 77));
    }
    assertEquals([...resize(image, 9, 7, filter).data], [...image.data]);
  }
});

Deno.test("box by a whole factor is the mean of each block", () => {
  const image = waves(12, 8);
  const half = resize(image, 6, 4, "box");
  for (let y = 0; y < 4; y++) {
    for (let x = 0; x < 6; x++) {
      for (let c = 0; c < 3; c++) {
        const at = (dy: number, dx: number) => image.data[((2 * y + dy) * 12 + 2 * x + dx) * 3 + c];
        const mean = (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4;
        assert(Math.abs(half.data[(y * 6 + x) * 3 + c] - mean) <= 0.5);
      }
    }
  }
});

Deno.test("bilinear doubling weighs the two nearest pixels 3 : 1", () => {
  const image = { width: 2, height: 1, data: new Uint8Array([0, 0, 0, 200, 200, 200]) };
  const doubled = resize(image, 4, 1, "bilinear");
  assertEquals([...doubled.data].filter((_, i) => i % 3 === 0), [0, 50, 150, 200]);
});

Deno.test("bicubic and Lanczos reduction agree with sharp's within two grey levels", async () => {
  const image = waves(90, 60);
  for (const [filter, kernel] of [["bicubic", "cubic"], ["lanczos", "lanczos3"]] as const) {
    const ours = resize(image, 30, 20, filter);
    const theirs = await sharp(image.data, { raw: { width: 90, height: 60, channels: 3 } })
      .resize(30, 20, { kernel, fit: "fill", fastShrinkOnLoad: false }).raw().toBuffer();
    ours.data.forEach((value, i) => assert(Math.abs(value - theirs[i]) <= 2, `${filter} ${i}`));
  }
});

Deno.test("resampling a region equals cutting it from the whole resampled picture", () => {
  const image = waves(96, 96);
  for (const filter of FILTERS) {
    const whole = resize(image, 48, 48, filter);
    const part = resample(image, { left: 20, top: 32, width: 40, height: 24 }, 20, 12, filter);
    const expected = crop(whole, { left: 10, top: 16, width: 20, height: 12 });
    assertEquals([...part.data], [...expected.data]);
  }
});

Deno.test("a region half a pixel to the right shifts a ramp by half its step", () => {
  const ramp = {
    width: 32,
    height: 1,
    data: new Uint8Array(96).map((_, i) => 4 * Math.floor(i / 3)),
  };
  const shifted = resample(ramp, { left: 8.5, top: 0, width: 16, height: 1 }, 16, 1, "bicubic");
  for (let x = 0; x < 16; x++) assertEquals(shifted.data[x * 3], 4 * (x + 8) + 2);
});

Deno.test("regions outside the picture are refused", () => {
  const image = waves(8, 8);
  const region = { left: 4, top: 0, width: 5, height: 8 };
  assertThrows(() => resample(image, region, 4, 4, "box"), ValueError, "not inside");
  assertThrows(() => crop(image, region), ValueError, "inside the 8 x 8");
  assertThrows(() => crop(image, { left: 0.5, top: 0, width: 2, height: 2 }), ValueError);
});
