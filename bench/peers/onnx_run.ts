// onnxruntime-web runs ONNX files: a list of jobs in a JSON file comes as the argument, the outputs go to standard output.

import * as ort from "npm:onnxruntime-web@1.30.0";

/** One file to run once on one input, float32 in a file of raw numbers. */
interface Job {
  readonly model: string;
  readonly pixels: string;
  readonly shape: readonly number[];
}

ort.env.wasm.numThreads = 1;
const jobs = JSON.parse(await Deno.readTextFile(Deno.args[0])) as Job[];
const results = [];
for (const { model, pixels, shape } of jobs) {
  const session = await ort.InferenceSession.create(await Deno.readFile(model), {
    logSeverityLevel: 3,
  });
  const values = new Float32Array((await Deno.readFile(pixels)).buffer);
  const found = await session.run({
    [session.inputNames[0]]: new ort.Tensor("float32", values, shape),
  });
  results.push(
    Object.fromEntries(
      Object.entries(found).map(([name, { dims, data }]) => [
        name,
        { shape: dims, data: new Uint8Array((data as Float32Array).slice().buffer).toBase64() },
      ]),
    ),
  );
}
console.log(JSON.stringify(results));
