// Writes tfjs_models.json: small TensorFlow.js layers models, their files, and what TensorFlow.js computes with them.
//
//     deno run -A tests/golden/tfjs_golden.ts
//
// Written with @tensorflow/tfjs-layers 4.22.0 on its CPU backend. The ESRGAN of @upscalerjs/esrgan-slim 1.0.0 is not in
// the file, only what it makes of a drawn picture.

import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as layers from "npm:@tensorflow/tfjs-layers@4.22.0";
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";
import { installPackageFiles } from "../../data/packages.ts";
import { esrganFiles } from "../../weights/esrgan.ts";
import { RandomStream } from "../../tensor/random.ts";

await tf.setBackend("cpu");

/** A picture-like input [1, height, width, channels] of smooth waves, the same numbers wherever it is made. */
function waves(height: number, width: number, channels: number, amplitude: number): tf.Tensor {
  const values = Float32Array.from({ length: height * width * channels }, (_, i) => {
    const channel = i % channels, x = Math.floor(i / channels) % width;
    const y = Math.floor(i / channels / width);
    return Math.fround(amplitude * (1 + Math.sin(0.7 * x + channel) * Math.cos(0.4 * y - channel)));
  });
  return tf.tensor(values, [1, height, width, channels]);
}

class MultiplyBeta extends layers.layers.Layer {
  static readonly className = "MultiplyBeta";
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.mul(Array.isArray(inputs) ? inputs[0] : inputs, 0.2);
  }
  override computeOutputShape(shape: layers.Shape): layers.Shape {
    return shape;
  }
}

class PixelShuffle extends layers.layers.Layer {
  static readonly className = "PixelShuffle2x";
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.depthToSpace((Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D, 2, "NHWC");
  }
  override computeOutputShape(shape: layers.Shape | layers.Shape[]): layers.Shape {
    const [batch, , , depth] = shape as layers.Shape;
    return [batch, null, null, depth! / 4];
  }
}

tf.serialization.registerClass(MultiplyBeta);
tf.serialization.registerClass(PixelShuffle);

/** Every kind of layer that takes pictures, with strides, dilation and odd sizes, so that padding shows. */
function pictures(): layers.LayersModel {
  const { layers: make } = layers;
  const input = layers.input({ shape: [null, null, 3] });
  const first = make.conv2d({
    ...{ filters: 8, kernelSize: 3, strides: 2, padding: "same", activation: "relu" },
  }).apply(input);
  const deep = make.depthwiseConv2d({
    ...{ kernelSize: [2, 3], padding: "same", depthMultiplier: 1, useBias: true },
  }).apply(first);
  const wide = make.separableConv2d({
    ...{ filters: 8, kernelSize: 3, padding: "same", dilationRate: 2, activation: "tanh" },
  }).apply(first);
  const normal = make.batchNormalization().apply(deep);
  const leaky = make.leakyReLU({ alpha: 0.1 }).apply(normal) as layers.SymbolicTensor;
  const scaled = new MultiplyBeta({}).apply(wide) as layers.SymbolicTensor;
  const sum = make.add().apply([leaky, scaled]) as layers.SymbolicTensor;
  const joined = make.concatenate({ axis: 3 }).apply([sum, first as layers.SymbolicTensor]);
  const pooled = make.maxPooling2d({ poolSize: 2, strides: 1, padding: "same" }).apply(joined);
  const shuffled = new PixelShuffle({}).apply(pooled);
  const larger = make.upSampling2d({ size: [2, 1] }).apply(shuffled);
  const padded = make.zeroPadding2d({ padding: [[0, 1], [2, 0]] }).apply(larger);
  const output = make.conv2d({ filters: 2, kernelSize: 3, padding: "valid" }).apply(padded);
  return layers.model({ inputs: input, outputs: output as layers.SymbolicTensor });
}

/** A chain that ends in classes. */
function classes(flat: boolean): layers.LayersModel {
  const { layers: make } = layers;
  return layers.sequential({
    layers: [
      make.conv2d({ inputShape: [6, 5, 2], filters: 4, kernelSize: 3, padding: "same" }),
      make.activation({ activation: "relu6" }),
      flat ? make.flatten() : make.globalAveragePooling2d({}),
      make.dropout({ rate: 0.5 }),
      make.dense({ units: 3, activation: "softmax" }),
    ],
  });
}

/** Weights of a model, drawn; those that scale or spread stay positive. */
function draw(model: layers.LayersModel, seed: number): void {
  const random = new RandomStream(seed);
  model.setWeights(model.weights.map(({ shape, name }) => {
    const values = new Float32Array(shape.reduce<number>((size, each) => size * each!, 1));
    random.fillNormal(values);
    const positive = /gamma|variance/.test(name);
    return tf.tensor(values.map((v) => positive ? 0.5 + Math.abs(v) : 0.4 * v), shape as number[]);
  }));
}

/** Stores numbers as tfjs's converter does: levels from `min` on in steps of `scale`, or half floats. */
function quantized(values: Float32Array, dtype: "uint8" | "uint16" | "float16") {
  if (dtype === "float16") {
    const halves = new Uint16Array(new Float16Array(values).buffer);
    return { quantization: { dtype }, bytes: new Uint8Array(halves.buffer) };
  }
  const levels = dtype === "uint8" ? 255 : 65535;
  const min = Math.min(...values), scale = (Math.max(...values) - min) / levels || 1;
  const stored = Array.from(values, (value) => Math.round((value - min) / scale));
  const bytes = dtype === "uint8" ? Uint8Array.from(stored) : Uint16Array.from(stored);
  return { quantization: { dtype, min, scale }, bytes: new Uint8Array(bytes.buffer) };
}

type Stored = "float32" | "uint8" | "uint16" | "float16" | "mixed";

/** A model's two files, and the model that tfjs reads out of them. */
async function files(model: layers.LayersModel, stored: Stored) {
  let saved!: tf.io.ModelArtifacts;
  await model.save(tf.io.withSaveHandler((artifacts) => {
    saved = artifacts;
    return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } });
  }));
  const kinds = ["uint8", "float32", "uint16", "float16"] as const;
  const parts = saved.weightSpecs!.map(({ name, shape, dtype }, at) => {
    const values = model.weights[at].read().dataSync() as Float32Array;
    const kind = stored === "mixed" ? kinds[at % 4] : stored;
    if (kind === "float32") {
      return { entry: { name, shape, dtype }, bytes: new Uint8Array(values.slice().buffer) };
    }
    const { quantization, bytes } = quantized(values, kind);
    return { entry: { name, shape, dtype, quantization }, bytes };
  });
  const bytes = new Uint8Array(await new Blob(parts.map(({ bytes }) => bytes)).arrayBuffer());
  // Two shards, cut inside a tensor.
  const paths = ["group1-shard1of2.bin", "group1-shard2of2.bin"];
  const weightsManifest = [{ paths, weights: parts.map(({ entry }) => entry) }];
  const json = { format: "layers-model", modelTopology: saved.modelTopology, weightsManifest };
  const read = await layers.loadLayersModel(tf.io.fromMemory({
    modelTopology: saved.modelTopology as object,
    weightSpecs: weightsManifest[0].weights as tf.io.WeightsManifestEntry[],
    weightData: bytes.buffer,
  }));
  return { json, bytes, read };
}

/** Rounded to float32's own precision, in [batch, channels, ...]. */
function told(result: tf.Tensor) {
  const first = result.rank === 4 ? tf.transpose(result, [0, 3, 1, 2]) : result;
  return { shape: first.shape, data: Array.from(first.dataSync(), (v) => Number(v.toPrecision(8))) };
}

const cases = [];
for (
  const [name, model, stored, size] of [
    ["pictures", pictures(), "float32", [11, 8, 3]],
    ["pictures, quantized", pictures(), "mixed", [11, 8, 3]],
    ["a chain with flatten", classes(true), "float32", [6, 5, 2]],
    ["a chain with pooling, quantized to 8 bits", classes(false), "uint8", [6, 5, 2]],
  ] as const
) {
  draw(model, cases.length);
  const { json, bytes, read } = await files(model, stored);
  const [height, width, channels] = size;
  const input = waves(height, width, channels, 1);
  cases.push({
    name,
    json,
    shards: [bytes.subarray(0, 101), bytes.subarray(101)].map((part) => part.toBase64()),
    size,
    output: told(read.predict(input) as tf.Tensor),
  });
}

const { scale, packages, modelPath } = esrganFiles(2);
const folder = await installPackageFiles(packages);
const json = JSON.parse(await Deno.readTextFile(`${folder}/${modelPath}`));
const shard = `${folder}/${modelPath}`.replace("model.json", json.weightsManifest[0].paths[0]);
const esrgan = await layers.loadLayersModel(tf.io.fromMemory({
  modelTopology: json.modelTopology,
  weightSpecs: json.weightsManifest[0].weights,
  weightData: (await Deno.readFile(shard)).buffer,
}));
const output = told(esrgan.predict(waves(10, 12, 3, 120)) as tf.Tensor);
await Deno.writeTextFile(
  new URL("tfjs_models.json", import.meta.url),
  JSON.stringify({ cases, esrgan: { scale, size: [10, 12, 3], amplitude: 120, output } }) + "\n",
);
