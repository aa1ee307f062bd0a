// Image encoders loaded from others' files give the others' features and gradients; numbers from encoders_golden.py.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../errors.ts";
import { gradients } from "../../autograd/mod.ts";
import {
  ClipImageEncoder,
  type ClipOptions,
  clipPresets,
  dinov2Small,
  type Module,
  VisionTransformer,
  type VisionTransformerOptions,
  withoutInitialValues,
} from "../../nn/mod.ts";
import {
  decodeSafetensors,
  type Device,
  encodeSafetensors,
  mul,
  sum,
  type Tensor,
  zeros,
} from "../../tensor/mod.ts";
import { encodeWeights, loadWeights, type NamingName, openSafetensors } from "../../weights/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";
import { type GoldenTensor, placeGolden } from "../conformance/golden.ts";

type GoldenTensors = Readonly<Record<string, GoldenTensor>>;

/** One encoder with its results. */
interface EncoderCase {
  readonly name: string;
  readonly naming: NamingName;
  readonly options: Readonly<Record<string, number | string>>;
  readonly stored: GoldenTensors;
  readonly images: GoldenTensor;
  readonly outputs: readonly GoldenTensor[];
  readonly outputGradients: readonly GoldenTensor[];
  readonly imageGradient: GoldenTensor;
  readonly storedGradients: GoldenTensors;
}

const cases = JSON.parse(
  await Deno.readTextFile(new URL("../golden/encoders.json", import.meta.url)),
) as EncoderCase[];

/** A model of the case's sizes. */
function modelOf(
  { name, naming, options }: EncoderCase,
  device: Device,
): VisionTransformer {
  const positionInterpolation = naming.startsWith("hugging-face") && !name.includes("registers")
    ? "plain"
    : "antialiased";
  if (name.startsWith("CLIP")) {
    return ClipImageEncoder.create({
      ...options as ClipOptions,
      positionInterpolation,
      device,
    });
  }
  return VisionTransformer.create({
    ...dinov2Small,
    layerScale: null,
    positionInterpolation,
    ...options as VisionTransformerOptions,
    device,
  });
}

/** Loads tensors with stored names into a model, through a file. */
async function load(model: Module, stored: GoldenTensors): Promise<NamingName> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    const tensors = Object.entries(stored).map(([name, value]) =>
      [name, placeGolden(value, "reference")] as const
    );
    await Deno.writeFile(path, encodeSafetensors(Object.fromEntries(tensors)));
    using source = await openSafetensors(path);
    const { naming, unused } = await loadWeights(model, source);
    for (const { name } of unused) assert(/position_ids|mask_token/.test(name), name);
    return naming;
  } finally {
    await Deno.remove(path);
  }
}

for (const golden of cases) {
  Deno.test(`${golden.name}: weights are written under the names, shapes and values of its own files`, async () => {
    const model = modelOf(golden, "reference");
    await load(model, golden.stored);
    const { tensors } = decodeSafetensors(encodeWeights(model, { naming: golden.naming }), {
      device: "reference",
    });
    const wanted = Object.entries(golden.stored).filter(([name]) => !/mask_token/.test(name));
    // A vision tower alone has no prefix; a whole CLIP file has.
    const own = (name: string) => golden.naming === "openai-clip" ? `visual.${name}` : name;
    assertEquals(Object.keys(tensors).sort(), wanted.map(([name]) => own(name)).sort());
    for (const [name, { shape, data }] of wanted) {
      assertEquals(tensors[own(name)].shape, shape, name);
      assertEquals([...tensors[own(name)].dataSync()], data, name);
    }
  });
  for (const device of ["reference", "wasm"] as const) {
    Deno.test(`${golden.name}: features and gradients are PyTorch's on ${device}`, async () => {
      const model = modelOf(golden, device);
      assertEquals(await load(model, golden.stored), golden.naming);
      // A gradient has its tensor's name and shape, so that the same way leads into a model.
      const expected = modelOf(golden, device);
      await load(expected, golden.storedGradients);

      const images = placeGolden(golden.images, device);
      const features = model.forward(images);
      const outputs = [features];
      if (golden.outputs.length > 1) outputs.push((model as ClipImageEncoder).project(features));
      // transformers interpolates positions in float32, whatever the type.
      const inDoubles = golden.name.includes("size") ? 1e-7 : 1e-9;
      const tolerance = device === "reference" ? inDoubles : 2e-5;
      const close = (found: Tensor, wanted: ArrayLike<number>, what: string) =>
        assertClose(found.dataSync(), wanted, { tolerance, floor: magnitudeOf(wanted) }, what);
      outputs.forEach((output, at) => close(output, golden.outputs[at].data, `output ${at}`));

      const total = outputs
        .map((output, at) => sum(mul(output, placeGolden(golden.outputGradients[at], device))))
        .reduce((before, part) => before.add(part));
      const parameters = [...model.namedParameters()];
      const targets = [images, ...parameters.map(([, { value }]) => value)];
      const [ofImages, ...ofParameters] = gradients(total, targets);
      close(ofImages, golden.imageGradient.data, "gradient of the images");
      const wanted = expected.stateDict();
      parameters.forEach(([name], at) =>
        close(ofParameters[at], wanted[name].dataSync(), `gradient of ${name}`)
      );
    });
  }
}

Deno.test("the named models have as many parameters as OpenAI's and Meta's", () => {
  // Counted by transformers 5.24.0: vision towers with their projections; Dinov2Model less its mask token.
  const counts = { "clip-vit-b32": 87849216, "clip-vit-b16": 86192640, "clip-vit-l14": 303966208 };
  // Of one block and two, since all are alike: 300 million numbers would take a gigabyte.
  for (const [name, wanted] of Object.entries(counts)) {
    const model = name as keyof typeof clipPresets;
    const { depth } = clipPresets[model];
    const count = (depth: number) =>
      withoutInitialValues(() => ClipImageEncoder.create({ model, depth })).parameterCount();
    const [one, two] = [count(1), count(2)];
    assertEquals(one + (depth - 1) * (two - one), wanted);
  }
  const [one, two] = [1, 2].map((depth) =>
    withoutInitialValues(() => VisionTransformer.create({ ...dinov2Small, depth })).parameterCount()
  );
  assertEquals(one + 11 * (two - one), 22056192);
});

Deno.test("a CLIP encoder without projection says so", () => {
  const options = { imageSize: 8, patchSize: 4, width: 8, depth: 1, heads: 2 };
  const encoder = ClipImageEncoder.create({ ...options, projection: 0 });
  assertEquals(encoder.visualProjection, undefined);
  assertThrows(() => encoder.project(zeros([1, 8])), ConfigError, "without a projection");
  assertThrows(() => ClipImageEncoder.create({ ...options, projection: -1 }), ConfigError, "-1");
  assertThrows(
    () => ClipImageEncoder.create({ model: "clip" as "clip-vit-b16" }),
    ConfigError,
    "clip-vit-l14",
  );
});
