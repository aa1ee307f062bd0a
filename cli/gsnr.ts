// The command behind `deno task gsnr RUN`: the gradient signal-to-noise ratio of a run, by block and by step.

import { z } from "zod";
import { runGsnrReport } from "../studies/run_gsnr.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { runCommand } from "./command.ts";
import { studyRun } from "./run_study.ts";

/** What the command is told. */
interface GsnrOptions {
  pairs: number;
  seed: number;
  out: string;
}

const gsnrOptions = defineOptions<GsnrOptions>({
  name: "gsnr",
  summary: [
    "Measures the gradient signal-to-noise ratio of a run at its best weights, exactly and without",
    "bias: of every block, every tensor and of the tokens, with intervals; and draws what the run",
    "measured on its way by block and step. A page, figures and CSV files come out.",
  ].join("\n"),
  positional: "RUN",
  examples: [{ command: "deno task gsnr runs/first", does: "writes runs/first/gsnr/report.html" }],
  rows: {
    ...group("Measurement", {
      pairs: row(z.int().min(40), 400, "twin pairs of training photographs"),
      seed: row(z.int().min(0), 0, "seed of their choice"),
    }),
    ...group("Run", {
      out: row(z.string(), "", "the folder of results; RUN/gsnr where empty"),
    }),
  },
});

await runCommand(gsnrOptions, async ({ values, positional }) => {
  await studyRun("gsnr", positional, values.out, (probe) => runGsnrReport(probe, values));
});
