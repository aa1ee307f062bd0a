// onnxruntime-web's WebAssembly as a peer, bare or under transformers.js: one pass of an image encoder.
//
// transformers.js would load onnxruntime's native build in Deno; it takes the build that is given to it under the
// symbol `onnxruntime` instead, which is its own way to change it. Both therefore compute in the same WebAssembly.

import { dirname } from "node:path";
import * as ort from "npm:onnxruntime-web@1.30.0";
import { serve } from "./protocol.ts";

/** What to run on which pixels (float32, as the model takes them), and where to leave the features of a first pass. */
interface Job {
  readonly model: string;
  readonly shape: readonly [batch: number, channels: number, height: number, width: number];
  readonly pixels: string;
  readonly features: string;
  readonly threads: number;
}

/** What is used of transformers.js. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  readonly Tensor: new (type: string, data: Float32Array, shape: readonly number[]) => unknown;
  readonly CLIPVisionModelWithProjection: {
    from_pretrained(name: string, options: unknown): Promise<
      (
        inputs: { readonly pixel_values: unknown },
      ) => Promise<Record<string, { data: Float32Array }>>
    >;
  };
}

/** Named at run time, so that checking types does not fetch its 400 MB. */
const transformersPackage = "npm:@huggingface/transformers@4.3.1";

const [how, text] = Deno.args;
const job: Job = JSON.parse(text);
const pixels = new Float32Array((await Deno.readFile(job.pixels)).buffer);
ort.env.wasm.numThreads = job.threads;

async function bare(): Promise<() => Promise<Float32Array>> {
  const session = await ort.InferenceSession.create(await Deno.readFile(job.model), {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
    // It warns of every weight that it folds.
    logSeverityLevel: 3,
  });
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", pixels, job.shape) };
  return async () => (await session.run(feeds))[session.outputNames[0]].data as Float32Array;
}

async function transformers(): Promise<() => Promise<Float32Array>> {
  Reflect.set(globalThis, Symbol.for("onnxruntime"), ort);
  const { CLIPVisionModelWithProjection, env, Tensor }: Transformers = await import(
    transformersPackage
  );
  // It has pointed the runtime to a copy of its files on the network.
  ort.env.wasm.wasmPaths = undefined;
  env.allowRemoteModels = false;
  const folder = dirname(dirname(job.model));
  env.localModelPath = dirname(folder);
  const model = await CLIPVisionModelWithProjection.from_pretrained(folder.split("/").at(-1)!, {
    dtype: "fp32",
    device: "auto",
    session_options: { executionProviders: ["wasm"], graphOptimizationLevel: "all" },
  });
  const input = new Tensor("float32", pixels, job.shape);
  return async () => Object.values(await model({ pixel_values: input }))[0].data;
}

const once = await (how === "transformers" ? transformers() : bare());
const features = await once();
await Deno.writeFile(
  job.features,
  new Uint8Array(features.buffer, features.byteOffset, features.byteLength),
);
if (ort.env.wasm.numThreads !== job.threads) {
  throw new Error(`onnxruntime-web computes on ${ort.env.wasm.numThreads} threads`);
}
await serve(async () => void await once());
