// Progress shows steps, values and the time left: as lines into a file, as one bar on a terminal.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Writable } from "node:stream";
import { formatDuration, formatValue, progress, stopAllProgress } from "../../cli/progress.ts";

/** A stream that keeps what is written to it. */
function recorder(isTTY: boolean): Writable & { isTTY: boolean; columns: number; text: string } {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      recording.text += chunk.toString();
      done();
    },
  });
  const recording = Object.assign(stream, { isTTY, columns: 100, text: "" });
  return recording;
}

Deno.test("into a file a plain line stands every so many seconds, and at the end", () => {
  const stream = recorder(false);
  let now = 0;
  const display = progress({
    total: 40,
    label: "training",
    fields: ["loss", "AUC", "images/s"],
    stream,
    secondsBetweenLines: 10,
    clock: () => now,
  });
  for (let step = 1; step <= 40; step++) {
    now += 1;
    display.update(step, { loss: 0.5, AUC: step < 20 ? undefined : 0.75, "images/s": 64 });
    if (step === 20) display.log("validated");
  }
  display.stop();
  assertEquals(stream.text.trimEnd().split("\n"), [
    "training 1/40  loss 0.500  images/s 64  39 s left",
    "training 11/40  loss 0.500  images/s 64  29 s left",
    "validated",
    "training 21/40  loss 0.500  AUC 0.750  images/s 64  19 s left",
    "training 31/40  loss 0.500  AUC 0.750  images/s 64  9 s left",
    "training 40/40  loss 0.500  AUC 0.750  images/s 64  took 40 s",
  ]);
});

Deno.test("a resumed work counts its time from where it went on", () => {
  const stream = recorder(false);
  let now = 100;
  const clock = () => now;
  using display = progress({
    total: 200,
    label: "training",
    fields: [],
    start: 100,
    stream,
    clock,
  });
  now = 110;
  display.update(110);
  assertEquals(stream.text, "training 110/200  1 min 30 s left\n");
});

Deno.test("the last state is shown when the work stops early, and stopping twice adds nothing", () => {
  const stream = recorder(false);
  const display = progress({ total: 9, label: "scoring", fields: [], stream, clock: () => 0 });
  display.update(1);
  display.update(2);
  display.stop();
  display.stop();
  assertEquals(stream.text, "scoring 1/9  0 s left\nscoring 2/9  0 s left\n");
});

Deno.test("on a terminal one bar renews itself below the lines that stay", () => {
  const stream = recorder(true);
  let now = 0;
  {
    const clock = () => now;
    using display = progress({ total: 2, label: "training", fields: ["loss"], stream, clock });
    now = 1;
    display.update(1, { loss: 0.25 });
    display.log("validated");
    now = 2;
    display.update(2);
  }
  assertStringIncludes(stream.text, "[██████████░░░░░░░░░░] training 1/2  loss 0.250  1 s left");
  assertStringIncludes(stream.text, "validated\n");
  assertStringIncludes(stream.text, "[████████████████████] training 2/2  loss 0.250  took 2 s");
  // Two lines stay: what was logged, and the finished bar.
  assertEquals(stream.text.match(/\n/g)?.length, 2);
  assertStringIncludes(stream.text, "\x1b[?25h");
});

Deno.test("stopping all displays gives the terminal its cursor back", () => {
  const stream = recorder(true);
  progress({ total: 2, label: "training", fields: [], stream });
  stopAllProgress();
  assertStringIncludes(stream.text, "\x1b[?25h");
});

Deno.test("numbers keep the digits that matter", () => {
  const shown = [0, 7, 0.69314, 0.9, 12.345, 1234.5, 0.00012, NaN, Infinity, -0.5].map(formatValue);
  const wanted = [
    "0",
    "7",
    "0.693",
    "0.900",
    "12.3",
    "1235",
    "1.2e-4",
    "NaN",
    "Infinity",
    "-0.500",
  ];
  assertEquals(shown, wanted);
  assertEquals(formatValue("collapsed"), "collapsed");
});

Deno.test("durations are words", () => {
  assertEquals([0.2, 59.4, 59.6, 185, 7799, 36_000].map(formatDuration), [
    "0 s",
    "59 s",
    "1 min 0 s",
    "3 min 5 s",
    "2 h 10 min",
    "10 h 0 min",
  ]);
});
