// The command behind `deno task study NAME`: single studies whose results stand in docs/results.md.

import { z } from "zod";
import { ConfigError, DataError, FileError } from "../errors.ts";
import { oneStepReport, oneStepStudy } from "../studies/one_step_study.ts";
import { markdownOf, type StudyReport, writeStudy } from "../studies/output.ts";
import {
  computeRadiusStudy,
  radiusReport,
  radiusSettings,
  type RadiusStudyPlan,
} from "../studies/radius_against_gsnr.ts";
import { gatherResults } from "../studies/results.ts";
import { writeResultsPage } from "../studies/results_page.ts";
import { readSweep } from "../studies/sweep.ts";
import { useDevice } from "../training/device.ts";
import { defineOptions, group, hint, row } from "../training/options.ts";
import { type CommandContext, runCommand } from "./command.ts";
import { type Progress, progress } from "./progress.ts";

/** What the command is told. */
interface StudyOptions {
  out: string;
  seed: number;
  width: number[];
  samples: number[];
  labelNoise: number[];
  draws: number;
  sweep: string;
  seeds: number;
  budget: number;
  processes: number;
  compute: boolean;
}

const count = z.int().min(1);

const studyOptions = defineOptions<StudyOptions>({
  name: "study",
  summary: [
    "Makes one study. osgr: the one-step generalization ratio predicted from GSNR against the ratio",
    "measured, on handwritten digits (Liu et al., ICLR 2020). cor-gsnr: the critical radius of a",
    "sweep against GSNR and against what else could explain it, over settings of family, strength,",
    "label noise, batch and rate. What is done is kept and not computed again. results: writes",
    "docs/results.md from all of them, computing nothing.",
  ].join("\n"),
  positional: "NAME",
  examples: [
    { command: "deno task study osgr", does: "a few minutes" },
    { command: "deno task study cor-gsnr", does: "after deno task sweep, of the same folder" },
    { command: "deno task study results", does: "docs/results.md and its figures" },
  ],
  rows: {
    ...group("osgr", {
      width: row(z.array(count), [10, 40, 160], "hidden units"),
      samples: row(z.array(z.int().min(2)), [50, 200, 800], "samples of a training set"),
      labelNoise: row(z.array(z.number().min(0).max(1)), [0, 0.5], "shares of labels drawn anew"),
      draws: row(z.int().min(2), 60, "training sets drawn for each setting"),
      seed: row(z.int().min(0), 0, "seed of digits, weights and draws"),
    }),
    ...group("cor-gsnr", {
      sweep: row(z.string().min(1), "runs/sweep", "the folder of the sweep"),
      seeds: row(count, 2, "seeds of each setting"),
      budget: row(count, 200, "steps at which the radius is taken"),
      processes: row(count, 2, "processes at once, each with one thread"),
      compute: row(z.boolean(), true, "make the trainings that are missing"),
    }),
    ...group("Run", {
      out: row(z.string(), "", "the folder of results; runs/NAME, or docs for results"),
    }),
  },
});

const studies: Readonly<
  Record<string, (values: StudyOptions, context: CommandContext) => Promise<StudyReport>>
> = {
  async osgr(values, { signal }) {
    await useDevice({ device: "wasm", threads: 1 });
    const plan = { ...values, widths: values.width };
    using bar = shown("settings");
    const results = await oneStepStudy(plan, { signal, onProgress: bar.onProgress });
    return oneStepReport(results);
  },
  async "cor-gsnr"(values, { signal }) {
    const swept = await readSweep(values.sweep);
    if (!swept) {
      throw new FileError(`there is no sweep in ${values.sweep}; make one: deno task sweep`);
    }
    const { plan: sweep, store } = swept;
    const { budget, processes } = values;
    if (!sweep.budgets.includes(budget)) {
      throw new ConfigError(
        `--budget ${budget}: the sweep has the budgets ${sweep.budgets.join(", ")}`,
      );
    }
    const seeds = Array.from({ length: values.seeds }, (_, seed) => seed);
    const plan: RadiusStudyPlan = { sweep, seeds, budget, families: sweep.families };
    if (values.compute) {
      using bar = shown("training");
      await computeRadiusStudy(plan, { store, processes, signal, onProgress: bar.onProgress });
    }
    const settings = await radiusSettings(plan, store);
    if (settings.length < 3) {
      throw new DataError(
        `${settings.length} settings are complete in ${values.sweep}; a correlation needs three`,
      );
    }
    return radiusReport(plan, settings);
  },
};

/** A bar that begins when the total is known. */
function shown(label: string): Disposable & { onProgress: (done: number, total: number) => void } {
  let bar: Progress | undefined;
  return {
    onProgress: (done, total) => {
      bar ??= progress({ total, label, fields: [], start: done });
      bar.update(done);
    },
    [Symbol.dispose]: () => bar?.stop(),
  };
}

await runCommand(studyOptions, async ({ values, positional }, context) => {
  const [name = ""] = positional;
  const names = [...Object.keys(studies), "results"];
  if (positional.length !== 1 || !names.includes(name)) {
    throw new ConfigError(
      `study takes one of ${names.join(", ")}, but got "${positional.join(" ")}"` +
        hint(name, names),
    );
  }
  if (name === "results") {
    const { sweep, seeds, budget } = values;
    const places = { sweep, osgr: "runs/osgr", radius: { seeds, budget } };
    const docs = values.out === "" ? "docs" : values.out;
    const page = await writeResultsPage(docs, await gatherResults(places));
    // Lines and tables as the check of the repository's form wants them.
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", page] }).output();
    console.log(page);
    return;
  }
  const out = values.out === "" ? `runs/${name}` : values.out;
  const report = await studies[name]({ ...values, out }, context);
  const page = await writeStudy(out, report);
  const tables = report.tables.filter(({ fileOnly }) => !fileOnly).map(markdownOf);
  console.log(`\n${report.findings.join("\n")}\n\n${tables.join("\n\n")}\n\n${page}\n`);
}, { graceful: true });
