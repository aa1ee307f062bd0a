// A run's metrics: appended line by line, cut back to a step, robust against a torn last line.

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FileError, FormatError } from "../../errors.ts";
import { MetricsLog, readMetrics } from "../../training/metrics_log.ts";
import { inFolder } from "../end_to_end/command.ts";
import { rowOf } from "./rows.ts";

/** Writes rows 1 to `count`. */
async function write(path: string, count: number): Promise<void> {
  using log = await MetricsLog.open(path, 0);
  for (let step = 1; step <= count; step++) log.append(rowOf(step));
  await log.sync();
}

Deno.test("rows come back as they were written", () =>
  inFolder(async (folder) => {
    await write(`${folder}/metrics.jsonl`, 3);
    assertEquals(await readMetrics(`${folder}/metrics.jsonl`), [rowOf(1), rowOf(2), rowOf(3)]);
  }));

Deno.test("opening at a step cuts off what was logged after it, and goes on behind it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/metrics.jsonl`;
    await write(path, 7);
    {
      using log = await MetricsLog.open(path, 4);
      log.append({ ...rowOf(5), loss: 42 });
    }
    const rows = await readMetrics(path);
    assertEquals(rows.map(({ step }) => step), [1, 2, 3, 4, 5]);
    assertEquals(rows[4].loss, 42);
  }));

Deno.test("a last line torn by a kill is no row", () =>
  inFolder(async (folder) => {
    const path = `${folder}/metrics.jsonl`;
    await write(path, 3);
    const whole = await Deno.readTextFile(path);
    const begin = whole.trimEnd().lastIndexOf("\n") + 1;
    for (let length = begin; length < whole.length; length++) {
      await Deno.writeTextFile(path, whole.slice(0, length));
      assertEquals((await readMetrics(path)).map(({ step }) => step), [1, 2]);
    }
  }));

Deno.test("missing rows before the step, and lines that are no JSON, are refused with the file's name", () =>
  inFolder(async (folder) => {
    const path = `${folder}/metrics.jsonl`;
    await write(path, 3);
    const missing = await assertRejects(() => MetricsLog.open(path, 5), FormatError);
    assertStringIncludes(missing.message, `${path}: expected a line for each of the steps 1 to 5`);
    await Deno.writeTextFile(path, `{"step":1}\n{"st\n{"step":3}\n`);
    const broken = await assertRejects(() => MetricsLog.open(path, 3), FormatError);
    assertStringIncludes(broken.message, `${path}, line 2: not JSON`);
    await assertRejects(() => readMetrics(`${folder}/none.jsonl`), FileError);
  }));
