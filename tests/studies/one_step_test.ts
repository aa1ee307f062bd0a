// The one-step generalization ratio on made-up digits: what GSNR predicts is what one-step trainings give.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../errors.ts";
import { digitPixels, type Digits } from "../../studies/digits.ts";
import { oneStepGeneralization } from "../../studies/one_step_generalization.ts";
import { doneSettings, oneStepReport } from "../../studies/one_step_study.ts";
import { setThreads } from "../../tensor/mod.ts";
import { RandomStream } from "../../tensor/random.ts";

/** Ten noisy patterns. */
function patterns(count: number): Digits {
  const random = new RandomStream(0);
  const means = Array.from({ length: 10 * digitPixels }, () => random.bernoulli(0.2) ? 1 : 0);
  const labels = Int32Array.from({ length: count }, () => random.integer(10));
  const pixels = Float32Array.from(
    { length: count * digitPixels },
    (_, at) =>
      means[labels[Math.floor(at / digitPixels)] * digitPixels + at % digitPixels] +
      0.5 * random.normal(),
  );
  return { pixels, labels, count };
}

Deno.test("the measured ratio is near the predicted one, and rises with the size of the training set", () => {
  setThreads(1);
  const digits = patterns(2000);
  const options = { steps: 20, draws: 30 };
  const [few, many] = [20, 200].map((samples) =>
    oneStepGeneralization(digits, { width: 4, samples, labelNoise: 0.3 }, options)
  );
  for (const { predicted, measured } of [few, many]) {
    assert(Math.abs(predicted - measured) < 0.15, `${predicted} against ${measured}`);
  }
  assert(few.predicted < many.predicted && few.measured < many.measured);
  // r / (r + 1 / n)
  assert(Math.abs(few.predicted - few.gsnr / (few.gsnr + 1 / 20)) < 1e-9);
});

Deno.test("the report tells the correlation; more samples than there are is an error", async () => {
  const results = [0.1, 0.3, 0.6, 0.8].map((predicted, at) => ({
    width: 4,
    samples: 10,
    labelNoise: at % 2,
    gsnr: 0.1,
    predicted,
    measured: predicted - 0.05,
    standardError: 0.01,
    draws: 5,
    seed: 0,
  }));
  const { findings, tables } = oneStepReport(results);
  assert(findings[0].includes("1.000"));
  assert(findings[1].includes("1.000 at n = 10"));
  assert(findings[2].includes("0.050 below"));
  assertEquals(tables[0].rows.length, 4);
  const setting = { width: 4, samples: 50, labelNoise: 0 };
  assertThrows(() => oneStepGeneralization(patterns(100), setting), ConfigError, "50 samples");
  assertEquals(await doneSettings("runs/none"), []);
});
