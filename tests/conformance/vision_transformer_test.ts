// The vision transformer of nn/ gives PyTorch's logits and gradients for a state dict with timm's names.

import { assertEquals } from "@std/assert";
import { type StateDict, VisionTransformer } from "../../nn/mod.ts";
import { type Device, scoped } from "../../tensor/mod.ts";
import { assertClose, magnitudeOf, pullBack } from "./compare.ts";
import { allDevices } from "./devices.ts";
import { type GoldenCase, placeGolden, readGolden } from "./golden.ts";

/** The sizes that a golden case names. */
interface Sizes {
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

/** Loads the case's parameters into a model and compares. */
function checkModel(golden: GoldenCase, device: Device): void {
  const { inputNames, hidden, ...sizes } = golden.options as unknown as Sizes;
  const model = VisionTransformer.create({
    ...sizes,
    mlpRatio: hidden / sizes.width,
    classToken: sizes.pooling === "token",
    inputs: ["rgb"],
    normalization: { mean: 0, deviation: 1 },
    layerScale: null,
    device,
  });
  const state: StateDict = {};
  inputNames.forEach((name, i) => {
    if (name !== "x") state[name] = placeGolden(golden.inputs[i], device);
  });
  model.loadStateDict(state);

  const image = placeGolden(golden.inputs[0], device);
  const parameters = new Map(model.namedParameters());
  assertEquals([...parameters.keys()].sort(), Object.keys(state).sort());
  const targets = inputNames.map((name) => name === "x" ? image : parameters.get(name)!.value);
  const outputGradient = placeGolden(golden.outputGradients[0]!, device);
  const { outputs, gradients } = pullBack(() => [model.forward(image)], [outputGradient], targets);

  const tolerance = device === "reference" ? 1e-9 : 2e-5;
  const compare = (actual: ArrayLike<number>, expected: readonly number[], what: string) =>
    assertClose(actual, expected, { tolerance, floor: magnitudeOf(expected) }, what);
  compare(outputs[0].dataSync(), golden.outputs[0].data, `${golden.name}: logits`);
  inputNames.forEach((name, i) => {
    const what = `${golden.name}: gradient of ${name}`;
    compare(gradients[i].dataSync(), golden.inputGradients[i]!.data, what);
  });
}

const cases = readGolden("vision_transformer").filter((c) => c.operation === "visionTransformer");
for (const golden of cases) {
  for (const device of allDevices) {
    Deno.test(`${golden.name}, gives timm's logits and gradients on ${device}`, () => {
      scoped(() => checkModel(golden, device));
    });
  }
}
