// The command behind `deno task train`: trains a detector and shows how it goes.

import { problemLines } from "../data/problem.ts";
import { dataReportText } from "../data/report_text.ts";
import { ConfigError } from "../errors.ts";
import { trainingOptions } from "../training/config_table.ts";
import type { TrainingConfig } from "../training/config.ts";
import type { TrainingEvent } from "../training/events.ts";
import type { TrainingRow } from "../training/metrics_log.ts";
import { resume, train, type TrainingResult, type TrainOptions } from "../training/train.ts";
import { profileTable } from "../evaluation/profile_table.ts";
import { runCommand } from "./command.ts";
import { flagOf } from "./options.ts";
import { type Progress, progress } from "./progress.ts";
import {
  dataText,
  featuresText,
  nextText,
  planText,
  scoresText,
  trainedText,
} from "./training_text.ts";

/** Options that may be given with `--resume`: they change no bit of what comes out. */
const allowedOnResume: readonly string[] = ["resume", "threads", "maxSeconds"];

/** Steps over which the loss and the speed that are shown are averaged: single steps jump. */
const shownSteps = 20;

/** Shows a training on the terminal. */
function show(): { onEvent: (event: TrainingEvent) => void; stop: () => void } {
  let config: TrainingConfig;
  let bar: Progress | undefined;
  let making = "";
  let from = 0;
  const recent: TrainingRow[] = [];
  const mean = (of: (row: TrainingRow) => number): number =>
    recent.reduce((sum, row) => sum + of(row), 0) / recent.length;
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
  };
  const onEvent = (event: TrainingEvent): void => {
    switch (event.kind) {
      case "plan":
        ({ config, from } = event);
        console.log(`\n${planText(event)}\n`);
        break;
      case "weights":
        stop();
        console.error(event.line);
        break;
      case "features":
        stop();
        console.log(`${featuresText(event)}\n`);
        break;
      case "data":
        if (event.what !== making) {
          stop();
          making = event.what;
          bar = progress({ total: event.total, label: event.what, fields: [] });
        }
        bar?.update(event.done);
        break;
      case "found":
        stop();
        console.log(`${dataReportText(event.report)}\n`);
        break;
      case "skipped":
        stop();
        console.log(
          ["Left out, since they cannot be read:", ...problemLines(event.problems), ""].join(
            "\n  ",
          ),
        );
        break;
      case "ready":
        stop();
        console.log(`${dataText(event, config)}\n`);
        bar = progress({
          total: config.steps,
          label: "step",
          fields: ["loss", "AUC", "images/s"],
          start: from,
        });
        break;
      case "step": {
        const { step, auc } = event.row;
        recent.push(event.row);
        if (recent.length > shownSteps) recent.shift();
        bar?.update(step, {
          loss: mean((row) => row.loss).toFixed(3),
          AUC: auc?.toFixed(3),
          "images/s": Math.round(1 / mean((row) => 1 / row.imagesPerSecond)),
        });
        break;
      }
      case "validation": {
        const best = event.isBest ? ", the best so far" : "";
        bar?.log(`step ${event.step}: validation AUC ${event.auc.toFixed(3)}${best}`);
        break;
      }
      case "collapse":
        bar?.log(
          `step ${event.evidence.step}: training seems to have collapsed to guessing: ` +
            `${event.evidence.text}; ${event.action}`,
        );
        break;
      case "planned":
        stop();
        console.log(`\n${event.text}`);
        break;
      case "profile":
        stop();
        console.log(`\n${profileTable(event.profile)}\n\n  trace      ${event.trace}`);
        break;
      case "trained":
        stop();
        console.log(`\n${trainedText(event)}\n`);
        break;
    }
  };
  return { onEvent, stop };
}

await runCommand(trainingOptions, async ({ values, given }, { signal }) => {
  const display = show();
  const options: TrainOptions = { signal, onEvent: display.onEvent };
  let result: TrainingResult;
  if (values.resume === "") {
    result = await train(values, options);
  } else {
    const other = [...given].find((name) => !allowedOnResume.includes(name));
    if (other !== undefined) {
      throw new ConfigError(
        `--${flagOf(other)} cannot be changed by --resume: a run goes on as it began ` +
          `(only --threads and --max-seconds may differ); leave it out, or train anew`,
      );
    }
    const { threads, maxSeconds } = values;
    result = await resume(values.resume, {
      ...options,
      ...(given.has("threads") ? { threads } : {}),
      ...(given.has("maxSeconds") ? { maxSeconds } : {}),
    });
  }
  display.stop();
  const { folder, summary } = result;
  console.log(`${scoresText(summary)}\n\n${nextText(folder.path, summary)}\n`);
}, { graceful: true });
