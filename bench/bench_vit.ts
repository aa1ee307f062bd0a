// `deno task bench vit`: a training step of the encoder, its SAM step, and the time to a first step.

import { DataError } from "../errors.ts";
import type { BenchSettings } from "./settings.ts";
import { median, race } from "./measure.ts";
import { type BenchDevice, startPeers } from "./peer.ts";
import { alone, compare, type Row } from "./row.ts";
import { encoderMemory, encoderShape, encoderSteps, stepFlops } from "./vit.ts";

/** Milliseconds from the import to the first finished step, in fresh processes. */
async function firstStep(device: BenchDevice): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    const script = new URL("first_step.ts", import.meta.url).href;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", script, device],
      stderr: "inherit",
    }).output();
    const match = /first ([\d.]+)/.exec(new TextDecoder().decode(stdout));
    if (!match) throw new DataError("bench/first_step.ts did not report a time");
    times.push(Number(match[1]));
  }
  return median(times);
}

/** The rows of the benchmark. */
export async function benchVit(settings: BenchSettings): Promise<Row[]> {
  const { threads, device } = settings;
  const suffix = device === "wasm" && threads === 1 ? ", 1 thread" : "";
  const peers = await startPeers("vit", JSON.stringify(encoderShape), settings);
  const { plain, withSam } = encoderSteps(encoderShape);
  const contenders = [plain, withSam, ...peers.map(([, peer]) => (n: number) => peer.run(n))];
  const [step, samStep, ...theirs] = await race(contenders);
  for (const [, peer] of peers) await peer[Symbol.asyncDispose]();
  const what = `ViT step${suffix}`;
  const rows: Row[] = peers.map(([name], at) => compare(what, "ms", step, name, theirs[at]));
  if (rows.length === 0) rows.push(alone(what, "ms", step));
  rows.push(
    alone(`ViT step${suffix}: rate`, "GFLOP/s", stepFlops(encoderShape) / step / 1e6),
    {
      what: `SAM step over plain step${suffix}`,
      unit: "times",
      ours: samStep / step,
      against: "two steps",
      theirs: 2,
      ratio: 2 / (samStep / step),
    },
  );
  const { peak, least } = await encoderMemory(encoderShape);
  rows.push(
    compare("peak memory", "MB", peak / 1e6, "weights, gradient, state, saved", least / 1e6),
  );
  const first = await firstStep(device);
  const jaxFirst = peers.find(([name]) => name === "jax-js")?.[1].firstMilliseconds;
  rows.push(
    jaxFirst === undefined
      ? alone("first step", "ms", first)
      : compare("first step", "ms", first, "jax-js", jaxFirst),
  );
  return rows;
}
