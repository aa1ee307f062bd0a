// What the monitor takes for a collapse, and what it does not.

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ValueError } from "../../errors.ts";
import { CollapseMonitor, type CollapseMonitorOptions } from "../../instruments/mod.ts";
import { RandomStream } from "../../tensor/mod.ts";

/** The steps at which a training of noisy losses and changes is held for collapsed. */
function found(
  { loss, change, auc, options = {} }: {
    loss: (step: number) => number;
    change: number;
    auc?: (step: number) => number;
    options?: CollapseMonitorOptions;
  },
): number[] {
  const random = new RandomStream(5);
  const monitor = new CollapseMonitor({ window: 20, grace: 40, ...options });
  const steps: number[] = [];
  for (let step = 1; step <= 120; step++) {
    const noise = () => 0.01 * random.normal();
    const changes = step === 1
      ? undefined
      : { "block 1": change + noise(), "block 2": change / 10 + 0.1 * noise() };
    if (monitor.observe({ step, loss: loss(step) + noise(), changes })) steps.push(step);
    if (auc && step % 30 === 0) monitor.validated(auc(step));
  }
  return steps;
}

const guessing = () => Math.LN2;

Deno.test("guessing without descent is a collapse, told once a window", () => {
  assertEquals(found({ loss: guessing, change: 0 }), [40, 60, 80, 100, 120]);
  assertEquals(found({ loss: () => 0.9, change: 0.01 }), [40, 60, 80, 100, 120]);
});

Deno.test("a plateau that descends, a loss below guessing and an AUC off chance are none", () => {
  assertEquals(found({ loss: guessing, change: -0.02 }), []);
  assertEquals(found({ loss: () => 0.6, change: 0 }), []);
  assertEquals(found({ loss: guessing, change: 0, auc: () => 0.7 }), []);
});

Deno.test("a training that learns first and then collapses is seen after the next validation", () => {
  const learned = (step: number) => step < 50 ? 0.4 : Math.LN2;
  assertEquals(
    found({ loss: learned, change: 0, auc: (step) => step < 60 ? 0.9 : 0.52 }),
    [69, 89, 109],
  );
});

Deno.test("the evidence names step, numbers and the block that descends least", () => {
  const monitor = new CollapseMonitor({ window: 4, grace: 5 });
  monitor.validated(0.51);
  let text = "";
  for (let step = 1; step <= 6; step++) {
    const wave = 1e-3 * (-1) ** step;
    const changes = step === 1 ? undefined : { embedding: wave, head: 1e-4 + wave / 100 };
    text = monitor.observe({ step, loss: 0.7, changes })?.text ?? text;
  }
  assertMatch(
    text,
    /^the mean loss of the last 4 steps is 0.7000, guessing gives 0.6931; the last validation AUC is 0.510; an update changes the loss by .* \+- .*, so that it does not descend, head least of all$/,
  );
});

Deno.test("a monitor goes on from its state as if it had not stopped", () => {
  const step = (monitor: CollapseMonitor, at: number) =>
    monitor.observe({ step: at, loss: Math.LN2, changes: { all: Math.sin(at) } });
  const straight = new CollapseMonitor({ window: 8, grace: 10 });
  for (let at = 1; at <= 7; at++) step(straight, at);
  straight.validated(0.49);
  const second = new CollapseMonitor({ window: 8, grace: 10 });
  second.restore(JSON.parse(JSON.stringify(straight.state())));
  for (let at = 8; at <= 30; at++) assertEquals(step(second, at), step(straight, at));
});

Deno.test("a window of less than four steps is refused", () => {
  assertThrows(() => new CollapseMonitor({ window: 3 }), ValueError, "at least 4");
});
