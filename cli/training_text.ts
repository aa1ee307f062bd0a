// What a training says to its reader: the plan, the data, the results in plain words.

import type { Interval } from "../evaluation/bootstrap.ts";
import type { Evaluation, ForeignEvaluation, PooledScores } from "../evaluation/protocol.ts";
import { evaluationTable, textTable } from "../evaluation/table.ts";
import type { TrainingConfig } from "../training/config.ts";
import type { TrainingEvent } from "../training/events.ts";
import type { TrainingSummary } from "../training/results.ts";
import { formatDuration } from "./progress.ts";

/** An event of one kind. */
type EventOf<Kind extends TrainingEvent["kind"]> = Extract<TrainingEvent, { kind: Kind }>;

/** A whole number with groups of three digits. */
export function whole(value: number): string {
  return value.toLocaleString("en-US");
}

/** What will be done: detector, training, machine, folder. */
export function planText({ config, computing, folder, from, ...model }: EventOf<"plan">): string {
  const { device, threads, why } = computing;
  const facts: [string, string][] = [
    ["detector", detectorText(config, model)],
    ...backboneFacts(config, model),
    ["data", sourceText(config)],
    ["training", trainingText(config)],
    [
      "computing",
      `${device}${
        device === "wasm" ? `, ${threads} ${threads === 1 ? "thread" : "threads"}` : ""
      }: ${why}`,
    ],
    ["run", from > 0 ? `${folder}, going on from step ${from} of ${config.steps}` : folder],
  ];
  return facts.map(([name, text]) => indented(name, text)).join("\n");
}

/** A pretrained encoder: where it comes from, and what of it is trained, counted and listed. */
function backboneFacts(
  { backbone, tune }: TrainingConfig,
  { origin, tuned, flops }: Pick<EventOf<"plan">, "origin" | "tuned" | "flops">,
): [string, string][] {
  if (!tuned || !origin) return [];
  const work = `${(flops / 1e9).toFixed(1)} GFLOP an image`;
  return [["encoder", `${backbone}, ${work}; from ${origin}`], ["tuning", `${tune}\n${tuned}`]];
}

/** What is computed once and kept. */
export function featuresText(
  { part, total, kept, bytes, folder }: EventOf<"features">,
): string {
  const what = part.tokens ? "all tokens" : "pooled tokens";
  const size = bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(0)} MB`;
  const done = kept === total ? "all there" : `${whole(kept)} there already`;
  return indented(
    "kept",
    `${what} of ${
      whole(total)
    } views of crops after block ${part.block}, ${size}, ${done}\n${folder}`,
  );
}

/** The detector in two lines. */
function detectorText(
  config: TrainingConfig,
  { parameters, flops, taps }: Pick<EventOf<"plan">, "parameters" | "flops" | "taps">,
): string {
  const { detector, preset, backbone, imageSize, patchSize, patchInputs, cgp, rrm, rsi } = config;
  const size = backbone === "none"
    ? `${whole(parameters)} parameters, ${(flops / 1e6).toFixed(0)} MFLOP an image`
    : `${whole(parameters)} parameters`;
  const inputs = ["colours", ...patchInputs].join(" and ");
  const lines = [
    backbone === "none"
      ? `${detector === "corit" ? "CoRIT around a" : "a"} vision transformer (${preset}): ${size}`
      : `${detector === "corit" ? "CoRIT around" : "the head of"} ${backbone}: ${size} are trained`,
    `reads ${imageSize} x ${imageSize} pixels in patches of ${patchSize}, as ${inputs}`,
  ];
  if (detector === "corit") {
    const parts = [
      taps.length > 0 ? `reads blocks ${taps.join(", ")}` : "reads the last block",
      rrm ? `a region mask by the gradient proxy (${cgp})` : "",
      rsi ? `regional signal injected (${cgp})` : "",
    ];
    lines.push(parts.filter(Boolean).join("; "));
  }
  return lines.join("\n");
}

/** Where the crops come from, and what is forged how. */
function sourceText({ data, families, testFamilies }: TrainingConfig): string {
  const source = data === "starter"
    ? "the starter benchmark (made on first use, then kept)"
    : `the pictures in ${data}`;
  const trained = families.length > 0 ? families.join(", ") : "all";
  const others = testFamilies.length > 0
    ? `; tested but never trained on: ${testFamilies.join(", ")}`
    : "";
  return `${source}\nforgeries trained on: ${trained}${others}`;
}

/** The optimization in a line. */
function trainingText(config: TrainingConfig): string {
  const { steps, batchPairs, accumulate, optimizer, learningRate, maxSeconds } = config;
  const pairs = whole(batchPairs * accumulate);
  const name = optimizer === "adamw" ? "AdamW" : "SGD";
  const climb = climbText(config);
  const limit = maxSeconds > 0 ? `, at most ${formatDuration(maxSeconds)}` : "";
  return `${whole(steps)} steps of ${pairs} real crops and their ${pairs} forged twins; ` +
    `${name}, learning rate ${learningRate}${climb}${limit}`;
}

/** Who climbs how far, of SAM's family. */
function climbText(
  { sam, samRule, rho, rhoSchedule, rhoEnd, perturb, ...of }: TrainingConfig,
): string {
  if (!sam) return "";
  const name = samRule === "sam" ? "SAM" : samRule;
  const radius = samRule === "cor-guided"
    ? `radius ${of.corFraction} of the local critical one, at most ${of.corMaximum}`
    : rhoSchedule === "constant"
    ? `radius ${rho}`
    : `radius ${rho} to ${rhoEnd} (${rhoSchedule})`;
  const where = perturb === "all" ? "" : ` on the ${perturb} alone`;
  return ` under ${name}, ${radius}${where}`;
}

/** The data, counted by split and family. */
export function dataText({ counts, hasTwins }: EventOf<"ready">, config: TrainingConfig): string {
  const families = [...new Set(Object.values(counts).flatMap(({ forged }) => Object.keys(forged)))];
  const named = { train: "training", validation: "validation", test: "test" } as const;
  const rows = Object.entries(named).map(([split, name]) => {
    const { crops, photographs, forged } = counts[split as keyof typeof named];
    const total = Object.values(forged).reduce((sum, count) => sum + count, 0);
    return [
      name,
      whole(photographs),
      whole(crops - total),
      ...families.map((family) => forged[family] === undefined ? "-" : whole(forged[family])),
    ];
  });
  const head = families.map((family) =>
    counts.train.forged[family] === undefined ? `${family} (never trained on)` : family
  );
  const table = textTable(["data", "photographs", "real crops", ...head], rows);
  const notes = [
    ...(hasTwins || config.gsnrEvery === 0 ? [] : [
      "These crops have no forged twins, so the gradient signal-to-noise ratio is not measured.",
    ]),
  ];
  return [table, ...notes].join("\n");
}

/** Why training ended and which weights are tested. */
export function trainedText({ why, best }: EventOf<"trained">): string {
  const ended = why === "" ? "" : `Training ended early: ${why}.\n`;
  return `${ended}The best validation AUC was ${best.auc.toFixed(3)}, after step ${best.step}. ` +
    "These weights are tested now, on\nphotographs that had no part in training or in this choice.";
}

/** The scores as a table, and what they mean in plain words. */
export function scoresText(evaluation: Evaluation | ForeignEvaluation): string {
  const { inDomain, crossDomain, families, sourceCount } = evaluation;
  const [{ interval }] = Object.values(families);
  const level = `${Number((100 * interval.level).toPrecision(4))} %`;
  const lines = [
    evaluationTable(evaluation),
    "",
    `Intervals are ${level}, over the ${sourceCount} test photographs. Threshold ` +
    `${evaluation.threshold.toFixed(3)}, chosen on validation.`,
    "",
  ];
  if (inDomain) {
    lines.push(meaning("Kinds of forgery it was trained on, in new photographs", inDomain));
  }
  if (crossDomain) {
    const names = Object.keys(crossDomain.weights).join(", ");
    lines.push(meaning(`Kinds of forgery it has never seen (${names})`, crossDomain));
  }
  return lines.join("\n");
}

/** One group's AUC as a sentence. */
function meaning(what: string, { auc, interval }: PooledScores): string {
  const times = Math.round(100 * auc);
  return `${what}:\n  of a forged and a real crop it ranks the forged one higher ${times} times in 100 ` +
    `(guessing: 50). ${verdict(interval)}`;
}

/** What an interval says about guessing. */
function verdict({ low, high }: Interval): string {
  if (low > 0.5) return "That is better than guessing.";
  if (high < 0.5) return "That is worse than guessing.";
  return "That cannot be told from guessing.";
}

/** What to do next. */
export function nextText(folder: string, { seconds, imagesPerSecond }: TrainingSummary): string {
  const facts: [string, string][] = [
    ["took", `${formatDuration(seconds)}, ${Math.round(imagesPerSecond)} images/s in training`],
    ["report", `${folder}/report.html (open it in a browser)`],
    [
      "next",
      [
        `deno task evaluate ${folder}`,
        `deno task detect ${folder} PHOTO.jpg`,
        "deno task train --rho 0.5    a wider radius: past the critical one it learns to guess",
        "deno task train --help       everything that can be changed",
      ].join("\n"),
    ],
  ];
  return facts.map(([name, text]) => indented(name, text)).join("\n");
}

/** A name and its text, whose further lines stand under the first. */
function indented(name: string, text: string): string {
  const margin = 13;
  return `  ${name.padEnd(margin - 2)}${text.replaceAll("\n", `\n${" ".repeat(margin)}`)}`;
}
