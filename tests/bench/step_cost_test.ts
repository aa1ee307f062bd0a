// What the roofline counts for an encoder without running it is what running it counts, and what its formula says.

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { type EncoderSize, passCost, rooflineSeconds, stepCost } from "../../bench/step_cost.ts";

const size: EncoderSize = { imageSize: 32, patchSize: 8, width: 32, depth: 4, heads: 2 };
const batch = 5;
const { families, parameters } = stepCost(size, batch);

Deno.test("counts for more blocks and images are those of a step that has them", () => {
  const counted = passCost(size, batch);
  assertEquals(parameters, counted.parameters);
  for (const family of families) {
    if (["optimizer (AdamW)", "gradient norm"].includes(family.name)) continue;
    assertEquals(family, counted.families.get(family.name)!);
  }
});

Deno.test("products and attention are counted as their formulas say", () => {
  const { width, depth } = size;
  const flopsOf = (name: string) => families.find((family) => family.name === name)!.flops;
  const patches = 16, tokens = patches + 1;
  const blocks = 2 * batch * tokens * depth * 12 * width * width;
  const embedding = 2 * batch * patches * 3 * 8 * 8 * width;
  const head = 2 * batch * width * 2;
  // Forward, and twice as much backward; images need no gradient.
  assertEquals(flopsOf("matmul"), 3 * blocks + 2 * embedding + 3 * head);
  const scores = 2 * batch * tokens * tokens * width * depth;
  assertEquals(flopsOf("attention"), 2 * scores);
  assertEquals(flopsOf("attentionBackward"), 5 * scores);
  const optimizer = families.find(({ name }) => name.startsWith("optimizer"))!;
  assertEquals(optimizer.bytes, 28 * parameters);
});

Deno.test("a family takes as long as the slower of its numbers and its memory", () => {
  const limits = { name: "a processor", flops: 10, bandwidth: 2 };
  const cost = { name: "matmul", flops: 100, bytes: 4, launches: 1 };
  assertAlmostEquals(rooflineSeconds(cost, limits), 10);
  assertAlmostEquals(rooflineSeconds({ ...cost, bytes: 60 }, limits), 30);
});
