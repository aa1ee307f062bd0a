// The command behind `deno task sweep`: many small trainings over SAM's radius, and what they say about collapse.

import { z } from "zod";
import { forgeryFamilyNames } from "../forgeries/families.ts";
import { markdownOf, writeStudy } from "../studies/output.ts";
import { prepareSweep, readSweep } from "../studies/sweep.ts";
import { outcomeOf, sweepReport } from "../studies/sweep_report.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { DataError } from "../errors.ts";
import { runCommand } from "./command.ts";
import { type Progress, progress } from "./progress.ts";

/** What the command is told. */
interface SweepCommandOptions {
  family: string[];
  rho: number[];
  steps: number[];
  seeds: number;
  controlRho: number[];
  target: number;
  strengths: number[];
  matchSeeds: number;
  size: number;
  batchPairs: number;
  learningRate: number;
  trainPairs: number;
  testPairs: number;
  processes: number;
  compute: boolean;
  out: string;
}

const count = z.int().min(1);
const radius = z.number().min(0);

const sweepOptions = defineOptions<SweepCommandOptions>({
  name: "sweep",
  summary: [
    "Trains a small transformer on one forgery family after the other, with one radius of",
    "sharpness-aware minimization after the other, and finds the radius at which half of the skill",
    "is lost. Families are first matched: each is laid on so faintly that all are equally hard.",
    "Every training is kept in the folder; what is there is not computed again, so that a sweep goes",
    "on where it was interrupted, and can be widened. A page, figures and CSV files come out.",
  ].join("\n"),
  examples: [
    { command: "deno task sweep", does: "the sweep of docs/results.md, about an hour" },
    {
      command: "deno task sweep --family swap,spectral --seeds 1 --steps 100",
      does: "a first look, in minutes",
    },
    { command: "deno task sweep --no-compute", does: "the report of what is done so far" },
  ],
  rows: {
    ...group("Sweep", {
      family: row(z.array(z.string()), [...forgeryFamilyNames], "families, each learned alone"),
      rho: row(
        z.array(radius),
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64],
        "radii; 0 is always among them",
      ),
      steps: row(z.array(count), [100, 200, 400], "budgets, each a point of the same training"),
      seeds: row(count, 5, "seeds of weights and batches"),
      controlRho: row(
        z.array(radius),
        [0.08, 0.32],
        "radii of the controls: head alone, blocks alone",
      ),
      target: row(
        z.number().min(0).lt(1),
        0,
        "validation AUC that families are matched at; 0: what the hardest reaches",
      ),
      strengths: row(
        z.array(z.number().positive().max(1)),
        [0.05, 0.1, 0.2, 0.35, 0.6, 1],
        "strengths tried when families are matched",
      ),
      matchSeeds: row(count, 2, "seeds that the matching averages over"),
    }),
    ...group("Training", {
      size: row(z.int().min(32).multipleOf(16), 32, "side of a crop, in pixels"),
      batchPairs: row(count, 16, "twin pairs in a batch"),
      learningRate: row(z.number().positive(), 2e-3, "AdamW's rate"),
      trainPairs: row(z.int().min(700), 3000, "twin pairs to train on"),
      testPairs: row(count, 600, "twin pairs of other photographs to test on"),
    }),
    ...group("Run", {
      processes: row(count, 2, "processes at once, each with one thread"),
      compute: row(
        z.boolean(),
        true,
        "make what is missing; else report what the folder holds, as it was planned",
      ),
      out: row(z.string().min(1), "runs/sweep", "the folder of trainings and results"),
    }),
  },
});

await runCommand(sweepOptions, async ({ values }, { signal }) => {
  const { family, rho, steps, controlRho, size, batchPairs, learningRate } = values;
  let bar: Progress | undefined, shown = "";
  const prepare = () =>
    prepareSweep({
      ...values,
      families: family,
      radii: rho,
      budgets: steps,
      controlRadii: controlRho,
      cell: {
        imageSize: size,
        batchPairs,
        learningRate,
        trainPairs: values.trainPairs,
        testPairs: values.testPairs,
      },
    }, {
      signal,
      onProgress: (what, done, total) => {
        if (what !== shown) {
          bar?.stop();
          shown = what;
          bar = progress({ total, label: what, fields: [], start: done });
        }
        bar?.update(done);
      },
    });
  const prepared = values.compute ? await prepare() : await readSweep(values.out);
  bar?.stop();
  const outcome = prepared && await outcomeOf(prepared);
  if (!prepared || !outcome || outcome.curves.length === 0) {
    throw new DataError(
      `no curve is complete in ${values.out}; run the sweep without --no-compute`,
    );
  }
  const report = sweepReport(prepared, outcome);
  const page = await writeStudy(values.out, report);
  console.log(`\n${report.findings.join("\n")}\n\n${markdownOf(report.tables[0])}\n\n${page}\n`);
}, { graceful: true });
