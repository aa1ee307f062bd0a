// Writes faces.json: what face-api.js itself makes of two drawn pictures with the weights that it ships.
//
//     deno run -A tests/golden/faces_golden.ts
//
// Written with @vladmandic/face-api 1.7.15 and the TensorFlow.js inside it, on its CPU backend.

import { join } from "node:path";
import { installPackageFiles } from "../../data/packages.ts";
import { faceModelPackage } from "../../faces/package.ts";

/** The parts of the library that are used. */
interface FaceApi {
  tf: {
    setBackend(name: string): Promise<boolean>;
    tensor(values: Float32Array, shape: number[]): unknown;
    io: { decodeWeights(bytes: ArrayBuffer, entries: unknown): unknown };
  };
  nets: Record<string, {
    loadFromWeightMap(map: unknown): Promise<void>;
    forwardInput(input: unknown, size?: number): { dataSync(): Float32Array };
  }>;
  NetInput: new (inputs: unknown[]) => unknown;
}

const library = "dist/face-api.esm.js";
const folder = await installPackageFiles([{
  ...faceModelPackage,
  files: [...faceModelPackage.files, library],
}]);
const root = join(folder, faceModelPackage.name);

// The library's bundle is for browsers: what it looks for there stands in, what it would find of Node's is taken away.
Reflect.deleteProperty(globalThis, "process");
const page = { createElement: () => ({ getContext: () => null }) };
Object.assign(globalThis, { window: globalThis, document: page });
const { tf, nets, NetInput } = await import(`file://${join(root, library)}`) as FaceApi;
await tf.setBackend("cpu");

/** Loads a network's weights. */
async function load(network: string, name: string): Promise<void> {
  const text = await Deno.readTextFile(join(root, `model/${name}-weights_manifest.json`));
  const [{ weights }] = JSON.parse(text);
  const { buffer } = await Deno.readFile(join(root, `model/${name}.bin`));
  await nets[network].loadFromWeightMap(tf.io.decodeWeights(buffer, weights));
}
await load("tinyFaceDetector", "tiny_face_detector_model");
await load("faceLandmark68TinyNet", "face_landmark_68_tiny_model");

/** A drawn picture of smooth waves in whole grey levels. */
function picture(size: number): unknown {
  const values = Float32Array.from({ length: size * size * 3 }, (_, i) => {
    const c = i % 3, x = Math.floor(i / 3) % size, y = Math.floor(i / 3 / size);
    return Math.round(127.5 * (1 + Math.sin(0.07 * x + c) * Math.cos(0.04 * y - c)));
  });
  return tf.tensor(values, [size, size, 3]);
}

const told = (result: { dataSync(): Float32Array }) =>
  Array.from(result.dataSync(), (value) => Number(value.toPrecision(8)));
await Deno.writeTextFile(
  new URL("faces.json", import.meta.url),
  JSON.stringify({
    detector: {
      size: 128,
      output: told(nets.tinyFaceDetector.forwardInput(new NetInput([picture(128)]), 128)),
    },
    landmarks: {
      size: 112,
      output: told(nets.faceLandmark68TinyNet.forwardInput(new NetInput([picture(112)]))),
    },
  }) + "\n",
);
