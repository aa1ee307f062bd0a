// An image encoder beside onnxruntime-web and transformers.js on the same weights and pixels.

import { join } from "node:path";
import { DataError } from "../errors.ts";
import { ClipImageEncoder, type Normalization, type VisionTransformer } from "../nn/mod.ts";
import { plan, tensor } from "../tensor/mod.ts";
import { RandomStream } from "../tensor/random.ts";
import { scoped } from "../tensor/scoped.ts";
import type { BenchSettings } from "./settings.ts";
import { type Contender, race, repeat } from "./measure.ts";
import { onnxOf } from "./onnx_vit.ts";
import { onnxRuntimeWeb, type Peer } from "./peer.ts";
import { alone, compare, type Row } from "./row.ts";

/** Options of {@linkcode raceEncoder}. */
interface EncoderRace extends BenchSettings {
  /** Name of the row. */
  readonly what: string;
  /** Images at once. */
  readonly batch: number;
  /** The same encoder in INT8, as an ONNX file. */
  readonly quantized?: string;
}

/** Random pixels 0..255 and the same standardised. */
function images(count: number, side: number, { mean, deviation }: Normalization) {
  const random = new RandomStream(2);
  const shape = [count, 3, side, side];
  const values = Float32Array.from(
    { length: count * 3 * side * side },
    () => random.integer(256),
  );
  const of = (value: Normalization["mean"], channel: number) =>
    typeof value === "number" ? value : value[channel];
  const standardized = values.map((value, at) => {
    const channel = Math.floor(at / (side * side)) % 3;
    return (value - of(mean, channel)) / of(deviation, channel);
  });
  return { shape, values, standardized };
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let product = 0, squareA = 0, squareB = 0;
  for (let i = 0; i < a.length; i++) {
    product += a[i] * b[i];
    squareA += a[i] ** 2;
    squareB += b[i] ** 2;
  }
  return product / Math.sqrt(squareA * squareB);
}

/** Throws where a peer computes something else: INT8's rounding leaves 0.98, anything else all but 1. */
async function assertSame(path: string, ours: ArrayLike<number>, name: string): Promise<void> {
  const theirs = new Float32Array((await Deno.readFile(path)).buffer);
  const similarity = theirs.length === ours.length ? cosine(theirs, ours) : 0;
  const least = name.endsWith("INT8") ? 0.9 : 0.99999;
  if (similarity >= least) return;
  throw new DataError(
    `${name} computes something else: its ${theirs.length} features have cosine ` +
      `${similarity.toFixed(6)} with our ${ours.length}`,
  );
}

/** Our passes and theirs take turns; images a second. */
export async function raceEncoder(
  encoder: VisionTransformer,
  { what, batch, quantized, threads, wants }: EncoderRace,
): Promise<Row[]> {
  const { imageSize, normalization } = encoder.config;
  const { shape, values, standardized } = images(batch, imageSize, normalization);
  const input = tensor(values, { shape });
  const forward = plan((x: typeof input) => {
    const features = encoder.forward(x);
    return encoder instanceof ClipImageEncoder ? encoder.project(features) : features;
  });
  const ours = scoped(() => forward(input).dataSync());
  const contenders: Contender[] = [repeat(() => scoped(() => void forward(input)))];
  const folder = await Deno.makeTempDir({ prefix: "corit-bench-" });
  const peers: { readonly name: string; readonly peer: Peer }[] = [];
  try {
    // Where transformers.js looks for a model's parts.
    const model = join(folder, "encoder", "onnx", "vision_model.onnx");
    const pixels = join(folder, "pixels"), features = join(folder, "features");
    await Deno.mkdir(join(model, ".."), { recursive: true });
    await Deno.writeFile(model, onnxOf(encoder, batch));
    await Deno.writeTextFile(
      join(folder, "encoder", "config.json"),
      JSON.stringify({ model_type: "clip_vision_model" }),
    );
    await Deno.writeFile(pixels, new Uint8Array(standardized.buffer));
    const add = async (name: string, how: "bare" | "transformers", path = model): Promise<void> => {
      const job = { model: path, shape, pixels, features, threads };
      const peer = await onnxRuntimeWeb(name, how, JSON.stringify(job));
      peers.push({ name, peer });
      await assertSame(features, ours, name);
    };
    if (wants("onnxruntime-web")) {
      await add("onnxruntime-web", "bare");
      if (quantized) await add("onnxruntime-web INT8", "bare", quantized);
    }
    if (wants("transformers.js") && encoder instanceof ClipImageEncoder) {
      await add("transformers.js", "transformers");
    }
    contenders.push(...peers.map(({ peer }): Contender => (count) => peer.run(count)));
    const [own, ...theirs] = (await race(contenders)).map((time) => 1000 * batch / time);
    if (peers.length === 0) return [alone(what, "images/s", own)];
    return peers.map(({ name }, at) =>
      compare(what, "images/s", own, name, theirs[at], { larger: true })
    );
  } finally {
    for (const { peer } of peers) await peer[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
}
