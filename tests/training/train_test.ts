// A training tells what it does in order, stops when it should, and explains what went wrong.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { FileError, FormatError, InterruptedError, NumericError } from "../../errors.ts";
import { parseTrainingConfig, type TrainingConfig } from "../../training/config.ts";
import type { TrainingEvent } from "../../training/events.ts";
import { readMetrics } from "../../training/metrics_log.ts";
import { resume, train } from "../../training/train.ts";
import { loadTrained } from "../../training/trained.ts";
import { inFolder } from "../end_to_end/command.ts";
import { syntheticSplits } from "./synthetic.ts";

const splits = syntheticSplits({
  size: 32,
  families: ["spectral", "swap"],
  testFamilies: ["upsample"],
  pairs: { train: 32, validation: 12, test: 18 },
});

/** A small run of 32-pixel crops in 4 patches. */
function tiny(out: string, changes: Partial<TrainingConfig> = {}): TrainingConfig {
  return parseTrainingConfig({
    imageSize: 32,
    patchSize: 16,
    families: ["spectral", "swap"],
    testFamilies: ["upsample"],
    batchPairs: 4,
    steps: 6,
    evaluateEvery: 2,
    checkpointEvery: 3,
    gsnrEvery: 4,
    gsnrPairs: 4,
    threads: 1,
    out,
    ...changes,
  });
}

Deno.test("a training tells plan, data, steps and results in order, and leaves a whole run", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const events: TrainingEvent[] = [];
    const { summary } = await train(tiny(out), { splits, onEvent: (event) => events.push(event) });
    const told = events.map((event) =>
      event.kind === "step"
        ? `step ${event.row.step}`
        : "step" in event
        ? `${event.kind} ${event.step}`
        : event.kind
    );
    assertEquals(told, [
      "plan",
      "ready",
      "step 1",
      "validation 2",
      "step 2",
      "step 3",
      "checkpoint 3",
      "validation 4",
      "gsnr 4",
      "step 4",
      "step 5",
      "validation 6",
      "gsnr 6",
      "step 6",
      "checkpoint 6",
      "trained",
      "phase",
      "phase",
    ]);
    const rows = await readMetrics(`${out}/metrics.jsonl`);
    assertEquals(rows.map((row) => row.auc !== undefined), [false, true, false, true, false, true]);
    assertEquals(Object.keys(rows[3].gsnr!), [
      "embedding",
      "block 1",
      "block 2",
      "block 3",
      "head",
    ]);
    for (const row of rows) {
      assert(Math.abs(row.loss - row.classificationLoss - row.maskLoss) < 1e-5);
    }
    assertEquals(summary, JSON.parse(await Deno.readTextFile(`${out}/summary.json`)));
    assertEquals(summary.steps, 6);
    assertEquals(Object.keys(summary.inDomain.weights), ["spectral", "swap"]);
    assertEquals(Object.keys(summary.crossDomain!.weights), ["upsample"]);
    assertMatch(await Deno.readTextFile(`${out}/report.html`), /^<!doctype html>/);
    const names = [...Deno.readDirSync(out)].map(({ name }) => name).sort();
    assertEquals(names, [
      "best",
      "checkpoints",
      "config.json",
      "metrics.jsonl",
      "report.html",
      "summary.json",
    ]);
    const { best } = await loadTrained(out);
    assertEquals(best, summary.best);
    assertEquals(best.auc, Math.max(...rows.flatMap((row) => row.auc ?? [])));
    // Nothing is done again.
    assertEquals((await resume(out, { splits })).summary, summary);
  }));

Deno.test("two checkpoints stay, and the best weights that they refer to", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const { summary } = await train(
      tiny(out, { steps: 9, checkpointEvery: 1, evaluateEvery: 1, gsnrEvery: 0 }),
      { splits },
    );
    const names = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    assertEquals(names(`${out}/checkpoints`), ["step-8", "step-9"]);
    assert(names(`${out}/best`).includes(`step-${summary.best.step}`));
    assert(names(`${out}/best`).length <= 2);
  }));

Deno.test("training stops early after validations without a better AUC", () =>
  inFolder(async (folder) => {
    // A learning rate that changes nothing: no validation after the first is better.
    const config = tiny(`${folder}/run`, {
      steps: 50,
      evaluateEvery: 2,
      earlyStopping: 3,
      learningRate: 1e-30,
      rrm: false,
      hri: false,
    });
    const { summary } = await train(config, { splits });
    assertEquals([summary.steps, summary.best.step], [8, 2]);
    assertEquals(summary.stopped, "no better validation AUC for 3 validations");
    const report = await Deno.readTextFile(`${folder}/run/report.html`);
    assertStringIncludes(report, "Training ended after 8 of 50 steps");
  }));

Deno.test("training ends when its time is over, with a validation and results", () =>
  inFolder(async (folder) => {
    const config = tiny(`${folder}/run`, { steps: 100_000, maxSeconds: 1, evaluateEvery: 100_000 });
    const { summary } = await train(config, { splits });
    assert(summary.steps < 100_000);
    assertEquals(summary.best.step, summary.steps);
    assertEquals(summary.stopped, "the 1 seconds it was given are over");
  }));

Deno.test("an aborted training writes a checkpoint and goes on to the bits of an undisturbed one", () =>
  inFolder(async (folder) => {
    const whole = await train(tiny(`${folder}/whole`), { splits });
    for (const at of [1, 2, 3, 5]) {
      const out = `${folder}/aborted-at-${at}`;
      const controller = new AbortController();
      const onEvent = (event: TrainingEvent): void => {
        if (event.kind === "step" && event.row.step === at) controller.abort();
      };
      const error = await assertRejects(
        () => train(tiny(out), { splits, onEvent, signal: controller.signal }),
        InterruptedError,
      );
      assertStringIncludes(error.message, `interrupted after step ${at} of 6`);
      assertStringIncludes(error.message, `deno task train --resume ${out}`);
      const { summary } = await resume(out, { splits });
      const timeless = { seconds: 0, imagesPerSecond: 0 };
      assertEquals({ ...summary, ...timeless }, { ...whole.summary, ...timeless });
    }
  }));

Deno.test("a number that is not finite ends training: step, place and last checkpoint are named", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const config = tiny(out, { learningRate: 1e30, checkpointEvery: 1, clipNorm: 0 });
    const error = await assertRejects(() => train(config, { splits }), NumericError);
    assertMatch(
      error.message,
      /^step 2: the loss is (NaN|Infinity): operation \w+ -> \[[\d, ]+\] made -?(NaN|Infinity) in \w+/,
    );
    assertStringIncludes(error.message, `the last good checkpoint is ${out}/checkpoints/step-1`);
    assertEquals([...Deno.readDirSync(`${out}/checkpoints`)].map(({ name }) => name), ["step-1"]);
  }));

Deno.test("a place that is taken is refused before anything is made", () =>
  inFolder(async (folder) => {
    const events: string[] = [];
    const onEvent = ({ kind }: TrainingEvent) => events.push(kind);
    const error = await assertRejects(() => train(tiny(folder), { splits, onEvent }), FileError);
    assertStringIncludes(error.message, `${folder} is there already`);
    assertEquals(events, []);
  }));

Deno.test("a run that is not there is refused, and runs beside it are named", () =>
  inFolder(async (folder) => {
    await train(tiny(`${folder}/first`, { steps: 1 }), { splits });
    for (const work of [resume, loadTrained]) {
      const error = await assertRejects(() => work(`${folder}/frist`), FileError);
      assertEquals(
        error.message,
        `there is no run in ${folder}/frist: it has no config.json; ` +
          `runs beside it: ${folder}/first`,
      );
    }
  }));

Deno.test("a damaged checkpoint is refused by file, and says how to go on without it", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const controller = new AbortController();
    const onEvent = (event: TrainingEvent): void => {
      if (event.kind === "step" && event.row.step === 5) controller.abort();
    };
    await assertRejects(() => train(tiny(out), { splits, onEvent, signal: controller.signal }));
    const file = `${out}/checkpoints/step-5/weights.safetensors`;
    const whole = await Deno.readFile(file);
    const damages: [string, Uint8Array][] = [
      ["cut", whole.subarray(0, whole.length - 100)],
      ["flipped", whole.map((byte, i) => i === 5000 ? byte ^ 4 : byte)],
      ["empty", new Uint8Array(0)],
    ];
    for (const [, bytes] of damages) {
      await Deno.writeFile(file, bytes);
      const error = await assertRejects(() => resume(out, { splits }), FormatError);
      assertEquals(
        error.message,
        `${file}: the checksum does not fit; the file was cut off, changed or damaged; ` +
          `remove the folder ${out}/checkpoints/step-5 to go on from step 3`,
      );
    }
    await Deno.remove(`${out}/checkpoints/step-5`, { recursive: true });
    const { summary } = await resume(out, { splits });
    assertEquals(summary.steps, 6);
    const best = `${out}/best/step-${summary.best.step}/weights.safetensors`;
    await Deno.writeFile(best, whole.subarray(1));
    const error = await assertRejects(() => loadTrained(out), FormatError);
    assertStringIncludes(error.message, `${best}: the checksum does not fit`);
  }));

Deno.test("a run that another process works on is left alone", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    await train(tiny(out, { steps: 1 }), { splits });
    await Deno.remove(`${out}/summary.json`);
    using _held = await holdLock(`${out}/config.json`);
    const error = await assertRejects(() => resume(out, { splits }), FileError);
    assertStringIncludes(error.message, `another process is training the run in ${out}`);
  }));

/** A process that holds a file's lock until it is disposed. */
async function holdLock(path: string): Promise<Disposable> {
  const code = `const file = await Deno.open(${JSON.stringify(path)}, { read: true, write: true });
    await file.lock(true); console.log("held"); setInterval(() => {}, 1000);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  return { [Symbol.dispose]: () => child.kill("SIGKILL") };
}
