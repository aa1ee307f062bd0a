// The hierarchy: what it joins, in which order, with which weights.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { gradientCheck } from "../../autograd/mod.ts";
import { integrateHierarchy } from "../../corit/mod.ts";
import { ConfigError } from "../../errors.ts";
import { ones } from "../../tensor/mod.ts";
import { assertClose, average, dot, exact, normal, normalized, scaled, vectors } from "./oracle.ts";

const grid = [2, 3] as const;
const depths = [normal(1, [2, 7, 4]), normal(2, [2, 7, 4], 5), normal(3, [2, 7, 4])];
const mask = exact([[1, 0, 0, 1, 1, 0], [0, 0, 1, 0, 0, 0]]);
const inside = mask.toArray() as number[][];

Deno.test("each depth gives its normalized class token and its normalized mean over the region, times its share", () => {
  const weights = [0.5, 1, 2];
  const total = Math.sqrt(2 * (0.25 + 1 + 4));
  const expected = [0, 1].map((b) =>
    depths.flatMap((depth, at) => {
      const [classToken, ...patches] = vectors(depth)[b];
      const region = average(patches.filter((_, patch) => inside[b][patch]));
      return [classToken, region].flatMap((part) => scaled(normalized(part), weights[at] / total));
    })
  );
  const found = integrateHierarchy(depths, { grid, mask, weights });
  assertEquals(found.shape, [2, 3 * 2 * 4]);
  assertClose(found.toArray(), expected, 1e-12);
});

Deno.test("the result is as long as one normalized token, for any depths and weights", () => {
  for (
    const [taps, weights] of [[depths, undefined], [depths, [3, 1, 7]], [
      depths.slice(1),
      undefined,
    ]] as const
  ) {
    for (const h of integrateHierarchy(taps, { grid, mask, weights }).toArray() as number[][]) {
      assertAlmostEquals(dot(h, h), 4, 1e-3);
    }
  }
});

Deno.test("the weights are equal where none are given, and count by their ratios", () => {
  const given = integrateHierarchy(depths, { grid, mask, weights: [8, 8, 8] });
  assertClose(integrateHierarchy(depths, { grid, mask }).toArray(), given.toArray(), 1e-15);
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
    "3 depths and the weights [1, 2]",
  );
  assertThrows(
    () => integrateHierarchy(depths, { grid, mask: all, weights: [0, 0, 0] }),
    ConfigError,
    "not all 0",
  );
});
