// TensorFlow.js on its CPU backend runs layers models: a list of jobs in a JSON file comes as the argument.

import * as tf from "npm:@tensorflow/tfjs-core@4.22.0";
import * as layers from "npm:@tensorflow/tfjs-layers@4.22.0";
import "npm:@tensorflow/tfjs-backend-cpu@4.22.0";

/** One model to run once on one input [batch, channels, height, width], float32 in a file of raw numbers. */
interface Job {
  readonly model: string;
  readonly pixels: string;
  readonly shape: [number, number, number, number];
}

await tf.setBackend("cpu");
const jobs = JSON.parse(await Deno.readTextFile(Deno.args[0])) as Job[];
const results = [];
for (const { model, pixels, shape } of jobs) {
  const { modelTopology, weightsManifest: [{ paths, weights }] } = JSON.parse(
    await Deno.readTextFile(model),
  );
  const shard = model.replace("model.json", paths[0]);
  const network = await layers.loadLayersModel(tf.io.fromMemory({
    modelTopology,
    weightSpecs: weights,
    weightData: (await Deno.readFile(shard)).buffer,
  }));
  const values = new Float32Array((await Deno.readFile(pixels)).buffer);
  const x = tf.transpose(tf.tensor(values, shape), [0, 2, 3, 1]);
  const y = tf.transpose(network.predict(x) as tf.Tensor, [0, 3, 1, 2]);
  const data = y.dataSync() as Float32Array;
  results.push({
    output: { shape: y.shape, data: new Uint8Array(data.slice().buffer).toBase64() },
  });
}
console.log(JSON.stringify(results));
