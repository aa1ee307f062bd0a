// A configuration becomes the detector and the optimizer that it names.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { defaultParts } from "../../corit/detector_options.ts";
import { FileError, FormatError } from "../../errors.ts";
import { visionTransformerPresets } from "../../nn/mod.ts";
import { ParameterArena } from "../../optim/mod.ts";
import { encodeSafetensors, full } from "../../tensor/mod.ts";
import { parseTrainingConfig } from "../../training/config.ts";
import { groupsOf } from "../../training/gsnr_probe.ts";
import { makeDetector, makeOptimizer } from "../../training/model.ts";
import { inFolder } from "../end_to_end/command.ts";

Deno.test("the defaults are the detector's own", () => {
  const detector = makeDetector(parseTrainingConfig({}));
  const { textDirections, ...parts } = detector.parts!;
  assertEquals(textDirections, undefined);
  assertEquals(parts, { ...defaultParts, taps: [1, 2, 3] });
  assertEquals(detector.backbone.config, { ...visionTransformerPresets.starter, classes: 0 });
});

Deno.test("every part of the detector follows its option", () => {
  const detector = makeDetector(parseTrainingConfig({
    imageSize: 32,
    patchSize: 16,
    patchInputs: ["high-pass"],
    pooling: "class",
    dropout: 0.1,
    dropPath: 0.2,
    cgp: "neighbour",
    rrm: true,
    rsi: true,
    rsiAlpha: 0.3,
    hri: false,
    taps: [2],
  }));
  const { imageSize, patchSize, inputs, pooling, dropout, dropPath } = detector.backbone.config;
  assertEquals(
    { imageSize, patchSize, inputs, pooling, dropout, dropPath },
    {
      imageSize: 32,
      patchSize: 16,
      inputs: ["rgb", "high-pass"],
      pooling: "token",
      dropout: 0.1,
      dropPath: 0.2,
    },
  );
  const { proxy, rrm, rsi, rsiAlpha, hri, taps } = detector.parts!;
  assertEquals(
    { proxy, rrm, rsi, rsiAlpha, hri, taps },
    { proxy: "neighbour", rrm: true, rsi: true, rsiAlpha: 0.3, hri: false, taps: [2] },
  );
  assertEquals(makeDetector(parseTrainingConfig({ detector: "vit" })).parts, undefined);
});

Deno.test("the proxy text reads its directions from a file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/text.safetensors`;
    const make = () => makeDetector(parseTrainingConfig({ cgp: "text", textDirections: path }));
    assertThrows(make, FileError, `cannot read ${path}`);
    await Deno.writeTextFile(path, "no tensors");
    assertThrows(make, FormatError, `${path}: safetensors:`);
    await Deno.writeFile(path, encodeSafetensors({ other: full([2, 96], 1) }));
    const error = assertThrows(make, FormatError);
    assertStringIncludes(error.message, `${path}: there is no tensor "directions" in it`);
    await Deno.writeFile(path, encodeSafetensors({ directions: full([2, 96], 3) }));
    const { prototypes } = make();
    assert(prototypes!.fixed);
    assert(prototypes!.directions.value.dataSync().every((value) => value === 3));
  }));

Deno.test("the optimizer is what was asked for, from the inside out", () => {
  const depth = 3;
  const nameOf = (options: Record<string, unknown>) =>
    makeOptimizer(parseTrainingConfig(options), depth).optimizer.name;
  assertEquals(nameOf({}), "sam(adamW)");
  assertEquals(nameOf({ sam: false }), "adamW");
  assertEquals(nameOf({ sam: false, optimizer: "sgd", clipNorm: 0 }), "sgd");
  assert(makeOptimizer(parseTrainingConfig({ ema: 0.9 }), depth).average !== undefined);
  assertEquals(makeOptimizer(parseTrainingConfig({}), depth).average, undefined);
});

Deno.test("the learning rate rises from the first step on and falls by a cosine to its end", () => {
  const config = parseTrainingConfig({
    steps: 110,
    warmup: 10 / 110,
    learningRate: 1,
    finalLearningRate: 0.1,
    clipNorm: 0,
    sam: false,
  });
  const { optimizer } = makeOptimizer(config, 3);
  optimizer.attach(new ParameterArena(makeDetector(config)));
  const rates: number[] = [];
  const state = optimizer.state();
  for (let step = 0; step < 110; step++) {
    optimizer.restore({ ...state, numbers: { "adamW.steps": step } });
    rates.push(optimizer.learningRate);
  }
  // 1/11, 2/11, ... 10/11, then 1.
  for (let step = 0; step <= 10; step++) assertAlmostEquals(rates[step], (step + 1) / 11, 1e-12);
  // Half a cosine over 100 steps from 1 to 0.1.
  assertAlmostEquals(rates[60], 0.55, 1e-12);
  assert(rates[109] > 0.1 && rates[109] < 0.101);
});

Deno.test("parameters are grouped by depth: embedding, blocks, head", () => {
  const names = [
    ...makeDetector(parseTrainingConfig({ detector: "vit" })).namedParameters().keys(),
  ];
  const groups = groupsOf(names);
  assertEquals(groups.map(({ name }) => name), [
    "embedding",
    "block 1",
    "block 2",
    "block 3",
    "head",
  ]);
  assertEquals(
    groups.flatMap(({ members }) => members).sort((a, b) => a - b),
    names.map((_, index) => index),
  );
  const namesOf = (at: number) => groups[at].members.map((index) => names[index]);
  assertEquals(namesOf(0).sort(), [
    "backbone.cls_token",
    "backbone.patch_embed.proj.bias",
    "backbone.patch_embed.proj.weight",
    "backbone.pos_embed",
  ]);
  assert(namesOf(2).every((name) => name.startsWith("backbone.blocks.1.")));
  assertEquals(namesOf(4).sort(), [
    "backbone.fc_norm.bias",
    "backbone.fc_norm.weight",
    "head.bias",
    "head.weight",
    "mask_head.bias",
    "mask_head.weight",
  ]);
});
