// Tests of the Gaussian blur against its definition.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { gaussianBlur } from "../../data/blur.ts";

Deno.test("a point becomes the normalised product of two Gaussians", () => {
  const size = 15, sigma = 1.3, radius = 4;
  const point = new Float32Array(size * size);
  point[7 * size + 7] = 1;
  const blurred = gaussianBlur(point, size, size, 1, sigma);
  const weight = (d: number) => Math.abs(d) <= radius ? Math.exp(-0.5 * (d / sigma) ** 2) : 0;
  let total = 0;
  for (let d = -radius; d <= radius; d++) total += weight(d);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const expected = weight(x - 7) * weight(y - 7) / total ** 2;
      assertAlmostEquals(blurred[y * size + x], expected, 1e-6);
    }
  }
});

Deno.test("channels do not mix, borders are mirrored, constants stay", () => {
  const values = new Float32Array(4 * 3 * 2).map((_, i) => i % 2 === 0 ? 5 : 9);
  const blurred = gaussianBlur(values, 4, 3, 2, 3);
  blurred.forEach((value, i) => assertAlmostEquals(value, i % 2 === 0 ? 5 : 9, 1e-5));
});

Deno.test("sigma 0 copies", () => {
  assertEquals([...gaussianBlur([1, 2, 3], 1, 3, 1, 0)], [1, 2, 3]);
});
