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
import type { BenchSettings } from "./settings.ts";
import { type Contender, race } from "./measure.ts";
import { type Peer, perSample } from "./peer.ts";
import { alone, type Row } from "./row.ts";
import { Encoder, encoderShape } from "./vit.ts";

const shape = { ...encoderShape, batch: 32 };

/** What is allowed, in plain backward passes. */
const BAR = 1.5;
/** How many times nearer to a plain backward pass than the nearest tool. */
const AHEAD = 3;

/** Tools for per-sample gradients on PyTorch. */
const tools = ["vmap", "opacus", "backpack"] as const;

/** The rows of the benchmark. */
export async function benchGsnr({ threads, wants }: BenchSettings): Promise<Row[]> {
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
  const peers: [name: string, peer: Peer][] = [];
  for (const how of tools) {
    const wanted = wants(how) || wants("pytorch");
    if (wanted) peers.push([how, await perSample(how, JSON.stringify(shape), threads)]);
  }
  const theirOwn = peers.length > 0
    ? await perSample("backward", JSON.stringify(shape), threads)
    : undefined;
  const processes = [...theirOwn ? [theirOwn] : [], ...peers.map(([, peer]) => peer)];
  const [plain, gsnr, theirPlain, ...theirs] = await race([
    plainPass,
    gsnrPass,
    ...processes.map((peer) => (count: number) => peer.run(count)),
  ]);
  for (const peer of processes) await peer[Symbol.asyncDispose]();
  const over = gsnr / plain;
  const row = (what: string, unit: string, ours: number, against: string, theirs: number): Row => ({
    ...{ what, unit, ours, against, theirs },
    ratio: ours === 0 ? null : theirs / ours,
  });
  const rows = [
    alone(`backward pass, batch ${shape.batch}${suffix}`, "ms", plain),
    row(`GSNR over one backward pass${suffix}`, "times", over, "bar", BAR),
    row("memory taken beyond a backward pass", "parameters", extra / bytes, "bar", 2),
  ];
  if (!theirOwn) return rows;
  rows.push(row(`backward pass${suffix}`, "ms", plain, "pytorch", theirPlain));
  peers.forEach(([name, peer], at) => {
    const memory = (peer.peakBytes! - theirOwn.peakBytes!) / bytes;
    rows.push(
      row(`GSNR over one backward pass${suffix}`, "times", over, name, theirs[at] / theirPlain),
      row(`GSNR${suffix}`, "ms", gsnr, name, theirs[at]),
      row("memory taken beyond a backward pass", "parameters", extra / bytes, name, memory),
    );
  });
  const nearest = Math.min(...theirs) / theirPlain / over;
  rows.push({
    what: "GSNR: the nearest tool's passes over ours",
    unit: "times",
    ours: nearest,
    against: "bar",
    theirs: AHEAD,
    ratio: nearest / AHEAD,
  });
  return rows;
}
