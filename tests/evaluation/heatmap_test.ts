// The heat map over an image: its size, its blending and its interpolation, by closed forms.

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import sharp from "sharp";
import { ShapeError, ValueError } from "../../errors.ts";
import { colourOf, heatmapPng } from "../../evaluation/mod.ts";

/** A grey image and a 2 x 2 map of zeros over it. */
function input(grey = 100, height = 64, width = 64) {
  return {
    values: [0, 0, 0, 0],
    gridHeight: 2,
    gridWidth: 2,
    pixels: new Uint8Array(height * width * 3).fill(grey),
    height,
    width,
  };
}

/** The pixels of a PNG. */
async function decode(png: Uint8Array) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x)).subarray(0, 3)];
  return { at, data, width: info.width, height: info.height };
}

Deno.test("small crops grow until the shorter side is viewable; large ones keep their size", async () => {
  const small = await decode(await heatmapPng(input(100, 64, 96)));
  assertEquals([small.height, small.width], [256, 384]);
  const large = await decode(await heatmapPng(input(100, 300, 400)));
  assertEquals([large.height, large.width], [300, 400]);
  const asked = await decode(await heatmapPng({ ...input(), shortestSide: 128 }));
  assertEquals([asked.height, asked.width], [128, 128]);
});

Deno.test("where the map is 0 the image shows, where it is 1 at full opacity the last colour", async () => {
  const none = await decode(await heatmapPng(input(77)));
  assert(none.data.every((byte) => byte === 77));
  const full = await decode(
    await heatmapPng({ ...input(77), values: [1, 1, 1, 1], opacity: 1, colourMap: "viridis" }),
  );
  assertEquals(full.at(10, 200), colourOf("viridis", 1));
});

Deno.test("colour blends with the image by opacity times value", async () => {
  const png = await heatmapPng({ ...input(200), values: [0.5, 0.5, 0.5, 0.5], opacity: 0.6 });
  const expected = colourOf("inferno", 128 / 255).map((channel) =>
    Math.round(200 + 0.3 * (channel - 200))
  );
  assertEquals((await decode(png)).at(128, 128), expected);
});

Deno.test("between token centres the map is linear, beyond them constant, rows and columns in place", async () => {
  // Black image, full opacity, viridis: the colour table inverts to the value.
  const picture = await decode(
    await heatmapPng({
      ...input(0, 256, 256),
      values: [0.2, 0.4, 0.6, 1],
      opacity: 1,
      colourMap: "viridis",
    }),
  );
  const valueAt = (x: number, y: number): number => {
    const found = picture.at(x, y);
    let best = 0, distance = Infinity;
    for (let i = 0; i <= 255; i++) {
      const colour = colourOf("viridis", i / 255).map((byte) => byte * i / 255);
      const gap = colour.reduce((sum, byte, channel) => sum + Math.abs(byte - found[channel]), 0);
      if (gap < distance) {
        best = i / 255;
        distance = gap;
      }
    }
    return best;
  };
  assertAlmostEquals(valueAt(0, 0), 0.2, 0.006);
  assertAlmostEquals(valueAt(255, 0), 0.4, 0.006);
  assertAlmostEquals(valueAt(0, 255), 0.6, 0.006);
  assertAlmostEquals(valueAt(255, 255), 1, 0.006);
  // The centres of a 2 x 2 grid lie at 64 and 192; 128 is half-way, 96 a quarter.
  assertAlmostEquals(valueAt(128, 20), 0.3, 0.006);
  assertAlmostEquals(valueAt(96, 20), 0.25, 0.006);
  assertAlmostEquals(valueAt(128, 128), (0.2 + 0.4 + 0.6 + 1) / 4, 0.006);
});

Deno.test("a range stretches the map, and values beyond it take the nearer end", async () => {
  const stretched = await heatmapPng({ ...input(), values: [-5, 10, 20, 99], range: [10, 20] });
  const plain = await heatmapPng({ ...input(), values: [-1.5, 0, 1, 8.9] });
  assertEquals(stretched, plain);
});

Deno.test("a heat map that does not fit its image is refused with a typed error", async () => {
  await assertRejects(() => heatmapPng({ ...input(), values: [0] }), ShapeError, "needs 4 values");
  await assertRejects(() => heatmapPng({ ...input(), height: 63 }), ShapeError, "12096 bytes");
  await assertRejects(() => heatmapPng({ ...input(), gridWidth: 0 }), ShapeError, "gridWidth");
  await assertRejects(
    () => heatmapPng({ ...input(), values: [0, NaN, 0, 0] }),
    ValueError,
    "values[1] is NaN",
  );
  await assertRejects(() => heatmapPng({ ...input(), range: [1, 1] }), ValueError, "range");
  await assertRejects(() => heatmapPng({ ...input(), opacity: 2 }), ValueError, "opacity");
  await assertRejects(
    () => heatmapPng({ ...input(), shortestSide: 0 }),
    ValueError,
    "shortestSide",
  );
});
