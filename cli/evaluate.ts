// The command behind `deno task evaluate RUN`: in-domain and cross-domain scores of a trained detector.

import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { testDetector, testElsewhere } from "../training/results.ts";
import { type DataListener, makeTest, readElsewhere } from "../training/splits.ts";
import { loadTrained } from "../training/trained.ts";
import { runCommand } from "./command.ts";
import { computingRows } from "./computing_options.ts";
import { type Progress, progress } from "./progress.ts";
import { scoresText } from "./training_text.ts";

/** What the command is told. */
interface EvaluateOptions {
  data: string;
  json: boolean;
  device: "auto" | "wasm" | "reference" | "webgpu";
  threads: number;
}

const evaluateOptions = defineOptions<EvaluateOptions>({
  name: "evaluate",
  summary: [
    "Tests a trained detector on photographs that had no part in its training: on the kinds of forgery",
    "it was trained on (in-domain) and on those it was not (cross-domain), every metric with its",
    "interval over source photographs. The decision threshold is the one that validation chose.",
  ].join("\n"),
  positional: "RUN",
  examples: [
    { command: "deno task evaluate runs/first", does: "the run's own test photographs" },
    {
      command: "deno task evaluate runs/first --data faces",
      does: "pictures of one's own: faces/real/... and faces/fake/FAMILY/...",
    },
    { command: "deno task evaluate runs/first --json > scores.json", does: "for programs" },
  ],
  rows: {
    ...group("Evaluation", {
      data: row(z.string(), "", "another data set: a folder with real/ and fake/ in it"),
      json: row(z.boolean(), false, "print the scores as JSON, and nothing else"),
    }),
    ...group("Run", computingRows),
  },
});

await runCommand(evaluateOptions, async ({ values, positional }) => {
  const [path, ...others] = positional;
  if (path === undefined || others.length > 0) {
    throw new ConfigError(
      `evaluate takes one run, but got ${positional.length}: deno task evaluate runs/NAME`,
    );
  }
  const { folder, detector, best } = await loadTrained(path, values);
  const { config } = folder;
  // Its own data have a part that it was not trained on; of others it has seen nothing.
  const own = values.data === "" || values.data === config.data;
  const data = own ? config.data : values.data;
  let bar: Progress | undefined;
  const onProgress: DataListener = ({ what, done, total }) => {
    bar ??= progress({ total, label: what, fields: [] });
    bar.update(done);
  };
  const evaluation = own
    ? (await testDetector(detector, await makeTest(config, onProgress), config, best.threshold))
      .evaluation
    : await testElsewhere(
      detector,
      await readElsewhere({ ...config, data }, onProgress),
      config,
      best.threshold,
    );
  bar?.stop();
  if (values.json) {
    console.log(JSON.stringify({ run: path, data, best, ...evaluation }, null, 2));
    return;
  }
  console.log(
    `\n${path}: weights after step ${best.step}, the best in validation (AUC ` +
      `${best.auc.toFixed(3)})\n\n${scoresText(evaluation)}\n`,
  );
});
