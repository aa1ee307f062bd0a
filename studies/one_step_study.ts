// The study of one-step generalization: its settings, one after the other, and their report.

import { readJsonIfThere, writeFileAtomically } from "../training/files.ts";
import { pearsonInterval } from "./rank_test.ts";
import { readDigits } from "./digits.ts";
import {
  oneStepGeneralization,
  type OneStepResult,
  type OneStepSetting,
} from "./one_step_generalization.ts";
import type { StudyReport } from "./output.ts";
import { plotScatter } from "./scatter_plot.ts";

/** What the study goes over. */
export interface OneStepPlan {
  /** Hidden units. */
  readonly widths: readonly number[];
  /** Samples of a training set. */
  readonly samples: readonly number[];
  /** Shares of labels drawn anew. */
  readonly labelNoise: readonly number[];
  /** Training sets drawn for each setting. */
  readonly draws: number;
  /** Seed. */
  readonly seed: number;
  /** The folder that keeps finished settings. */
  readonly out: string;
}

/**
 * Measures every setting; what is in the folder already is not measured again.
 *
 * @param onProgress Told how many are done.
 * @param signal Aborted to end between settings: its reason is thrown.
 * @throws {DataError} The digits cannot be installed.
 */
export async function oneStepStudy(
  plan: OneStepPlan,
  { onProgress = () => {}, signal }: {
    readonly onProgress?: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
  } = {},
): Promise<OneStepResult[]> {
  const settings = plan.widths.flatMap((width) =>
    plan.samples.flatMap((samples) =>
      plan.labelNoise.map((labelNoise): OneStepSetting => ({ width, samples, labelNoise }))
    )
  );
  const { draws, seed, out } = plan;
  const known = new Map((await doneSettings(out)).map((result) => [keyOf(result), result]));
  const digits = await readDigits(seed);
  const results: OneStepResult[] = [];
  for (const setting of settings) {
    signal?.throwIfAborted();
    onProgress(results.length, settings.length);
    const key = keyOf({ ...setting, draws, seed });
    const result = known.get(key) ?? oneStepGeneralization(digits, setting, { draws, seed });
    results.push(result);
    if (known.has(key)) continue;
    known.set(key, result);
    await Deno.mkdir(out, { recursive: true });
    await writeFileAtomically(
      `${out}/settings.json`,
      `${JSON.stringify([...known.values()], null, 1)}\n`,
    );
    // A signal is heard between settings.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  onProgress(results.length, settings.length);
  return results;
}

/** What a folder holds of settings that were measured; nothing where there is none. */
export async function doneSettings(out: string): Promise<OneStepResult[]> {
  return await readJsonIfThere(`${out}/settings.json`, "remove it to measure anew") ?? [];
}

function keyOf(
  { width, samples, labelNoise, draws, seed }: OneStepSetting & { draws: number; seed: number },
): string {
  return JSON.stringify([width, samples, labelNoise, draws, seed]);
}

/** The report: predicted against measured, and how well they agree. */
export function oneStepReport(results: readonly OneStepResult[]): StudyReport {
  const noises = [...new Set(results.map(({ labelNoise }) => labelNoise))];
  const { correlation, interval: [low, high], count } = pearsonInterval(
    results.map(({ predicted }) => predicted),
    results.map(({ measured }) => measured),
  );
  // The size of the training set alone moves the ratio: what GSNR tells shows among settings of one size.
  const sizes = [...new Set(results.map(({ samples }) => samples))];
  const within = sizes.flatMap((size) => {
    const own = results.filter(({ samples }) => samples === size);
    if (own.length < 4) return [];
    const { correlation } = pearsonInterval(
      own.map(({ predicted }) => predicted),
      own.map(({ measured }) => measured),
    );
    return [`${correlation.toFixed(3)} at n = ${size}`];
  });
  const error = results.reduce((sum, { predicted, measured }) => sum + (measured - predicted), 0) /
    results.length;
  return {
    title: "One-step generalization, predicted from GSNR",
    lead: "Liu et al., ICLR 2020, on 10,000 handwritten digits",
    findings: [
      `Over ${count} settings the predicted and the measured ratio have a Pearson correlation of ` +
      `${correlation.toFixed(3)} [${low.toFixed(3)}, ${
        high.toFixed(3)
      }] (95 %, Fisher). Settings of one width and label noise share their point, so that the interval is ` +
      "narrower than that of independent ones.",
      ...within.length > 0 ? [`Among settings of one size it is ${within.join(", ")}.`] : [],
      `Measured ratios lie ${Math.abs(error).toFixed(3)} ${error < 0 ? "below" : "above"} ` +
      `predicted ones on average.`,
    ],
    figures: [{
      name: "one-step-generalization",
      title: "Measured against predicted",
      about: "The fall of the loss on unseen digits over that on the training set, for one plain " +
        "gradient step. Dashed: equal.",
      svg: plotScatter({
        groups: noises.map((noise) => ({
          name: `label noise ${noise}`,
          points: results.filter(({ labelNoise }) => labelNoise === noise)
            .map(({ predicted, measured }) => [predicted, measured] as const),
        })),
        xAxis: { name: "predicted from GSNR, r / (r + 1/n)" },
        yAxis: { name: "measured over one-step trainings" },
        diagonal: true,
      }, { width: 520, height: 480 }),
    }],
    tables: [{
      name: "one-step-generalization",
      title: "All settings",
      about: "n samples in a training set; GSNR over single samples of all parameters together.",
      header: [
        "width",
        "n",
        "label noise",
        "GSNR",
        "predicted",
        "measured",
        "standard error",
        "draws",
      ],
      rows: results.map((result) => [
        result.width,
        result.samples,
        result.labelNoise,
        result.gsnr,
        result.predicted,
        result.measured,
        result.standardError,
        result.draws,
      ]),
    }],
    settings: {
      model: "perceptron with one hidden layer (ReLU), 60 steps of AdamW at 0.002 on a fifth of " +
        "the digits",
      sets: `${results[0].draws} training sets a setting, drawn from two fifths`,
      "held back": "the other two fifths",
      seed: results[0].seed,
    },
  };
}
