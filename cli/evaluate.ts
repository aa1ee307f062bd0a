// The command behind `deno task evaluate RUN...`: what trained detectors are worth, on their own test part and elsewhere.

import { z } from "zod";
import { ConfigError } from "../errors.ts";
import type { AssessmentWithRobustness } from "../evaluation/assessment_report.ts";
import { assessmentTable } from "../evaluation/assessment_table.ts";
import { type DistortionName, distortionNames } from "../evaluation/distortions.ts";
import { crossGeneratorTable, type TrainedOn, universalTable } from "../evaluation/generators.ts";
import { robustnessTable } from "../evaluation/robustness.ts";
import { assessRun } from "../training/assess_run.ts";
import { writeFileAtomically } from "../training/files.ts";
import { defineOptions, group, row } from "../training/options.ts";
import type { DataListener } from "../training/splits.ts";
import { loadTrained, type TrainedDetector } from "../training/trained.ts";
import { runCommand } from "./command.ts";
import { computingRows } from "./computing_options.ts";
import { type Progress, progress } from "./progress.ts";
import { scoresText } from "./training_text.ts";
import { trainedOnText } from "./trained_text.ts";

/** What the command is told. */
interface EvaluateOptions {
  data: string[];
  robustness: boolean;
  distortions: DistortionName[];
  html: string;
  json: boolean;
  device: "auto" | "wasm" | "reference" | "webgpu";
  threads: number;
}

const evaluateOptions = defineOptions<EvaluateOptions>({
  name: "evaluate",
  summary: [
    "Tests a trained detector on photographs that had no part in its training: on the kinds of forgery",
    "it was trained on (in-domain) and on those it was not (cross-domain), every metric with its",
    "interval over source photographs; then by generator, calibrated, and on request distorted. Threshold",
    "and temperature are those that validation chose. Several runs give the table of detectors by",
    "generators.",
  ].join("\n"),
  positional: "RUN...",
  examples: [
    { command: "deno task evaluate runs/first", does: "the run's own test photographs" },
    {
      command: "deno task evaluate runs/first --data own,faces,ff++",
      does: "across data sets: a table; own is the run's test part",
    },
    {
      command: "deno task evaluate runs/first --robustness --html first.html",
      does: "six distortions in five levels each, and a page with the plots",
    },
    {
      command: "deno task evaluate runs/swap runs/upsample",
      does: "trained on one generator, tested on all: GenImage's table",
    },
    { command: "deno task evaluate runs/first --json > scores.json", does: "for programs" },
  ],
  rows: {
    ...group("Evaluation", {
      data: row(
        z.array(z.string().min(1)),
        ["own"],
        "data sets to test on: paths, starter, or own for the run's own test part",
      ),
      robustness: row(z.boolean(), false, "measure distorted pictures as well"),
      distortions: row(
        z.array(z.enum(distortionNames as [DistortionName, ...DistortionName[]])),
        [...distortionNames],
        "which distortions --robustness measures",
      ),
    }),
    ...group("Output", {
      html: row(z.string(), "", "write a page with tables and plots to this file"),
      json: row(z.boolean(), false, "print the scores as JSON, and nothing else"),
    }),
    ...group("Run", computingRows),
  },
});

/** One detector on all data sets. */
interface Tested {
  readonly path: string;
  readonly trained: TrainedDetector;
  readonly assessments: readonly AssessmentWithRobustness[];
}

/** A bar for each part of the work. */
function bars(): { listener: DataListener; stop: () => void } {
  let bar: Progress | undefined;
  let shown = "";
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
    shown = "";
  };
  return {
    listener: ({ what, done, total }) => {
      if (what !== shown) {
        stop();
        shown = what;
        bar = progress({ total, label: what, fields: [] });
      }
      bar?.update(done);
    },
    stop,
  };
}

/** One detector's scores for people. */
function testedText({ path, trained: { best, folder }, assessments }: Tested): string {
  const lines = [
    `\n${path}: weights after step ${best.step}, the best in validation (AUC ` +
    `${best.auc.toFixed(3)})`,
    trainedOnText(folder.config),
  ];
  for (const assessment of assessments) {
    const { data, evaluation, generators, robustness } = assessment;
    lines.push(
      `\n${data}\n\n${scoresText(evaluation)}`,
      `\nBy generator, percent, both classes weighing one half:\n\n${universalTable(generators)}`,
    );
    if (robustness.length === 0) continue;
    const whole = { clean: evaluation, cells: robustness };
    lines.push("\nUnder distortion, by level:");
    if (evaluation.inDomain) lines.push(`\nin-domain\n${robustnessTable(whole, "inDomain")}`);
    if (evaluation.crossDomain) {
      lines.push(`\ncross-domain\n${robustnessTable(whole, "crossDomain")}`);
    }
  }
  lines.push(`\nEvery picture counting the same:\n\n${assessmentTable(assessments)}`);
  return lines.join("\n");
}

/** The tables of several detectors, for each data set. */
function tablesText(all: readonly Tested[], data: readonly string[]): string {
  return data.flatMap((name, at) => {
    const rows: TrainedOn[] = all.map(({ path, trained, assessments }) => ({
      name: `${trained.folder.config.families.join(" + ")} (${path})`,
      scores: assessments[at].generators,
    }));
    return (["accuracy", "averagePrecision", "auc"] as const).map((metric) => {
      const title = { accuracy: "Accuracy", averagePrecision: "Average precision", auc: "AUC" };
      return `\n${title[metric]} on ${name}, percent (*: trained on it)\n\n` +
        crossGeneratorTable(rows, metric);
    });
  }).join("\n");
}

await runCommand(evaluateOptions, async ({ values, positional: paths }) => {
  if (paths.length === 0) {
    throw new ConfigError("evaluate takes at least one run: deno task evaluate runs/NAME");
  }
  if (values.html !== "" && paths.length > 1) {
    throw new ConfigError("--html writes the page of one run; name one run");
  }
  const { listener, stop } = bars();
  const all: Tested[] = [];
  for (const path of paths) {
    const trained = await loadTrained(path, values);
    const assessments: AssessmentWithRobustness[] = [];
    for (const data of values.data) {
      assessments.push(
        await assessRun(trained, {
          data: data === "own" ? "" : data,
          distortions: values.robustness ? values.distortions : [],
          onProgress: listener,
        }),
      );
    }
    stop();
    const tested = { path, trained, assessments };
    all.push(tested);
    if (!values.json) console.log(testedText(tested));
  }
  if (values.json) {
    const results = all.flatMap(({ path, trained: { best }, assessments }) =>
      assessments.map(({ evaluation, ...rest }) => ({ run: path, best, ...evaluation, ...rest }))
    );
    console.log(JSON.stringify(results.length === 1 ? results[0] : results, null, 2));
  } else if (all.length > 1) console.log(tablesText(all, values.data));
  if (values.html !== "") {
    const [{ path, trained, assessments }] = all;
    const { renderAssessment } = await import("../evaluation/assessment_report.ts");
    const html = renderAssessment({
      title: `The detector of ${path}`,
      trainedOn: trainedOnText(trained.folder.config),
      assessments,
      command: ["deno task evaluate", ...Deno.args].join(" "),
    });
    await writeFileAtomically(values.html, new TextEncoder().encode(html));
    if (!values.json) console.log(`\nreport: ${values.html} (open it in a browser)`);
  }
});
