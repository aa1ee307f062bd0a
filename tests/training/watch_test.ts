// A run that collapses is seen, told, ended or mended; one that learns is left alone; both resume to the same bits.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { InterruptedError } from "../../errors.ts";
import { Linear } from "../../nn/mod.ts";
import { ParameterArena } from "../../optim/mod.ts";
import { copyInto, scoped, tensor } from "../../tensor/mod.ts";
import { parseTrainingConfig, type TrainingConfig } from "../../training/config.ts";
import type { TrainingEvent } from "../../training/events.ts";
import { readMetrics, type TrainingRow } from "../../training/metrics_log.ts";
import { resume, train } from "../../training/train.ts";
import { TrainingWatch } from "../../training/watch.ts";
import { inFolder } from "../end_to_end/command.ts";
import { syntheticSplits } from "./synthetic.ts";

const splits = syntheticSplits({
  size: 32,
  families: ["spectral"],
  pairs: { train: 64, validation: 16, test: 16 },
});

/** A run of 32-pixel crops, judged from step 40 on. */
function config(out: string, changes: Partial<TrainingConfig>): TrainingConfig {
  return parseTrainingConfig({
    detector: "vit",
    imageSize: 32,
    patchSize: 8,
    families: ["spectral"],
    testFamilies: [],
    batchPairs: 8,
    steps: 60,
    learningRate: 2e-3,
    maskLossWeight: 0,
    evaluateEvery: 20,
    checkpointEvery: 1000,
    gsnrEvery: 0,
    gsnrEstimateEvery: 10,
    collapseWindow: 20,
    threads: 1,
    out,
    ...changes,
  });
}

/** Trains, and gives the rows and what was told of collapses. */
async function rowsOf(config: TrainingConfig): Promise<{ rows: TrainingRow[]; told: string[] }> {
  const told: string[] = [];
  const onEvent = (event: TrainingEvent): void => {
    if (event.kind === "collapse") told.push(`${event.evidence.step}: ${event.action}`);
  };
  await train(config, { splits, onEvent });
  return { rows: await readMetrics(`${config.out}/metrics.jsonl`), told };
}

/** The step of the first collapse that was told. */
const stepOf = (told: readonly string[]): number => Number(told[0].split(":")[0]);

/** A radius far beyond the critical one. */
const tooFar = { rho: 2 };

Deno.test("a run whose radius is too large is seen to collapse, with step, block and evidence", () =>
  inFolder(async (folder) => {
    const { rows, told } = await rowsOf(config(`${folder}/run`, tooFar));
    assertMatch(
      told[0],
      /^\d+: training goes on; try a smaller --rho, or --on-collapse stop or lower$/,
    );
    const step = stepOf(told);
    assert(step >= 40);
    assertMatch(
      rows[step - 1].collapse!,
      /^the mean loss of the last 20 steps is 0\.\d+, .*validation AUC is 0\.\d+; an update changes the loss by .*, (block \d|embedding|head) least of all$/,
    );
    assertEquals(rows.map(({ radius }) => radius), rows.map(() => 2));
    const report = await Deno.readTextFile(`${folder}/run/report.html`);
    assertStringIncludes(report, `At step ${step} the training seemed to have collapsed`);
  }));

Deno.test("a run that learns is left alone, and estimates its GSNR every few steps", () =>
  inFolder(async (folder) => {
    const { rows, told } = await rowsOf(config(`${folder}/run`, { rho: 0.01 }));
    assertEquals(told, []);
    assert(rows[59].classificationLoss < 0.6);
    rows.forEach(({ gsnrEstimate, gsnrEstimateError }, at) => {
      if ((at + 1) % 10 !== 0) return assertEquals(gsnrEstimate, undefined);
      for (const columns of [gsnrEstimate!, gsnrEstimateError!]) {
        assertEquals(Object.keys(columns), ["embedding", "block 1", "block 2", "block 3", "head"]);
        assert(Object.values(columns).every(Number.isFinite));
      }
    });
    const report = await Deno.readTextFile(`${folder}/run/report.html`);
    assertStringIncludes(report, "An estimate: from consecutive batches");
  }));

Deno.test("a collapse can end the run, or halve the radius", () =>
  inFolder(async (folder) => {
    const stopped = await rowsOf(config(`${folder}/stop`, { ...tooFar, onCollapse: "stop" }));
    const step = stepOf(stopped.told);
    assertEquals(stopped.told, [`${step}: training ends here`]);
    assertEquals(stopped.rows.length, step);
    const summary = JSON.parse(await Deno.readTextFile(`${folder}/stop/summary.json`));
    assertMatch(summary.stopped, /^it collapsed to guessing: the mean loss/);
    const lowered = await rowsOf(config(`${folder}/lower`, { ...tooFar, onCollapse: "lower" }));
    assertEquals(stepOf(lowered.told), step);
    assertEquals(
      lowered.rows.slice(step - 2, step + 2).map(({ radius }) => radius),
      [2, 2, 1, 1],
    );
    const off = await rowsOf(config(`${folder}/off`, { ...tooFar, onCollapse: "off" }));
    assertEquals(off.told, []);
  }));

Deno.test("an interrupted run goes on to the same radius, estimates and findings", () =>
  inFolder(async (folder) => {
    const changes = { ...tooFar, onCollapse: "lower" } as const;
    const whole = await rowsOf(config(`${folder}/whole`, changes));
    const out = `${folder}/parts`;
    for (const at of [13, 50]) {
      const controller = new AbortController();
      const onEvent = (event: TrainingEvent): void => {
        if (event.kind === "step" && event.row.step === at) controller.abort();
      };
      const options = { splits, onEvent, signal: controller.signal };
      await assertRejects(
        () => at === 13 ? train(config(out, changes), options) : resume(out, options),
        InterruptedError,
      );
    }
    await resume(out, { splits });
    // A loss that a plan sums may differ from one that is summed as written in its last bit.
    const timeless = (row: TrainingRow) => ({
      ...row,
      loss: row.loss.toFixed(5),
      classificationLoss: row.classificationLoss.toFixed(5),
      seconds: 0,
      imagesPerSecond: 0,
    });
    const rows = await readMetrics(`${out}/metrics.jsonl`);
    assertEquals(rows.map(timeless), whole.rows.map(timeless));
  }));

Deno.test("what is watched are inner products of gradients and updates, block by block", async () => {
  const model = new Linear(2, 1, { random: 0, device: "reference", bias: false });
  const arena = new ParameterArena(model);
  const options = { onCollapse: "warn", collapseWindow: 4, gsnrEstimateEvery: 2 } as const;
  const watch = new TrainingWatch(options, arena, 1, { value: 1 });
  const at = async (step: number, gradient: number[], move: number[]) => {
    scoped(() => arena.gatherGradients([tensor([gradient], { device: "reference" })]));
    await watch.observe(arena.gradient);
    const [view] = arena.parameters;
    scoped(() => copyInto(view, view.add(tensor([move], { device: "reference" }))));
    return watch.after(step, 0);
  };
  assertEquals((await at(1, [1, 2], [0.5, 0])).gsnrEstimate, undefined);
  const { gsnrEstimate } = await at(2, [3, -1], [0, 1]);
  // <g, g'> = 1 and (|g|^2 + |g'|^2) / 2 = 7.5: the ratio is 1 / (7.5 - 1).
  assertAlmostEquals(gsnrEstimate!.head.gsnr, 1 / 6.5, 1e-12);
  await at(3, [1, 4], [0, 0]);
  // The last step moved by (0, 1), the one before by (0.5, 0).
  const changes = watch.state().state.monitor.changes.map(({ head }) => head);
  [1.5, 4].forEach((expected, at) => assertAlmostEquals(changes[at], expected, 1e-12));
});
