// `deno task bench gsnr`: exact GSNR of every parameter element, over one plain backward pass of the same batch.

import { gradients, perSampleStatistics } from "../autograd/mod.ts";
import {
  crossEntropy,
  executorOf,
  recordingOn,
  scoped,
  type Tensor,
  tensor,
} from "../tensor/mod.ts";
import { RandomStream } from "../tensor/random.ts";
import type { BenchSettings } from "./main.ts";
import { type Contender, race } from "./measure.ts";
import { alone, type Row } from "./row.ts";
import { Encoder, encoderShape } from "./vit.ts";

const shape = { ...encoderShape, batch: 32 };

/** What is allowed, in plain backward passes. */
const BAR = 1.5;

/** The rows of the benchmark. */
export async function benchGsnr({ threads }: BenchSettings): Promise<Row[]> {
  const suffix = threads === 1 ? ", 1 thread" : "";
  const model = new Encoder(shape);
  const values = new Float32Array(shape.batch * shape.tokens * shape.width);
  new RandomStream(1).fillNormal(values);
  const tokens = tensor(values, { shape: [shape.batch, shape.tokens, shape.width] });
  const target = tensor(Int32Array.from({ length: shape.batch }, (_, i) => i % shape.classes));
  const parameters = [...model.namedParameters().values()].map(({ value }) => value);
  const bytes = 4 * parameters.reduce((total, { size }) => total + size, 0);
  /** Times the way back alone; the forward pass before it is the same for all. */
  const backward = (walk: (losses: Tensor) => readonly unknown[]): Contender => (count) => {
    let total = 0;
    for (let i = 0; i < count; i++) {
      scoped(() => {
        const losses = recordingOn(() =>
          crossEntropy(model.forward(tokens), target, { reduction: "none" })
        );
        const start = performance.now();
        walk(losses);
        total += performance.now() - start;
      });
    }
    return total / count;
  };
  const plainPass = backward((losses) => gradients(losses.mean(), parameters));
  const gsnrPass = backward((losses) => perSampleStatistics(losses, parameters));
  await plainPass(2);
  const { reserved } = executorOf("wasm").memory();
  await gsnrPass(2);
  const extra = executorOf("wasm").memory().reserved - reserved;
  const [plain, gsnr] = await race([plainPass, gsnrPass]);
  const over = gsnr / plain;
  return [
    alone(`backward pass, batch ${shape.batch}${suffix}`, "ms", plain),
    {
      what: `GSNR over one backward pass${suffix}`,
      unit: "times",
      ours: over,
      against: "bar",
      theirs: BAR,
      ratio: BAR / over,
    },
    {
      what: "memory taken beyond a backward pass",
      unit: "parameters",
      ours: extra / bytes,
      against: "bar",
      theirs: 2,
      ratio: extra === 0 ? null : 2 * bytes / extra,
    },
  ];
}
