// A run that is killed at any moment goes on to the same bits as one that is not.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RandomStream } from "../../tensor/random.ts";
import { readMetrics } from "../../training/metrics_log.ts";
import { bitsOf } from "./bits.ts";
import { inFolder, run, start, tiny, writePictures } from "./command.ts";

const steps = 240;

/** A small run with everything that has a state: averages, dropout, momentum, augmentation, prototypes. */
function argumentsFor(folder: string, name: string): string[] {
  return [
    ...tiny,
    `--data=${folder}/pictures`,
    `--out=${folder}/${name}`,
    `--steps=${steps}`,
    "--evaluate-every=16",
    "--checkpoint-every=6",
    "--gsnr-every=80",
    "--ema=0.9",
    "--dropout=0.1",
    "--drop-path=0.1",
    "--crop=0.3",
    "--mixup=0.2",
    "--rrm",
    "--rsi",
  ];
}

/** Whether a path is there. */
function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("a run killed at 20 random moments and resumed ends in the bits of an undisturbed one", () =>
  inFolder(async (folder) => {
    await writePictures(`${folder}/pictures`);
    const undisturbed = await run("train", argumentsFor(folder, "undisturbed"));
    assertEquals(undisturbed.code, 0, undisturbed.stderr);

    const disturbed = `${folder}/disturbed`;
    const next = (): string[] =>
      exists(`${disturbed}/config.json`)
        ? [`--resume=${disturbed}`]
        : argumentsFor(folder, "disturbed");
    const random = new RandomStream(Date.now());
    let kills = 0, finished = 0;
    while (kills < 20) {
      const child = start("train", next());
      const ended = child.output();
      // Every other one is let begin, so that the run gets on; the rest may be killed while they start.
      if (kills % 2 === 0) await until(() => exists(`${disturbed}/metrics.jsonl`), ended);
      await pause(random.uniform(0, 1200));
      try {
        child.kill("SIGKILL");
      } catch {
        // It had just ended by itself.
      }
      const { signal, code, stderr } = await ended;
      if (signal === "SIGKILL") kills++;
      else {
        assertEquals(code, 0, new TextDecoder().decode(stderr));
        finished++;
        // A run that is done cannot be disturbed: begin another, to be killed at other moments.
        assertEquals(await bitsOf(disturbed), await bitsOf(`${folder}/undisturbed`));
        await Deno.remove(disturbed, { recursive: true });
      }
    }
    const last = await run("train", next());
    assertEquals(last.code, 0, last.stderr);
    assertEquals(await bitsOf(disturbed), await bitsOf(`${folder}/undisturbed`));
    assert(finished < 20);
  }));

Deno.test("Ctrl-C finishes the step, writes a checkpoint, says how to go on and ends with 130", () =>
  inFolder(async (folder) => {
    await writePictures(`${folder}/pictures`, 24);
    const out = `${folder}/run`;
    const args = [...tiny, `--data=${folder}/pictures`, `--out=${out}`, "--steps=100000"];
    const child = start("train", args);
    const ended = child.output();
    await until(
      () => exists(`${out}/metrics.jsonl`) && Deno.statSync(`${out}/metrics.jsonl`).size > 0,
      ended,
    );
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    const text = new TextDecoder().decode(stderr);
    assertEquals(code, 130, text);
    assertMatch(text, /InterruptedError: interrupted after step \d+ of 100000; nothing is lost/);
    assertStringIncludes(text, `deno task train --resume ${out}`);
    const step = Number(/after step (\d+)/.exec(text)![1]);
    assertEquals([...Deno.readDirSync(`${out}/checkpoints`)].at(-1)!.name, `step-${step}`);
    assertEquals((await readMetrics(`${out}/metrics.jsonl`)).length, step);
    assertEquals(exists(`${out}/summary.json`), false);
  }));

/** Waits until something holds, or the process has ended. */
async function until(holds: () => boolean, ended: Promise<unknown>): Promise<void> {
  let over = false;
  ended.then(() => over = true);
  while (!over && !holds()) await pause(5);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
