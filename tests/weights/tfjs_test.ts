// Models of TensorFlow.js compute here what they compute there; files and numbers from tfjs_golden.ts.

import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { ConfigError, FileError, FormatError, ShapeError } from "../../errors.ts";
import { gradients } from "../../autograd/mod.ts";
import { tensor } from "../../tensor/mod.ts";
import { installEsrgan, loadEsrgan, loadTfjsModel, openTfjsWeights } from "../../weights/mod.ts";
import { assertClose, magnitudeOf } from "../conformance/compare.ts";
import type { GoldenTensor } from "../conformance/golden.ts";

/** A model's files, the size [height, width, channels] of its input, and its output. */
interface TfjsCase {
  readonly name: string;
  readonly json: Record<string, unknown>;
  readonly shards: readonly string[];
  readonly size: readonly [number, number, number];
  readonly output: GoldenTensor;
}

const golden = JSON.parse(
  await Deno.readTextFile(new URL("../golden/tfjs_models.json", import.meta.url)),
) as {
  cases: TfjsCase[];
  esrgan: { size: [number, number, number]; amplitude: number; output: GoldenTensor };
};

/** The smooth waves that the goldens were made from, as [1, channels, height, width]. */
function waves([height, width, channels]: TfjsCase["size"], amplitude: number) {
  const values = Float32Array.from({ length: height * width * channels }, (_, i) => {
    const x = i % width, y = Math.floor(i / width) % height;
    const channel = Math.floor(i / width / height);
    return amplitude * (1 + Math.sin(0.7 * x + channel) * Math.cos(0.4 * y - channel));
  });
  return tensor(values, { shape: [1, channels, height, width] });
}

/** Writes a model's files into a folder of their own; returns the path of model.json. */
async function written({ json, shards }: Pick<TfjsCase, "json" | "shards">): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const [at, shard] of shards.entries()) {
    const name = `group1-shard${at + 1}of${shards.length}.bin`;
    await Deno.writeFile(join(folder, name), Uint8Array.fromBase64(shard));
  }
  await Deno.writeTextFile(join(folder, "model.json"), JSON.stringify(json));
  return join(folder, "model.json");
}

for (const each of golden.cases) {
  Deno.test(`TensorFlow.js: ${each.name}: the output is the same`, async () => {
    const model = await loadTfjsModel(await written(each));
    const output = model.forward(waves(each.size, 1));
    assertEquals(output.shape, each.output.shape);
    const floor = magnitudeOf(each.output.data);
    assertClose(output.dataSync(), each.output.data, { tolerance: 2e-6, floor }, each.name);
  });
}

Deno.test("the weights of a TensorFlow.js model are parameters, and differentiate", async () => {
  const model = await loadTfjsModel(await written(golden.cases[0]));
  const parameters = [...model.namedParameters()];
  assertEquals(parameters[0][0], "layers.0.weight");
  const found = gradients(
    model.forward(waves([11, 8, 3], 1)).square().sum(),
    parameters.map(([, { value }]) => value),
  );
  assertEquals(found.map(({ shape }) => shape), parameters.map(([, { shape }]) => shape));
});

Deno.test("a manifest alone is a source of weights, and what is quantized is read as float32", async () => {
  const { json, shards } = golden.cases[1];
  const path = await written({ json: json.weightsManifest as Record<string, unknown>, shards });
  using source = await openTfjsWeights(path);
  using whole = await openTfjsWeights(await written(golden.cases[0]));
  assertEquals([...source.shapes.values()], [...whole.shapes.values()]);
  for (const [name, shape] of source.shapes) {
    const values = await source.read(name);
    assertEquals(values.length, shape.reduce((size, each) => size * each, 1));
    assertEquals(values.constructor, Float32Array);
  }
});

Deno.test("what is damaged, missing or unknown in a TensorFlow.js model is named", async () => {
  const whole = golden.cases[2];
  const text = JSON.stringify(whole.json);
  const changed = async (from: string, to: string, shards = whole.shards) =>
    await written({ json: JSON.parse(text.replace(from, to)), shards });
  const refuses = async (
    path: string,
    kind: typeof FormatError | typeof ConfigError,
    words: string,
  ) => await assertRejects(() => loadTfjsModel(path), kind, words);
  await refuses(await changed("Flatten", "Fold"), ConfigError, '"Fold"');
  await refuses(await changed('"relu6"', '"relu7"'), FormatError, '"relu7"');
  await refuses(await changed("channels_last", "channels_first"), FormatError, "data_format");
  await refuses(await changed('"modelTopology"', '"topology"'), FormatError, "modelTopology");
  await refuses(await changed("", "", [whole.shards[0], "AAAA"]), FormatError, "shards hold");
  const manifest = await changed('"weights":', '"weight":');
  await refuses(manifest, FormatError, "weights manifest");
  const missing = await changed("shard2of2", "shard3of2");
  await assertRejects(() => loadTfjsModel(missing), FileError, "shard3of2");
  await Deno.writeTextFile(missing, "{");
  await assertRejects(() => loadTfjsModel(missing), FormatError, "no JSON");
  const model = await loadTfjsModel(await written(golden.cases[0]));
  await assertRejects(
    () => Promise.resolve().then(() => model.forward(waves([11, 8, 4], 1))),
    ShapeError,
    "3 channels",
  );
});

Deno.test("the whole ESRGAN makes of a drawn picture what TensorFlow.js makes of it", async () => {
  const { size, amplitude, output } = golden.esrgan;
  const { model } = await loadEsrgan(await installEsrgan(2), 2);
  const enlarged = model.forward(waves(size, amplitude));
  assertEquals(enlarged.shape, output.shape);
  const floor = magnitudeOf(output.data);
  assertClose(enlarged.dataSync(), output.data, { tolerance: 2e-6, floor }, "ESRGAN");
});
