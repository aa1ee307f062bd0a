// The command behind `deno task landscape RUN`: a picture of the loss around a run's weights.

import { z } from "zod";
import { runLandscapeReport } from "../studies/run_landscape.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { runCommand } from "./command.ts";
import { studyRun } from "./run_study.ts";

/** What the command is told. */
interface LandscapeOptions {
  points: number;
  reach: number;
  rho: number;
  pairs: number;
  seed: number;
  out: string;
}

const landscapeOptions = defineOptions<LandscapeOptions>({
  name: "landscape",
  summary: [
    "Draws the loss around a run's best weights on a plane: along the gradient, where SAM climbs, and",
    "along a random filter-normalized direction, with SAM's climb and descent as arrows.",
  ].join("\n"),
  positional: "RUN",
  examples: [
    { command: "deno task landscape runs/first", does: "writes runs/first/landscape/report.html" },
    { command: "deno task landscape runs/first --rho 0.1 --reach 0.5", does: "a wider view" },
  ],
  rows: {
    ...group("Picture", {
      points: row(z.int().min(3), 21, "points a side; an odd number holds the weights themselves"),
      reach: row(z.number().min(0), 0, "how far it reaches; 0: four times the radius"),
      rho: row(z.number().min(0), 0, "SAM's radius; 0: the run's own, or 0.01 without SAM"),
      pairs: row(z.int().min(2), 32, "twin pairs that the loss is taken over"),
      seed: row(z.int().min(0), 0, "seed of the pairs and of the random direction"),
    }),
    ...group("Run", {
      out: row(z.string(), "", "the folder of results; RUN/landscape where empty"),
    }),
  },
});

await runCommand(landscapeOptions, async ({ values, positional }) => {
  await studyRun(
    "landscape",
    positional,
    values.out,
    (probe) => runLandscapeReport(probe, values),
  );
});
