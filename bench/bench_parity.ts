// `deno task bench parity`: what others' trained networks compute here, against their own runtimes in the same run, on
// real photographs.

import { type Image, readImage, resize, starterPhotographs } from "../data/mod.ts";
import { CoritDetector } from "../corit/mod.ts";
import { ClipImageEncoder, clipNormalization, withoutInitialValues } from "../nn/mod.ts";
import { scoped, type Tensor, tensor, withoutRecording } from "../tensor/mod.ts";
import {
  clipWheel,
  encodeOnnx,
  installEsrgan,
  installWheelFile,
  loadEsrgan,
  loadWeights,
  openOnnx,
  readOnnxBlocks,
  withOutputs,
} from "../weights/mod.ts";
import { alone, type Row } from "./row.ts";
import { runOnce } from "./run_once.ts";
import { readTextReader } from "./text_reader.ts";

/** What is allowed, relative to the largest magnitude. */
const allowed = 1e-4;

/** A picture as [1, 3, height, width], 0..255. */
function planesOf({ width, height, data }: Image): Float32Array {
  const area = width * height;
  return Float32Array.from({ length: 3 * area }, (_, i) => data[(i % area) * 3 + (i / area | 0)]);
}

/** The largest difference over the largest magnitude. */
function deviation(ours: ArrayLike<number>, theirs: Float32Array): number {
  let largest = 0, away = 0;
  theirs.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value));
    away = Math.max(away, Math.abs(value - ours[i]));
  });
  return away / largest;
}

function cosine(a: ArrayLike<number>, b: Float32Array): number {
  let product = 0, first = 0, second = 0;
  b.forEach((value, i) => {
    product += a[i] * value;
    first += a[i] * a[i];
    second += value * value;
  });
  return product / Math.sqrt(first * second);
}

function computed(compute: () => Tensor): Float32Array {
  return withoutRecording(() => scoped(() => Float32Array.from(compute().dataSync())));
}

function barred(what: string, ours: number): Row {
  return {
    what,
    unit: "relative",
    ours,
    against: "bar",
    theirs: allowed,
    ratio: ours === 0 ? null : allowed / ours,
  };
}

async function esrgan(portrait: Image): Promise<Row> {
  const model = await installEsrgan(2);
  const input = planesOf(portrait), shape = [1, 3, portrait.height, portrait.width];
  const [{ output }] = await runOnce("tfjs_run.ts", [{ model, input, shape }]);
  const network = await loadEsrgan(model, 2);
  const ours = computed(() => network.model.forward(tensor(input, { shape })));
  return barred("ESRGAN against TensorFlow.js, a portrait enlarged", deviation(ours, output.data));
}

async function textBlocks(photograph: Image): Promise<Row> {
  const bytes = await readTextReader();
  const { blocks, input, output } = readOnnxBlocks(bytes);
  const strip = resize(photograph, 320, 48);
  const [found] = await runOnce("onnx_run.ts", [{
    model: withOutputs(bytes, [input, output]),
    input: planesOf(strip).map((value) => value / 127.5 - 1),
    shape: [1, 3, 48, 320],
  }]);
  const ours = computed(() =>
    blocks.reduce(
      (tokens, block) => block.forward(tokens),
      tensor(found[input].data, { shape: found[input].shape }),
    )
  );
  const what = `${blocks.length} attention blocks of a text reader against onnxruntime`;
  return barred(what, deviation(ours, found[output].data));
}

async function exportedDetector(portrait: Image): Promise<Row> {
  const detector = CoritDetector.create({
    ...{ preset: "starter", seed: 0, inputs: ["rgb", "log-dct"] },
    ...{ proxy: "prototype", rrm: true, rsi: true },
  });
  const shape = [1, 3, 64, 64], input = planesOf(resize(portrait, 64, 64));
  const model = encodeOnnx((images) => detector.probabilities(images), { shape });
  const [{ output }] = await runOnce("onnx_run.ts", [{ model, input, shape }]);
  const ours = computed(() => detector.probabilities(tensor(input, { shape })));
  return barred(
    "a detector with all parts, exported, in onnxruntime",
    deviation(ours, output.data),
  );
}

/** INT8 rounds activations as well, so that no bar can be held against it: the cosine is stated. */
async function clipInteger(pictures: readonly Image[]): Promise<Row[]> {
  const path = await installWheelFile(clipWheel);
  const encoder = withoutInitialValues(() => ClipImageEncoder.create({ model: "clip-vit-b16" }));
  {
    using source = await openOnnx(path);
    await loadWeights(encoder, source);
  }
  encoder.evaluate();
  const shape = [1, 3, 224, 224];
  const { mean, deviation: spread } = clipNormalization;
  const inputs = pictures.map((picture) => planesOf(resize(picture, 224, 224, "bicubic")));
  const of = (value: typeof mean, channel: number) =>
    typeof value === "number" ? value : value[channel];
  const standard = (pixels: Float32Array) =>
    pixels.map((value, i) => {
      const channel = Math.floor(i / (224 * 224));
      return (value - of(mean, channel)) / of(spread, channel);
    });
  const model = await Deno.readFile(path);
  const results = await runOnce(
    "onnx_run.ts",
    inputs.map((input) => ({ model, input: standard(input), shape })),
  );
  const cosines = inputs.map((input, at) =>
    cosine(
      computed(() => encoder.project(encoder.forward(tensor(input, { shape })))),
      results[at].image_embeds.data,
    )
  );
  const average = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  const what =
    `CLIP ViT-B/16 against the wheel in INT8 by onnxruntime, ${cosines.length} portraits`;
  return [
    alone(`${what}: mean`, "cosine", average),
    alone(`${what}: lowest`, "cosine", Math.min(...cosines)),
  ];
}

/** The rows of the benchmark. */
export async function benchParity(): Promise<Row[]> {
  const photographs = await starterPhotographs();
  const portraits = photographs.filter(({ kind }) => kind === "face").slice(0, 8);
  const images = await Promise.all(portraits.map(({ path }) => readImage(path)));
  const scene = await readImage(photographs.find(({ kind }) => kind === "scene")!.path);
  return [
    await esrgan(images[0]),
    await textBlocks(scene),
    await exportedDetector(images[0]),
    ...await clipInteger(images),
  ];
}
