// Ways to tune an encoder: what is trained, by name and number, and what low-rank updates compute.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { gradients } from "../../autograd/mod.ts";
import { ConfigError } from "../../errors.ts";
import {
  ClipImageEncoder,
  Linear,
  mergeLowRank,
  Module,
  Parameter,
  tune,
  type TuneOptions,
  tuningWays,
  VisionTransformer,
} from "../../nn/mod.ts";
import {
  matmul,
  mul,
  RandomStream,
  randomUniform,
  sum,
  type Tensor,
  transpose,
} from "../../tensor/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";

const device = "reference";
const sizes = { imageSize: 8, patchSize: 4, width: 8, depth: 3, heads: 2 } as const;

/** A detector as others build one: an encoder and what reads it. */
class Detector extends Module {
  readonly encoder = ClipImageEncoder.create({ ...sizes, projection: 0, device });
  readonly readOut = new Linear(8, 1, { random: 1, device });

  forward(images: Tensor): Tensor {
    return this.readOut.forward(this.encoder.forward(images));
  }
}

function draw(shape: readonly number[], seed: number, high = 1): Tensor {
  return randomUniform([...shape], { random: new RandomStream(seed), low: -high, high, device });
}

const norm = 2 * 8;
const block = 2 * norm + (24 * 8 + 24) + (8 * 8 + 8) + (32 * 8 + 32) + (8 * 32 + 8);
const readOut = 8 + 1;

/** What each way trains, counted by hand. */
const counts: readonly (readonly [TuneOptions, number])[] = [
  [{ way: "probe" }, readOut],
  [{ way: "norms" }, readOut + (3 * 2 + 2) * norm],
  [{ way: "last" }, readOut + 2 * block + norm],
  [{ way: "last", blocks: 3 }, readOut + 3 * block + norm],
  [{ way: "norms", blocks: 1 }, readOut + (2 + 1) * norm],
  [{ way: "effort" }, readOut + 3 * 4 * (8 + 1 + 8)],
  [{ way: "low-rank", blocks: 1 }, readOut + 4 * (8 + 24 + 8 + 8)],
  [{ way: "low-rank" }, readOut + 3 * 4 * (8 + 24 + 8 + 8)],
  [{ way: "low-rank", rank: 1, targets: ["fc1", "fc2"] }, readOut + 3 * (8 + 32 + 32 + 8)],
  [{ way: "full" }, readOut + 3 * block + 2 * norm + 8 + 5 * 8 + 3 * 16 * 8],
];
for (const [options, count] of counts) {
  Deno.test(`tuning by ${JSON.stringify(options)} trains what it says, counted and listed`, () => {
    const model = new Detector();
    const tuned = tune(model, options);
    assertEquals(tuned.count, count);
    assertEquals([...tuned.trained.values()].reduce((a, b) => a + b), count);
    const trained = [...model.namedParameters()].filter(([, { trained }]) => trained);
    assertEquals([...tuned.trained.keys()], trained.map(([name]) => name));
    assert(tuned.trained.has("read_out.weight"));
    assertStringIncludes(`${tuned}`, `${count} of ${tuned.total} parameters are trained`);
  });
}

Deno.test("a later way replaces an earlier one, and a transformer alone keeps its own head", () => {
  const model = VisionTransformer.create({ ...sizes, preset: "tiny", device });
  tune(model, { way: "full" });
  assertEquals([...tune(model, { way: "probe" }).trained.keys()], ["head.weight", "head.bias"]);
});

/** Gives every update's second factor values, which begin as zero. */
function stir(model: Module): void {
  let seed = 10;
  for (const [name, parameter] of model.namedParameters()) {
    if (name.endsWith(".low_rank.b")) parameter.value = draw(parameter.shape, seed++);
  }
}

Deno.test("low-rank updates change nothing at first; merged, they give the same and leave no name", () => {
  const model = new Detector();
  const images = draw([2, 3, 8, 8], 1, 128);
  const names = [...model.namedParameters().keys()];
  const before = model.forward(images).dataSync();
  tune(model, { way: "low-rank", rank: 2, scale: 0.5, targets: ["qkv", "proj", "fc1", "fc2"] });
  assertEquals(model.forward(images).dataSync(), before);
  stir(model);
  const tuned = model.forward(images).dataSync();
  assert(tuned.some((value, at) => Math.abs(value - before[at]) > 1e-3));
  assertEquals(mergeLowRank(model), 3 * 4);
  assertEquals([...model.namedParameters().keys()], names);
  const merged = model.forward(images).dataSync();
  assertClose(merged, tuned, { tolerance: 1e-9, floor: magnitudeOf(tuned) }, "merged");
});

Deno.test("the gradients of an update are those of the weight it stands for", () => {
  const [batch, inputs, outputs, scale] = [5, 8, 24, 0.5];
  const model = new Detector();
  tune(model, { way: "low-rank", rank: 2, scale });
  stir(model);
  const layer = model.encoder.blocks[0].attn.qkv;
  const { a, b } = layer.lowRank!;
  const x = draw([batch, inputs], 2);
  const outputGradient = draw([batch, outputs], 3);
  const [ofA, ofB] = gradients(sum(mul(layer.forward(x), outputGradient)), [a.value, b.value]);
  // d loss / d W = G' x, and W' = W + scale * b a.
  const ofWeight = matmul(transpose(outputGradient), x);
  const compare = (found: Tensor, wanted: Tensor, what: string) => {
    const values = wanted.mul(scale).dataSync();
    assertClose(found.dataSync(), values, { tolerance: 1e-10, floor: magnitudeOf(values) }, what);
  };
  compare(ofA, matmul(transpose(b.value), ofWeight), "a");
  compare(ofB, matmul(ofWeight, transpose(a.value)), "b");
});

Deno.test("what cannot be tuned is a ConfigError that says what can", () => {
  const model = new Detector();
  const wrong: readonly (readonly [TuneOptions, string])[] = [
    [{ way: "lora" as "norms" }, tuningWays.join(", ")],
    [{ way: "last", blocks: 4 }, "1 to 3"],
    [{ way: "low-rank", rank: 0 }, "rank must be"],
    [{ way: "low-rank", targets: [] }, "qkv, proj, fc1, fc2"],
  ];
  for (const [options, words] of wrong) {
    assertThrows(() => tune(model, options), ConfigError, words);
  }
  tune(model, { way: "low-rank" });
  assertThrows(() => tune(model, { way: "low-rank" }), ConfigError, "merge it first");
  assertThrows(
    () => tune(new Linear(2, 1, { random: 0 }), { way: "full" }),
    ConfigError,
    "found 0",
  );
  assert(model.encoder.clsToken instanceof Parameter);
});
