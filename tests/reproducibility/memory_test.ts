// A training takes as much memory after a thousand steps as after fifty.

import { assert, assertEquals } from "@std/assert";
import { CoritDetector } from "../../corit/detector.ts";
import { executorOf } from "../../tensor/mod.ts";
import { parseTrainingConfig } from "../../training/config.ts";
import { useDevice } from "../../training/device.ts";
import { GsnrProbe } from "../../training/gsnr_probe.ts";
import { Session } from "../../training/session.ts";
import { syntheticSplits } from "../training/synthetic.ts";

Deno.test("the executor's memory stays flat over 1,000 steps with validations, probes and checkpoints", async () => {
  const splits = syntheticSplits({
    size: 32,
    families: ["swap"],
    pairs: { train: 16, validation: 6, test: 2 },
  });
  const config = parseTrainingConfig({
    imageSize: 32,
    patchSize: 16,
    families: ["swap"],
    testFamilies: [],
    steps: 1000,
    batchPairs: 2,
    ema: 0.9,
    threads: 1,
  });
  await useDevice(config);
  const executor = executorOf("wasm");
  const detector = CoritDetector.create({
    imageSize: 32,
    patchSize: 16,
    width: 32,
    depth: 2,
    heads: 1,
    dropout: 0.1,
    rrm: true,
  });
  using session = new Session(config, splits, detector);
  const probe = await GsnrProbe.create(splits.train, 2, 0);
  let early = executor.memory();
  while (session.step < config.steps) {
    await session.advance();
    if (session.step % 50 !== 0) continue;
    await session.validate();
    probe.measure(session.detector);
    session.restore(session.save(0));
    const now = executor.memory();
    if (session.step === 50) early = now;
    if (session.step <= 50) continue;
    // What a step makes goes back at its end, so the level is not only flat but the same.
    assertEquals(now.buffers, early.buffers, `after step ${session.step}`);
    assertEquals(now.bytes, early.bytes, `after step ${session.step}`);
    assert(now.reserved <= 1.02 * early.reserved, `${now.reserved} bytes reserved`);
  }
});
