// The command behind `deno task tune`: finds the fastest kernels of this machine's adapter and keeps them for its runs.

import { z } from "zod";
import type { CoritDetector, DetectorBatch } from "../corit/detector.ts";
import { DeviceError } from "../errors.ts";
import { tuneKernels } from "../kernels/mod.ts";
import { sgd, trainStepSync } from "../optim/mod.ts";
import { scoped, setDefaultDevice, startWebGpu, tensor, zeros } from "../tensor/mod.ts";
import { parseTrainingConfig, type TrainingConfig } from "../training/config.ts";
import { quietDrivers } from "../training/device.ts";
import { makeDetector } from "../training/model.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { writeTuned } from "../training/tuned_choices.ts";
import { runCommand } from "./command.ts";
import { progress } from "./progress.ts";

/** What the command is told. */
interface TuneCommandOptions {
  preset: TrainingConfig["preset"];
  imageSize: number;
  patchSize: number;
  batchPairs: number;
  milliseconds: number;
  all: boolean;
}

const count = z.int().min(1);
const tuneOptions = defineOptions<TuneCommandOptions>({
  name: "tune",
  summary: [
    "Several kernels compute the same operation, and which is the fastest depends on the shapes and on the",
    "adapter. Times all of them on this machine's WebGPU adapter, at the shapes of a detector's training",
    "step, and keeps what it finds in the cache folder, for every later run on this adapter. Kernels differ",
    "in the order of sums, so in the last bits; a run's kernels.json lists those it used.",
  ].join("\n"),
  examples: [
    { command: "deno task tune", does: "for the starter detector" },
    {
      command: "deno task tune --preset base --image-size 224 --patch-size 16 --batch-pairs 8",
      does: "for a ViT-B/16",
    },
  ],
  rows: {
    ...group("Shapes", {
      preset: row(
        z.enum(["starter", "tiny", "small", "base", "large"]),
        "starter",
        "size of the vision transformer",
      ),
      imageSize: row(z.int().min(8), 64, "side of the input, in pixels"),
      patchSize: row(count, 8, "side of a patch, in pixels"),
      batchPairs: row(count, 32, "real crops in a batch, with as many forged ones"),
    }),
    ...group("Timing", {
      milliseconds: row(z.number().positive(), 60, "for which each kernel is timed"),
      all: row(z.boolean(), false, "show the choices that stay as they are, too"),
    }),
  },
});

/** A batch of the right shape: what is in it does not change what a step costs. */
function emptyBatch({ imageSize, batchPairs }: TrainingConfig): DetectorBatch {
  const labels = Array.from({ length: 2 * batchPairs }, (_, at) => at % 2);
  return {
    images: zeros([2 * batchPairs, 3, imageSize, imageSize]),
    labels: tensor(labels),
  };
}

await runCommand(tuneOptions, async ({ values }) => {
  quietDrivers();
  const executor = await startWebGpu();
  setDefaultDevice("webgpu");
  if (!executor.readsSynchronously) {
    throw new DeviceError(
      "tune: this implementation of WebGPU cannot wait for its device, so nothing can be timed",
    );
  }
  const { preset, imageSize, patchSize, batchPairs, milliseconds, all } = values;
  const config = parseTrainingConfig({ preset, imageSize, patchSize, batchPairs });
  const detector = makeDetector(config);
  const loss = (model: CoritDetector, batch: DetectorBatch) => model.losses(batch).total;
  // A pass of SAM's step has the shapes of a plain one.
  const step = trainStepSync(detector, sgd({ learningRate: 0 }), loss, { plan: false });
  console.log(`\n  adapter    ${executor.description}`);
  let bar: ReturnType<typeof progress> | undefined;
  const tuned = tuneKernels(executor, () => scoped(() => void step(emptyBatch(config))), {
    milliseconds,
    onTuned: (_, done, total) => {
      bar ??= progress({ total, label: "choice", fields: [] });
      bar.update(done);
    },
  });
  bar?.stop();
  for (const { key, milliseconds: times, standard, best } of tuned) {
    if (best === standard && !all) continue;
    const gain = best === standard
      ? ""
      : `, ${(times[standard] / times[best]).toFixed(2)} times as fast as`;
    console.log(`  ${key}\n             ${best}${gain}${gain ? ` ${standard}` : " as before"}`);
  }
  const changed = tuned.filter(({ best, standard }) => best !== standard).length;
  const path = await writeTuned(executor.description, tuned);
  console.log(`\n  ${changed} of ${tuned.length} choices changed; kept in ${path}\n`);
});
