// Windows cover an image of any size, and their maps join without a seam.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DataError } from "../../errors.ts";
import { joinMaps, windowPixels, windowsOf } from "../../training/windows.ts";

function grey(width: number, height: number) {
  return { width, height, data: new Uint8Array(width * height * 3).fill(128) };
}

const sides = fc.tuple(fc.integer({ min: 10, max: 200 }), fc.integer({ min: 10, max: 200 }));

Deno.test("an image of the detector's size is one window of its own pixels", () => {
  const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => i % 251);
  const image = { width: 16, height: 16, data };
  const view = windowsOf(image, 16);
  assertEquals(view.corners, [[0, 0]]);
  assert(view.image === image);
  const pixels = windowPixels(view);
  for (let i = 0; i < 256; i++) {
    for (let channel = 0; channel < 3; channel++) {
      assertEquals(pixels[channel * 256 + i], data[3 * i + channel]);
    }
  }
});

Deno.test("windows lie inside the image and leave no pixel out", () => {
  fc.assert(fc.property(sides, ([width, height]) => {
    const { image, corners, size } = windowsOf(grey(width, height), 16);
    const covered = new Uint8Array(image.width * image.height);
    for (const [left, top] of corners) {
      assert(left >= 0 && top >= 0 && left + size <= image.width && top + size <= image.height);
      for (let y = top; y < top + size; y++) {
        covered.fill(1, y * image.width + left, y * image.width + left + size);
      }
    }
    assert(covered.every((value) => value === 1));
  }));
});

Deno.test("only what is longer than nine windows is reduced, only what is smaller than one enlarged", () => {
  const sizeOf = (width: number, height: number) => {
    const { image } = windowsOf(grey(width, height), 16);
    return [image.width, image.height];
  };
  assertEquals(sizeOf(144, 100), [144, 100]);
  assertEquals(sizeOf(288, 144), [144, 72]);
  assertEquals(sizeOf(16, 16), [16, 16]);
  assertEquals(sizeOf(8, 12), [16, 24]);
  // Nine windows long would make it narrower than one.
  assertEquals(sizeOf(320, 20), [256, 16]);
});

Deno.test("an image that is too narrow is refused", () => {
  const error = assertThrows(() => windowsOf(grey(2100, 100), 16), DataError);
  assert(error.message.startsWith("an image of 2100 x 100 pixels is too narrow"), error.message);
});

Deno.test("equal values in all windows join to the same value everywhere", () => {
  fc.assert(fc.property(sides, ([width, height]) => {
    const view = windowsOf(grey(width, height), 16);
    const maps = new Float64Array(view.corners.length * 4).fill(0.25);
    const { values, gridHeight, gridWidth } = joinMaps(view, maps, [2, 2]);
    assertEquals(values.length, gridHeight * gridWidth);
    for (const value of values) assertAlmostEquals(value, 0.25, 1e-12);
  }));
});

Deno.test("a window's tokens join at their own place", () => {
  const view = windowsOf(grey(32, 16), 16);
  const { values, gridHeight, gridWidth } = joinMaps(view, [1, 2, 3, 4, 5, 6, 7, 8], [2, 2]);
  assertEquals([gridHeight, gridWidth], [2, 4]);
  assertEquals([...values], [1, 2, 5, 6, 3, 4, 7, 8]);
});
