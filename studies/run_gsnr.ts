// The gradient signal-to-noise ratio of a trained run: of its parameters and of its tokens, by block and by step.

import type { CoritDetector } from "../corit/detector.ts";
import type { Batch } from "../data/batch.ts";
import { gradients, type PerSampleStatistics } from "../autograd/mod.ts";
import { plotGsnr } from "../evaluation/plots.ts";
import { type DetailedGsnr, GradientStatistics, measureGsnrInBatches } from "../instruments/mod.ts";
import { recordingOn, scoped, type Tensor } from "../tensor/mod.ts";
import { groupsOf } from "../training/gsnr_probe.ts";
import { readMetrics, type TrainingRow } from "../training/metrics_log.ts";
import { runSettings } from "./run_settings.ts";
import type { StudyFigure, StudyReport, StudyTable } from "./output.ts";
import { type RunProbe, tensorsOf, twinBatches } from "./run_probe.ts";

/** How much is measured. */
export interface RunGsnrOptions {
  /** Twin pairs; 400 resolve ratios of about a hundredth. */
  readonly pairs: number;
  /** Seed of their choice. */
  readonly seed: number;
}

/** Batches, which are the shards of the jackknife. */
const batches = 20;

/** Measures a run at its best weights and gathers what it measured on the way. */
export async function runGsnrReport(
  probe: RunProbe,
  { pairs, seed }: RunGsnrOptions,
): Promise<StudyReport> {
  const { detector, folder, best, train } = probe;
  const each = Math.ceil(pairs / batches);
  const probes = await twinBatches(train, { batches, pairs: each, seed });
  const parameters = parameterGsnr(detector, probes);
  const tokens = tokenGsnr(detector, probes);
  const rows = (await readMetrics(folder.metricsPath)).filter(({ gsnr }) => gsnr !== undefined);
  const groups = parameters.filter(({ name }) => !name.includes("."));
  const sorted = groups.filter(({ name }) => name !== "model")
    .toSorted((a, b) => a.gsnr - b.gsnr);
  const model = groups.find(({ name }) => name === "model")!;
  return {
    title: `GSNR of ${folder.path}`,
    lead: `Exact gradient signal-to-noise ratios at the weights after step ${best.step}, over ` +
      `${model.units} twin pairs`,
    findings: [
      `Over all parameters GSNR is ${text(model)}.`,
      `It is lowest in ${sorted[0].name} (${text(sorted[0])}) and highest in ` +
      `${sorted.at(-1)!.name} (${text(sorted.at(-1)!)}).`,
      `Ratios below about ${(1 / model.units).toFixed(4)} (one over the pairs) are not resolved.`,
    ],
    figures: runGsnrFigures(rows),
    tables: [
      gsnrTable("gsnr", "Parameters at the best weights", parameters),
      ...tokens.length === 0 ? [] : [gsnrTable("tokens", "Tokens after each tapped block", tokens)],
      stepTable(rows),
    ],
    settings: { ...runSettings(probe), pairs: each * batches, seed, unit: "the twin pair" },
  };
}

/** Every group, the whole model, and every tensor by its name. */
export function parameterGsnr(detector: CoritDetector, probes: readonly Batch[]): DetailedGsnr[] {
  const named = [...detector.namedParameters()].filter(([, { trained }]) => trained);
  const names = named.map(([name]) => name);
  return measureGsnrInBatches({
    groups: [
      ...groupsOf(names),
      { name: "model", members: names.map((_, at) => at) },
      ...names.map((name, at) => ({ name, members: [at] })),
    ],
    parameters: named.map(([, parameter]) => parameter.value),
    batches: probes.length,
    samplesPerUnit: 2,
    lossesOf: (batch) => ({
      losses: recordingOn(() => detector.sampleLosses(tensorsOf(probes[batch]))),
    }),
  });
}

/**
 * GSNR of d loss / d z over twin pairs, for the tokens z after each tapped block; nothing for a detector without taps.
 * A layer-wise attenuation would show as a fall from the last tap to the first.
 */
export function tokenGsnr(detector: CoritDetector, probes: readonly Batch[]): DetailedGsnr[] {
  const statistics = new GradientStatistics({ shards: probes.length });
  let blocks: number[] = [];
  for (const probe of probes) {
    scoped(() => {
      const { loss, taps } = recordingOn(() => detector.lossWithTaps(tensorsOf(probe)));
      blocks = taps.map(({ block }) => block);
      if (taps.length === 0) return;
      const pairs = probe.count / 2;
      const found = gradients(loss, taps.map(({ tokens }) => tokens));
      statistics.add(found.map((gradient) => pairStatistics(gradient, pairs)), pairs);
    });
  }
  return blocks.map((block, at) => statistics.group({ name: `block ${block}`, members: [at] }));
}

/**
 * Sums over pairs of the gradient by tokens [2 pairs, tokens, width] of the mean loss. The loss of a pair is the mean of
 * its two, and the loss of the batch the mean over pairs, so that a pair's own gradient is `pairs` times as large.
 */
function pairStatistics(gradient: Tensor, pairs: number): PerSampleStatistics {
  const [, tokens, width] = gradient.shape;
  const units = gradient.reshape([pairs, 2, tokens, width]).sum(1).mul(pairs);
  return {
    sum: units.sum(0),
    squares: units.square().sum(0),
    squaredNorms: undefined,
    gradients: undefined,
  };
}

/** What a run measured on the way: a heat map by block and step, and lines. */
function runGsnrFigures(rows: readonly TrainingRow[]): StudyFigure[] {
  if (rows.length === 0) return [];
  const size = { width: 560, height: 340 };
  return [
    {
      name: "gsnr-by-block-and-step",
      title: "GSNR by block and step",
      about: "As the run measured it; bottom row nearest the image, top row the head.",
      svg: plotGsnr(rows, { ...size, form: "heatmap" }),
    },
    {
      name: "gsnr-over-steps",
      title: "The same as lines",
      about: "Size of the mean gradient against its spread between twin pairs.",
      svg: plotGsnr(rows, size),
    },
  ];
}

function gsnrTable(name: string, title: string, measured: readonly DetailedGsnr[]): StudyTable {
  return {
    name,
    title,
    about: "Unbiased, with 95 % jackknife intervals; the plug-in ratio, biased by one over the " +
      "pairs, beside it. Median and 95th percentile are of single elements.",
    header: [
      "of",
      "GSNR",
      "low",
      "high",
      "plug-in",
      "median",
      "95th percentile",
      "|E g|²",
      "pairs",
    ],
    rows: measured.map(({ name, gsnr, interval, plugIn, elements, signal, units }) => [
      name,
      gsnr,
      ...interval,
      plugIn,
      elements.median,
      elements.percentile95,
      signal,
      units,
    ]),
  };
}

function stepTable(rows: readonly TrainingRow[]): StudyTable {
  return {
    name: "gsnr-by-step",
    title: "By step",
    about: "",
    fileOnly: true,
    header: ["step", "group", "GSNR", "standard error"],
    rows: rows.flatMap(({ step, gsnr = {}, gsnrError = {} }) =>
      Object.entries(gsnr).map(([group, value]) => [step, group, value, gsnrError[group] ?? NaN])
    ),
  };
}

function text({ gsnr, interval: [low, high] }: DetailedGsnr): string {
  return `${gsnr.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
}
