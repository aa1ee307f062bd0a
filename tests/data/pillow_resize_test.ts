// Resizing and CLIP's preprocessing are Pillow's, byte for byte, on pictures that a formula draws.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { clipPlanes, clipSquare } from "../../data/clip_preprocess.ts";
import type { Image } from "../../data/image.ts";
import { resizeLikePillow } from "../../data/pillow_resize.ts";
import { ValueError } from "../../errors.ts";
import golden from "../golden/pillow.json" with { type: "json" };

/** The picture that tests/golden/pillow_golden.py draws. */
function picture(width: number, height: number, number: number): Image {
  let state = number + 1;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
        const column = Math.floor(x / (3 + channel)), row = Math.floor(y / (5 + number));
        const stripe = (column + row) % 2 ? 255 : 0;
        data[at++] = Math.floor((stripe * 3 + (state >> 16) % 256) / 4);
      }
    }
  }
  return { width, height, data };
}

function hash(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

Deno.test("the square that CLIP sees has Pillow's bytes", () => {
  golden.cases.forEach(({ width, height, size, input, output, first }, number) => {
    const image = picture(width, height, number);
    assertEquals(hash(image.data), input);
    const square = clipSquare(image, size);
    assertEquals([square.width, square.height], [size, size]);
    assertEquals([...square.data.subarray(0, first.length)], first);
    assertEquals(hash(square.data), output, `${width} x ${height} to ${size}`);
  });
});

Deno.test("normalization is by CLIP's means and deviations, plane by plane", () => {
  const planes = clipPlanes({ width: 1, height: 2, data: Uint8Array.of(0, 128, 255, 10, 20, 30) });
  const expected = [
    -0.48145466 / 0.26862954,
    (10 / 255 - 0.48145466) / 0.26862954,
    (128 / 255 - 0.4578275) / 0.26130258,
    (20 / 255 - 0.4578275) / 0.26130258,
    (1 - 0.40821073) / 0.27577711,
    (30 / 255 - 0.40821073) / 0.27577711,
  ];
  expected.forEach((value, i) => assertAlmostEquals(planes[i], value, 1e-6));
});

Deno.test("sizes that are not whole are refused", () => {
  const image = picture(4, 4, 0);
  assertThrows(() => clipSquare(image, 0), ValueError, "whole size");
  assertThrows(() => resizeLikePillow(image, 2.5, 2), ValueError, "2.5 x 2");
});
