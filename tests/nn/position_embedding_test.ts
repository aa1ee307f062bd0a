// Position embeddings for other grids: as timm, transformers and DINOv2's own code have them; numbers from positions_golden.py.

import { assertEquals, assertThrows } from "@std/assert";
import { ValueError } from "../../errors.ts";
import { interpolatePositions, type PositionInterpolation } from "../../nn/mod.ts";
import { resize, zeros } from "../../tensor/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";
import { type GoldenTensor, placeGolden } from "../conformance/golden.ts";

/** One interpolation. */
interface PositionCase {
  readonly interpolation: PositionInterpolation;
  readonly grid: readonly [number, number];
  readonly positions: GoldenTensor;
  readonly resampled: GoldenTensor;
}

const cases = JSON.parse(
  await Deno.readTextFile(new URL("../golden/positions.json", import.meta.url)),
) as PositionCase[];

for (const { interpolation, grid, positions, resampled } of cases) {
  const side = Math.sqrt(positions.shape[1] - 1);
  Deno.test(`positions of ${side} x ${side} patches for ${grid.join(" x ")}, ${interpolation}, are PyTorch's`, () => {
    const found = interpolatePositions(placeGolden(positions, "reference"), grid, 1, interpolation);
    assertEquals(found.shape, resampled.shape);
    const { data } = resampled;
    assertClose(
      found.dataSync(),
      data,
      { tolerance: 1e-12, floor: magnitudeOf(data) },
      "positions",
    );
  });
}

Deno.test("antialiasing is refused where it is not defined", () => {
  const x = zeros([1, 4, 4], { device: "reference" });
  for (const options of [{ mode: "nearest" }, { mode: "bilinear", alignCorners: true }] as const) {
    assertThrows(() => resize(x, [2, 2], { ...options, antialias: true }), ValueError, "antialias");
  }
});
