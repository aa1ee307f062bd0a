// GSNR, critical radius and landscape of a small run: every table has its numbers, and they fit together.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { CoritDetector } from "../../corit/mod.ts";
import { renderStudy, type StudyReport, type StudyTable } from "../../studies/output.ts";
import { runGsnrReport } from "../../studies/run_gsnr.ts";
import { runLandscapeReport } from "../../studies/run_landscape.ts";
import { type RunProbe, twinBatches } from "../../studies/run_probe.ts";
import { runRadiusReport } from "../../studies/run_radius.ts";
import { loadTrained, parseTrainingConfig, train } from "../../training/mod.ts";
import { syntheticSplits } from "../training/synthetic.ts";

const splits = syntheticSplits({
  size: 16,
  families: ["spectral", "swap"],
  pairs: { train: 64, validation: 4, test: 4 },
});

/** Trains a tiny run and gives its probe to a test. */
async function withRun(test: (probe: RunProbe) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const config = parseTrainingConfig({
      out: `${folder}/run`,
      families: ["spectral", "swap"],
      testFamilies: [],
      imageSize: 16,
      batchPairs: 2,
      steps: 4,
      evaluateEvery: 2,
      gsnrEvery: 2,
      gsnrPairs: 20,
      threads: 1,
    });
    await train(config, { splits });
    // A narrower detector than a run can have keeps the instruments quick.
    const detector = CoritDetector.create({
      preset: "starter",
      imageSize: 16,
      width: 16,
      heads: 2,
      depth: 2,
      seed: 0,
    }).evaluate();
    await test({ ...await loadTrained(`${folder}/run`), detector, train: splits.train });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A table of a report. */
function tableOf(report: StudyReport, name: string): StudyTable {
  return report.tables.find((table) => table.name === name)!;
}

Deno.test("a run's GSNR, radius and landscape come out as pages whose numbers agree", async () => {
  await withRun(async (probe) => {
    const gsnr = await runGsnrReport(probe, { pairs: 40, seed: 0 });
    const groups = tableOf(gsnr, "gsnr").rows;
    assertEquals(groups.slice(0, 5).map(([name]) => name), [
      "embedding",
      "block 1",
      "block 2",
      "head",
      "model",
    ]);
    assertEquals(tableOf(gsnr, "tokens").rows.map(([name]) => name), ["block 1", "block 2"]);
    // The squared signals of the parts add up to the model's.
    const signals = groups.slice(0, 5).map((row) => Number(row[7]));
    const parts = signals.slice(0, 4).reduce((sum, value) => sum + value, 0);
    assertAlmostEquals(parts / signals[4], 1, 1e-6);
    assertEquals(gsnr.figures.map(({ name }) => name), [
      "gsnr-by-block-and-step",
      "gsnr-over-steps",
    ]);
    assertEquals(tableOf(gsnr, "gsnr-by-step").rows.length, 2 * 5);

    const radius = await runRadiusReport(probe, {
      rate: 1e-4,
      batches: 1,
      pairs: 2,
      gsnrPairs: 40,
      seed: 0,
    });
    const estimates = tableOf(radius, "critical-radius").rows;
    assertEquals(estimates.map(([part, estimator]) => `${part} ${estimator}`), [
      "model local",
      "embedding local",
      "block 1 local",
      "block 2 local",
      "head local",
      "model bound",
    ]);
    const [local, bound] = [Number(estimates[0][2]), Number(estimates.at(-1)![2])];
    assert(local > 0 && bound >= 0);
    // Below the local radius a step descends, beyond it does not, as far as both lie among the curve's radii.
    for (const [rho, change] of tableOf(radius, "change-by-radius").rows) {
      if (Number(rho) < 0.5 * local) assert(Number(change) < 0, `${rho}: ${change}`);
    }

    const landscape = await runLandscapeReport(probe, {
      points: 3,
      reach: 0.1,
      rho: 0.02,
      pairs: 4,
      seed: 0,
    });
    const losses = tableOf(landscape, "landscape").rows;
    assertEquals(losses.length, 9);
    // To first order the loss rises along the gradient.
    const at = (x: number) => Number(losses.find((row) => row[0] === x && row[1] === 0)![2]);
    assert(at(-0.1) < at(0) && at(0) < at(0.1));
    for (const report of [gsnr, radius, landscape]) assert(renderStudy(report).includes("<svg "));
  });
});

Deno.test("twin batches hold real beside forged of the same pair, none twice", async () => {
  const batches = await twinBatches(splits.train, { batches: 4, pairs: 16, seed: 1 });
  const pairs = batches.flatMap(({ pairs }) => [...pairs]);
  for (const { labels } of batches) labels.forEach((label, at) => assertEquals(label, at % 2));
  for (let at = 0; at < pairs.length; at += 2) assertEquals(pairs[at], pairs[at + 1]);
  assertEquals(new Set(pairs).size, 64);
});
