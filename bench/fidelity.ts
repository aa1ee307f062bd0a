// How well each gradient proxy stands for the true gradient in a trained run: `deno run -A bench/fidelity.ts RUN`.
// The run must be one of CoRIT without rrm and rsi, so that every proxy is measured on the same forward pass.

import { measureFidelity, type ProxySource, type TapFidelity } from "../corit/mod.ts";
import { evaluationBatches } from "../data/loader.ts";
import { ConfigError } from "../errors.ts";
import { textTable } from "../evaluation/table.ts";
import { scoped } from "../tensor/mod.ts";
import { detectorBatch } from "../training/batches.ts";
import { loadBest } from "../training/checkpoint.ts";
import { makeDetector } from "../training/model.ts";
import { RunFolder } from "../training/run_folder.ts";
import { makeSplits } from "../training/splits.ts";

/** Batches of 64 crops to average over. */
const batches = 4;
const sources: readonly ProxySource[] = ["attention", "prototype", "neighbour", "view"];

const folder = await RunFolder.open(Deno.args[0] ?? "");
const { config } = folder;
if (config.detector !== "corit" || config.rrm || config.rsi) {
  throw new ConfigError("fidelity: give a run of --detector corit --no-rrm --no-rsi");
}
const { validation } = await makeSplits(config, () => {});
const best = await folder.bestStep();
if (best === undefined) throw new ConfigError(`fidelity: ${folder.path} has no best weights yet`);

const rows: string[][] = [];
for (const source of sources) {
  const detector = makeDetector({ ...config, cgp: source });
  await loadBest(folder.bestPath(best), detector);
  const found: TapFidelity[][] = [];
  for await (const batch of evaluationBatches(validation)) {
    found.push(scoped(() => measureFidelity(detector, detectorBatch(batch))));
    if (found.length === batches) break;
  }
  found[0].forEach(({ block }, tap) => {
    const average = (of: (fidelity: TapFidelity) => number) =>
      found.reduce((sum, taps) => sum + of(taps[tap]), 0) / found.length;
    rows.push([
      source,
      String(block),
      average(({ cosine }) => cosine).toFixed(3),
      average(({ rankCorrelation }) => rankCorrelation).toFixed(2),
    ]);
  });
}
console.log(textTable(["source", "block", "|cos|", "rank correlation"], rows));
