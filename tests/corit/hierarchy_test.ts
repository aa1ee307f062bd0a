import { assertEquals, assertThrows } from "@std/assert";
import { gradientCheck } from "../../autograd/mod.ts";
import { integrateHierarchy } from "../../corit/mod.ts";
import { ConfigError } from "../../errors.ts";
import { ones } from "../../tensor/mod.ts";
import { assertClose, average, exact, normal, normalized, scaled, vectors } from "./oracle.ts";

const grid = [2, 3] as const;
const depths = [normal(1, [2, 7, 4]), normal(2, [2, 7, 4], 5), normal(3, [2, 7, 4])];
const mask = exact([[1, 0, 0, 1, 1, 0], [0, 0, 1, 0, 0, 0]]);
const inside = mask.toArray() as number[][];

Deno.test("each depth gives its normalized class token and the region's mean of normalized patches, times its weight", () => {
  const weights = [0.5, 1, 2];
  const expected = [0, 1].map((b) =>
    depths.flatMap((depth, at) => {
      const [classToken, ...patches] = vectors(depth)[b].map(normalized);
      const region = average(patches.filter((_, patch) => inside[b][patch]));
      return [...scaled(classToken, weights[at]), ...scaled(region, weights[at])];
    })
  );
  const found = integrateHierarchy(depths, { grid, mask, weights });
  assertEquals(found.shape, [2, 3 * 2 * 4]);
  assertClose(found.toArray(), expected, 1e-12);
});

Deno.test("the weights are one where none are given", () => {
  const given = integrateHierarchy(depths, { grid, mask, weights: [1, 1, 1] });
  assertEquals(integrateHierarchy(depths, { grid, mask }).toArray(), given.toArray());
});

Deno.test("gradients flow into every depth", () => {
  gradientCheck((...depths) => integrateHierarchy(depths, { grid, mask }), depths);
});

Deno.test("no depth, and a weight too few, are refused", () => {
  const all = ones([2, 6], { device: "reference" });
  assertThrows(() => integrateHierarchy([], { grid, mask: all }), ConfigError, "at least one");
  assertThrows(
    () => integrateHierarchy(depths, { grid, mask: all, weights: [1, 2] }),
    ConfigError,
    "3 depths and 2 weights",
  );
});
