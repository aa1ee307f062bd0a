// Everything that a run leaves, times set aside: what two equal runs must have in common.

import { readMetrics } from "../../training/metrics_log.ts";

/** SHA-256 of a file. */
async function hashOf(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return new Uint8Array(digest).toHex();
}

function namesIn(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

/** Hashes of all tensors, and losses, scores and states of a finished run. */
export async function bitsOf(run: string): Promise<Record<string, unknown>> {
  const metrics = await readMetrics(`${run}/metrics.jsonl`);
  const summary = JSON.parse(await Deno.readTextFile(`${run}/summary.json`));
  const last = `${run}/checkpoints/step-${summary.steps}`;
  const state = JSON.parse(await Deno.readTextFile(`${last}/state.json`));
  return {
    weights: await hashOf(`${last}/weights.safetensors`),
    optimizer: await hashOf(`${last}/optimizer.safetensors`),
    best: await hashOf(`${run}/best/step-${summary.best.step}/weights.safetensors`),
    state: { ...state, seconds: 0 },
    metrics: metrics.map((row) => ({ ...row, seconds: 0, imagesPerSecond: 0 })),
    summary: { ...summary, seconds: 0, imagesPerSecond: 0 },
    checkpoints: namesIn(`${run}/checkpoints`),
    bests: namesIn(`${run}/best`),
  };
}
