// The vision transformer against PyTorch, central differences and itself: values, gradients, taps, injection, sizes.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../errors.ts";
import { gradientCheck, gradients } from "../../autograd/mod.ts";
import {
  interpolatePositions,
  type Module,
  TransformerBlock,
  VisionTransformer,
  type VisionTransformerConfig,
  type VisionTransformerPreset,
} from "../../nn/mod.ts";
import {
  type Device,
  mul,
  RandomStream,
  randomUniform,
  sum,
  type Tensor,
  tensor,
} from "../../tensor/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";
import { allDevices } from "../conformance/devices.ts";
import { type GoldenCase, placeGolden, readGolden } from "../conformance/golden.ts";

const device = "reference";

interface GoldenOptions {
  readonly inputNames: readonly string[];
  readonly imageSize: number;
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly hidden: number;
  readonly classes: number;
  readonly pooling: "token" | "mean";
  readonly epsilon: number;
}

function modelOf(golden: GoldenCase, where: Device): Module & { forward(x: Tensor): Tensor } {
  const options = golden.options as unknown as GoldenOptions;
  if (golden.operation === "transformerBlock") {
    const width = golden.inputs[0].shape[2];
    const { heads, epsilon } = options;
    return new TransformerBlock(width, heads, { random: 0, device: where, mlpRatio: 2, epsilon });
  }
  const { imageSize, patchSize, width, depth, heads, hidden, classes, pooling, epsilon } = options;
  return VisionTransformer.create({
    ...{ imageSize, patchSize, width, depth, heads, classes, pooling, epsilon },
    preset: "tiny",
    mlpRatio: hidden / width,
    classToken: pooling === "token",
    normalization: { mean: 0, deviation: 1 },
    device: where,
  });
}

for (const where of allDevices) {
  for (const golden of readGolden("vision_transformer")) {
    Deno.test(`${golden.name} gives PyTorch's values and gradients on ${where}`, () => {
      const names = (golden.options as unknown as GoldenOptions).inputNames;
      const model = modelOf(golden, where);
      const inputs = golden.inputs.map((input) => placeGolden(input, where));
      model.loadStateDict(Object.fromEntries(names.map((name, at) => [name, inputs[at]]).slice(1)));
      const y = model.forward(inputs[0]);
      const close = (found: Tensor, expected: readonly number[], what: string) =>
        assertClose(
          found.dataSync(),
          expected,
          where === "reference"
            ? { tolerance: 1e-9, floor: 1e-3 }
            : { tolerance: 2e-5, floor: magnitudeOf(expected) },
          what,
        );
      close(y, golden.outputs[0].data, "output");
      const parameters = model.namedParameters();
      const targets = names.map((name, at) => at === 0 ? inputs[0] : parameters.get(name)!.value);
      const total = sum(mul(y, placeGolden(golden.outputGradients[0]!, where)));
      gradients(total, targets).forEach((gradient, at) =>
        close(gradient, golden.inputGradients[at]!.data, `gradient of ${names[at]}`)
      );
    });
  }
}

const tiny = {
  imageSize: 8,
  patchSize: 4,
  width: 8,
  depth: 2,
  heads: 2,
  mlpRatio: 1.5,
  device,
} as const;

function images(size = 8, batch = 2): Tensor {
  return randomUniform([batch, 3, size, size], {
    random: new RandomStream(size),
    high: 255,
    device,
  });
}

Deno.test("the gradient of a whole small model is that of central differences, images included", () => {
  const model = VisionTransformer.create({
    ...tiny,
    imageSize: 4,
    patchSize: 2,
    width: 4,
    depth: 1,
    seed: 4,
    layerScale: 0.5,
    inputs: ["rgb", "log-dct", "high-pass"],
  });
  // Larger weights than at the start, so that every part matters.
  for (const parameter of model.namedParameters().values()) {
    parameter.value = parameter.value.mul(4).add(0.01).detach();
  }
  const entries = [...model.namedParameters()];
  const x = images(4, 1);
  const { error } = gradientCheck(
    (...points) =>
      model.withTensors(
        Object.fromEntries(entries.map(([name], at) => [name, points[at]])),
        () => model.forward(points[entries.length].mul(100)),
      ),
    [...entries.map(([, parameter]) => parameter.value), x.div(100).detach()],
  );
  assert(error < 1e-6);
});

Deno.test("presets have timm's parameter counts and names", () => {
  // vit_tiny_patch16_224 as timm counts it.
  const model = VisionTransformer.create({ preset: "tiny", classes: 1000, device: "wasm" });
  assertEquals(model.parameterCount(), 5_717_416);
  const names = [...model.namedParameters().keys()];
  assertEquals(names.slice(0, 4), [
    "cls_token",
    "pos_embed",
    "patch_embed.proj.weight",
    "patch_embed.proj.bias",
  ]);
  assertEquals(names.slice(4, 16).map((name) => name.replace("blocks.0.", "")), [
    "norm1.weight",
    "norm1.bias",
    "attn.qkv.weight",
    "attn.qkv.bias",
    "attn.proj.weight",
    "attn.proj.bias",
    "norm2.weight",
    "norm2.bias",
    "mlp.fc1.weight",
    "mlp.fc1.bias",
    "mlp.fc2.weight",
    "mlp.fc2.bias",
  ]);
  assertEquals(names.slice(-4), ["norm.weight", "norm.bias", "head.weight", "head.bias"]);
});

Deno.test("the summary counts what the starter costs", () => {
  const model = VisionTransformer.create({ preset: "starter", device });
  model.freeze((name) => name.startsWith("blocks.0."));
  const summary = model.summary();
  assertEquals(summary.parameters, model.parameterCount());
  assertEquals(summary.trained, model.parameterCount({ trainedOnly: true }));
  // By hand: 64 patches of 384 values, then three blocks over 65 tokens of width 96.
  const block = 2 * 65 * 96 * (4 * 96) + 4 * 65 * 65 * 96 + 4 * 65 * 96 * 384;
  const fixed = 2 * 3 * 64 * 64 * 64;
  assertEquals(summary.flops, fixed + 2 * 64 * 384 * 96 + 3 * block + 2 * 96 * 2);
  const lines = summary.toString().split("\n");
  assertEquals(lines[0].split(/ {2,}/), ["layer", "output", "parameters", "trained", "MFLOP"]);
  assert(lines.at(-1)!.startsWith("total"));
});

Deno.test("taps are the tokens after each block, and the head reads the last", () => {
  const model = VisionTransformer.create({ ...tiny, seed: 1, pooling: "mean" });
  const x = images();
  const { tokens, taps, grid } = model.forwardTokens(x, { taps: [0, 1, 2] });
  assertEquals([grid, [...taps.keys()]], [[2, 2], [0, 1, 2]]);
  assertEquals(taps.get(0)!.toArray(), model.embed(x).toArray());
  assertEquals(taps.get(1)!.toArray(), model.blocks[0].forward(taps.get(0)!).toArray());
  assertEquals(taps.get(2)!.toArray(), tokens.toArray());
  assertEquals(model.forwardHead(tokens).toArray(), model.forward(x).toArray());
  const early = model.forwardTokens(x, { until: 1 });
  assertEquals(early.tokens.toArray(), taps.get(1)!.toArray());
});

Deno.test("what is injected after a block goes on, with the gradient", () => {
  const model = VisionTransformer.create({ ...tiny, seed: 1 });
  const x = images();
  const nudge = tensor(0.5, { device });
  const seen: number[] = [];
  const { tokens, taps } = model.forwardTokens(x, {
    taps: [1],
    readings: [1],
    afterBlock: (tokens, info) => {
      seen.push(info.block);
      assertEquals([info.depth, info.prefixTokens, info.grid], [2, 1, [2, 2]]);
      assertEquals(info.reading?.shape, info.block === 1 ? [2, 5] : undefined);
      return info.block === 1 ? tokens.add(nudge) : tokens;
    },
  });
  assertEquals(seen, [0, 1, 2]);
  const plain = model.forwardTokens(x, { until: 1 }).tokens;
  assertEquals(taps.get(1)!.toArray(), plain.add(0.5).toArray());
  assertEquals(tokens.toArray(), model.blocks[1].forward(plain.add(0.5)).toArray());
  const [gradient] = gradients(tokens.square().sum(), [nudge]);
  assert(Math.abs(gradient.item()) > 0);
});

Deno.test("readings are what the block's own attention tells, and change nothing", () => {
  const model = VisionTransformer.create({ ...tiny, seed: 1 });
  const x = images();
  const { tokens, readings } = model.forwardTokens(x, { readings: [2] });
  const { tokens: before } = model.forwardTokens(x, { until: 1 });
  assertEquals(tokens.toArray(), model.forwardTokens(x).tokens.toArray());
  assertEquals(readings.get(2)!.toArray(), model.blocks[1].inspect(before).reading.toArray());
});

Deno.test("blocks that do not exist, and readings without a class token, are refused", () => {
  const model = VisionTransformer.create({ ...tiny, pooling: "mean", classToken: false });
  const x = images();
  assertThrows(() => model.forwardTokens(x, { taps: [3] }), ConfigError, "taps names block 3");
  assertThrows(() => model.forwardTokens(x, { readings: [0] }), ConfigError, "blocks are 1 to 2");
  assertThrows(() => model.forwardTokens(x, { until: -1 }), ConfigError, "until names block -1");
  assertThrows(() => model.forwardTokens(x, { readings: [1] }), ConfigError, "class token");
});

Deno.test("stochastic depth grows linearly over the blocks", () => {
  const model = VisionTransformer.create({ ...tiny, depth: 5, dropPath: 0.2 });
  model.blocks.forEach((block, at) => assertAlmostEquals(block.dropPath2.rate, 0.05 * at));
});

Deno.test("images of another size need anyImageSize, and use interpolated positions then", () => {
  assertThrows(
    () => VisionTransformer.create(tiny).forward(images(12)),
    ConfigError,
    "anyImageSize",
  );
  const model = VisionTransformer.create({ ...tiny, anyImageSize: true });
  assertEquals(model.forward(images(12)).shape, [2, 2]);
  assertEquals(model.forwardTokens(images(12)).grid, [3, 3]);
});

Deno.test("interpolated positions keep the prefix, constants and the grid they had", () => {
  const positions = randomUniform([1, 1 + 9, 4], { random: new RandomStream(2), device });
  assert(interpolatePositions(positions, [3, 3], 1) === positions);
  const wide = interpolatePositions(positions, [3, 5], 1);
  assertEquals(wide.shape, [1, 16, 4]);
  const prefix = (x: Tensor): unknown => x.slice(0, 0).toArray();
  assertEquals(prefix(wide), prefix(positions));
  const flat = interpolatePositions(tensor([[[7], [3], [3], [3], [3]]], { device }), [4, 4], 1);
  const [first, ...others] = flat.dataSync();
  assertEquals(first, 7);
  others.forEach((value) => assertAlmostEquals(value, 3));
});

Deno.test("options that do not exist or do not fit are named", () => {
  const refused = (
    options: Partial<VisionTransformerConfig> & { preset?: VisionTransformerPreset },
    message: string,
  ) => assertThrows(() => VisionTransformer.create(options), ConfigError, message);
  refused({ preset: "huge" as VisionTransformerPreset }, "starter, tiny, small, base, large");
  refused({ imageSize: 60 }, "60 is no multiple of the patch size 8");
  refused({ heads: 5 }, "5 heads do not divide the width 96");
  refused({ depth: 0 }, "depth must be a whole number of at least 1");
  refused({ pooling: "token", classToken: false }, "needs a class token");
  refused({ widht: 8 } as Partial<VisionTransformerConfig>, "no option widht");
  refused({ inputs: ["rgb", "rgb"] }, "each once");
});
