// Every member of SAM's family trains from a configuration, interrupted or not to the same bits.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError, InterruptedError } from "../../errors.ts";
import { parseTrainingConfig, type TrainingConfig } from "../../training/config.ts";
import type { TrainingEvent } from "../../training/events.ts";
import { readMetrics, type TrainingRow } from "../../training/metrics_log.ts";
import { resume, train } from "../../training/train.ts";
import { inFolder } from "../end_to_end/command.ts";
import { syntheticSplits } from "./synthetic.ts";

const splits = syntheticSplits({
  size: 16,
  families: ["spectral"],
  pairs: { train: 16, validation: 6, test: 6 },
});

function config(out: string, changes: Partial<TrainingConfig>): TrainingConfig {
  return parseTrainingConfig({
    imageSize: 16,
    patchSize: 8,
    families: ["spectral"],
    testFamilies: [],
    batchPairs: 4,
    steps: 4,
    evaluateEvery: 4,
    gsnrEvery: 0,
    gsnrEstimateEvery: 2,
    threads: 1,
    rho: 0.05,
    out,
    ...changes,
  });
}

/** The lines of a run without its times; `abortAt` interrupts it there and goes on. */
async function linesOf(config: TrainingConfig, abortAt = 0): Promise<TrainingRow[]> {
  const controller = new AbortController();
  const onEvent = (event: TrainingEvent): void => {
    if (event.kind === "step" && event.row.step === abortAt) controller.abort();
  };
  const options = { splits, onEvent, signal: controller.signal };
  if (abortAt === 0) await train(config, options);
  else {
    await assertRejects(() => train(config, options), InterruptedError);
    await resume(config.out, { splits });
  }
  const rows = await readMetrics(`${config.out}/metrics.jsonl`);
  // A loss that a plan sums may differ from one that is summed as written in its last bit.
  const short = (value: number) => Number(value.toPrecision(6));
  return rows.map((row) => ({
    ...row,
    loss: short(row.loss),
    classificationLoss: short(row.classificationLoss),
    seconds: 0,
    imagesPerSecond: 0,
  }));
}

const rules: readonly Partial<TrainingConfig>[] = [
  { samRule: "asam" },
  { samRule: "gsam", rhoSchedule: "learning-rate", rhoEnd: 0.01 },
  { samRule: "look-sam", lookSamEvery: 2 },
  { samRule: "friendly-sam", optimizer: "sgd" },
  { samRule: "esam", rrm: true, cgp: "prototype" },
  { samRule: "cor-guided", corEvery: 3, corPairs: 4, corMaximum: 0.002, ema: 0.9 },
  { perturb: "head", rhoSchedule: "cosine", samStart: 0.5 },
];

const names = new Set<string>();
let count = 0;

for (const changes of rules) {
  Deno.test(`${JSON.stringify(changes)} trains, and goes on to the same lines`, () =>
    inFolder(async (folder) => {
      const whole = await linesOf(config(`${folder}/whole`, changes));
      assertEquals(await linesOf(config(`${folder}/parts`, changes), 3), whole);
      assert(whole.every(({ loss }) => Number.isFinite(loss)));
      names.add(JSON.stringify(whole.map(({ loss }) => loss)));
      assertEquals(names.size, ++count, "no two rules are the same");
    }));
}

Deno.test("the radius follows its schedule, after a warm start", () =>
  inFolder(async (folder) => {
    const changes = { rhoSchedule: "linear", rhoEnd: 0.11, samStart: 0.25 } as const;
    const rows = await linesOf(config(`${folder}/run`, changes));
    assertEquals(rows.map(({ radius }) => radius!.toFixed(2)), [
      "0.00",
      "0.07",
      "0.09",
      "0.11",
    ]);
  }));

Deno.test("what a rule does not go with is refused", () => {
  const refused: [Partial<TrainingConfig>, string][] = [
    [{ sam: false, onCollapse: "lower" }, "lowers SAM's radius"],
    [{ samRule: "esam", accumulate: 2 }, "set accumulate to 1"],
    [{ samRule: "cor-guided", perturb: "head" }, "leave perturb"],
  ];
  for (const [changes, message] of refused) {
    assertThrows(() => config("run", changes), ConfigError, message);
  }
});
