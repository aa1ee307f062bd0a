// The command behind `deno task cor RUN`: how far SAM may climb at a run's weights before it stops descending.

import { z } from "zod";
import { runRadiusReport } from "../studies/run_radius.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { runCommand } from "./command.ts";
import { studyRun } from "./run_study.ts";

/** What the command is told. */
interface CorOptions {
  rate: number;
  batches: number;
  pairs: number;
  gsnrPairs: number;
  seed: number;
  out: string;
}

const corOptions = defineOptions<CorOptions>({
  name: "cor",
  summary: [
    "Estimates the critical radius of sharpness-aware minimization at a run's best weights: up to",
    "where the next step still descends, whole and block by block, and the radius up to which theory",
    "guarantees it (docs/theory.md). The radius of a whole training is what deno task sweep measures.",
  ].join("\n"),
  positional: "RUN",
  examples: [{ command: "deno task cor runs/first", does: "writes runs/first/cor/report.html" }],
  rows: {
    ...group("Measurement", {
      rate: row(
        z.number().min(0),
        0,
        "learning rate of the plain step; 0: the run's own at its peak",
      ),
      batches: row(z.int().min(1), 6, "training batches that are climbed by"),
      pairs: row(z.int().min(2), 100, "twin pairs that stand for the expected loss"),
      gsnrPairs: row(z.int().min(40), 200, "twin pairs of the GSNR that the bound takes"),
      seed: row(z.int().min(0), 0, "seed of their choice"),
    }),
    ...group("Run", {
      out: row(z.string(), "", "the folder of results; RUN/cor where empty"),
    }),
  },
});

await runCommand(corOptions, async ({ values, positional }) => {
  await studyRun("cor", positional, values.out, (probe) => runRadiusReport(probe, values));
});
