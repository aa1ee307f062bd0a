// Whether the critical radius goes with GSNR: over settings that differ in family, strength, label noise and step.

import type { ForgeryFamilyName } from "../forgeries/families.ts";
import type { Cell } from "./cell.ts";
import type { CellStore, DoneCell } from "./cell_store.ts";
import type { StudyFigure, StudyReport, StudyTable } from "./output.ts";
import { rankTest } from "./rank_test.ts";
import { runCells } from "./run_cells.ts";
import { plotScatter } from "./scatter_plot.ts";
import { gsnrOf } from "./sweep_figures.ts";
import { curveCells, type SweepPlan } from "./sweep_plan.ts";
import { curvesOf, meanOf } from "./sweep_results.ts";

/** One way to differ from the sweep. */
export interface Variation {
  /** In words. */
  readonly name: string;
  /** What differs. */
  readonly cell: Partial<Cell>;
  /** Multiplies the family's matched strength, up to 1. */
  readonly strength?: number;
}

/**
 * Variations of the signal (strength, label noise), which are what GSNR is about, and of the step (batch, rate), which
 * could be what the radius really goes with.
 */
export const variations: readonly Variation[] = [
  { name: "as in the sweep", cell: {} },
  { name: "label noise 0.2", cell: { labelNoise: 0.2 } },
  { name: "strength x 0.75", cell: {}, strength: 0.75 },
  { name: "8 pairs a batch", cell: { batchPairs: 8 } },
  { name: "rate 0.001", cell: { learningRate: 1e-3 } },
];

/** A setting with its radius and what may explain it. */
export interface RadiusSetting {
  /** The family. */
  readonly family: string;
  /** What differs. */
  readonly variation: string;
  /** The empirical critical radius. */
  readonly radius: number;
  /** Its interval. */
  readonly interval: readonly [low: number, high: number];
  /** GSNR of the model without a climb, early and at the budget, mean over seeds. */
  readonly gsnrEarly: number;
  /** See `gsnrEarly`. */
  readonly gsnr: number;
  /** The same after a climb. */
  readonly gsnrClimbed: number;
  /** |g| at the budget, from the unbiased signal. */
  readonly gradientNorm: number;
  /** AUC without a climb. */
  readonly auc: number;
  /** Twin pairs in a batch. */
  readonly batchPairs: number;
  /** AdamW's rate. */
  readonly learningRate: number;
  /** Seeds. */
  readonly seeds: number;
}

/** What the study goes over. */
export interface RadiusStudyPlan {
  /** The sweep whose matched strengths, radii and finished trainings are used. */
  readonly sweep: SweepPlan;
  /** Seeds of each setting. */
  readonly seeds: readonly number[];
  /** Steps at which the radius is taken: one of the sweep's budgets. */
  readonly budget: number;
  /** Families; a setting is a family in a variation. */
  readonly families: readonly ForgeryFamilyName[];
}

/** The cells of one setting. */
function settingCells(plan: RadiusStudyPlan, family: ForgeryFamilyName, vary: Variation): Cell[] {
  const { sweep, seeds, budget } = plan;
  const matched = sweep.strengths[family] ?? 1;
  const asSwept = Object.keys(vary.cell).length === 0 && vary.strength === undefined;
  const varied: SweepPlan = {
    ...sweep,
    // What the sweep has trained is used again; other settings end at the one budget that counts.
    budgets: asSwept ? sweep.budgets : [budget],
    strengths: { [family]: Number((matched * (vary.strength ?? 1)).toPrecision(3)) },
    settings: { ...sweep.settings, ...vary.cell },
  };
  return seeds.flatMap((seed) => curveCells(varied, family, seed));
}

/** Trains what is missing. */
export async function computeRadiusStudy(
  plan: RadiusStudyPlan,
  options: {
    readonly store: CellStore;
    readonly processes: number;
    readonly onProgress?: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<void> {
  const cells = variations.flatMap((vary) =>
    plan.families.flatMap((family) => settingCells(plan, family, vary))
  );
  await runCells(cells, options);
}

/** Every setting of which all trainings of a seed are done. */
export async function radiusSettings(
  plan: RadiusStudyPlan,
  store: CellStore,
): Promise<RadiusSetting[]> {
  const settings: RadiusSetting[] = [];
  for (const vary of variations) {
    for (const family of plan.families) {
      const done = await store.done(settingCells(plan, family, vary));
      const curve = curvesOf(done).find(({ budget }) => budget === plan.budget);
      if (curve) settings.push(settingOf(family, vary, plan.budget, done, curve));
    }
  }
  return settings;
}

function settingOf(
  family: string,
  vary: Variation,
  budget: number,
  done: readonly DoneCell[],
  curve: ReturnType<typeof curvesOf>[number],
): RadiusSetting {
  const { seeds } = curve.points[0];
  const base = done.filter(({ cell }) => cell.rho === 0 && seeds.includes(cell.seed));
  const gsnrAt = (pick: (steps: readonly number[]) => number, climbed: boolean): number =>
    meanOf(base.map(({ result }) => {
      const step = pick(result.gsnr.map((look) => look.step));
      return gsnrOf(
        result.gsnr.find((look) => look.step === step && (look.climb > 0) === climbed)!,
        "model",
      );
    }));
  const norms = base.map(({ result }) =>
    result.radii.find(({ step }) => step === budget)!.gradientNorm
  );
  return {
    family,
    variation: vary.name,
    radius: curve.radius.radius,
    interval: curve.radius.interval,
    gsnrEarly: gsnrAt((steps) => Math.min(...steps), false),
    gsnr: gsnrAt(() => budget, false),
    gsnrClimbed: gsnrAt(() => budget, true),
    gradientNorm: meanOf(norms),
    auc: curve.points[0].auc.mean,
    batchPairs: base[0].cell.batchPairs,
    learningRate: base[0].cell.learningRate,
    seeds: seeds.length,
  };
}

/** The columns that may explain the radius. */
const explanations: readonly (readonly [name: string, of: (setting: RadiusSetting) => number])[] = [
  ["GSNR early (step 20)", ({ gsnrEarly }) => gsnrEarly],
  ["GSNR at the budget", ({ gsnr }) => gsnr],
  ["GSNR at the budget, after a climb", ({ gsnrClimbed }) => gsnrClimbed],
  ["|g| at the budget", ({ gradientNorm }) => gradientNorm],
  ["AUC at radius 0", ({ auc }) => auc],
  ["batch", ({ batchPairs }) => batchPairs],
  ["learning rate", ({ learningRate }) => learningRate],
];

/** The report: rank correlations of the radius with GSNR and with what else could explain it. */
export function radiusReport(
  plan: RadiusStudyPlan,
  settings: readonly RadiusSetting[],
): StudyReport {
  const known = settings.filter(({ radius }) => !Number.isNaN(radius));
  const tests = correlationTable(known);
  return {
    title: "The critical radius against GSNR",
    lead: `${known.length} settings of family, strength, label noise, batch and rate, at ` +
      `${plan.budget} steps`,
    findings: tests.rows.map(([what, correlation, pValue]) =>
      typeof correlation === "number" && typeof pValue === "number"
        ? `Spearman of the critical radius with ${what}: ${correlation.toFixed(2)} (p = ` +
          `${pValue.toFixed(3)}).`
        : `${what} is the same in all settings.`
    ),
    figures: radiusFigures(known),
    tables: [tests, settingTable(settings)],
    settings: {
      settings: known.length,
      seeds: plan.seeds.join(", "),
      radii: plan.sweep.radii.join(", "),
      budget: plan.budget,
      "p-values": "two-sided, 10,000 permutations of the settings; no correction for seven tests",
    },
  };
}

/** Spearman of the radius with each explanation. */
export function correlationTable(settings: readonly RadiusSetting[]): StudyTable {
  return {
    name: "correlations",
    title: "What the critical radius goes with",
    about: "Spearman's rank correlation over settings with a permutation p-value. Settings share " +
      "families, so that they are not independent, and p-values are too small rather than too large.",
    header: ["with", "Spearman", "p", "settings"],
    rows: explanations.map(([name, of]) => {
      const values = settings.map(of);
      if (new Set(values).size < 2) return [name, "constant", "", settings.length];
      const { correlation, pValue, count } = rankTest(values, settings.map(({ radius }) => radius));
      return [name, correlation, pValue, count];
    }),
  };
}

function settingTable(settings: readonly RadiusSetting[]): StudyTable {
  return {
    name: "settings",
    title: "All settings",
    about:
      "Empirical critical radius, with its bootstrap interval over seeds, and what may explain " +
      "it, measured in the trainings without a climb.",
    header: [
      "family",
      "variation",
      "critical radius",
      "low",
      "high",
      "GSNR early",
      "GSNR",
      "GSNR climbed",
      "|g|",
      "AUC at 0",
      "batch pairs",
      "rate",
      "seeds",
    ],
    rows: settings.map((setting) => [
      setting.family,
      setting.variation,
      setting.radius,
      ...setting.interval,
      setting.gsnrEarly,
      setting.gsnr,
      setting.gsnrClimbed,
      setting.gradientNorm,
      setting.auc,
      setting.batchPairs,
      setting.learningRate,
      setting.seeds,
    ]),
  };
}

function radiusFigures(settings: readonly RadiusSetting[]): StudyFigure[] {
  const shown = settings.filter(({ radius }) => Number.isFinite(radius) && radius > 0);
  if (shown.length === 0) return [];
  const families = [...new Set(shown.map(({ family }) => family))];
  return [{
    name: "radius-against-gsnr",
    title: "Critical radius against GSNR at the budget",
    about: "A point for each setting; GSNR of the whole model over twin pairs, without a climb. " +
      "Radii beyond the largest that was tried are left out.",
    svg: plotScatter({
      groups: families.map((family) => ({
        name: family,
        points: shown.filter((setting) => setting.family === family)
          .map(({ gsnr, radius }) => [gsnr, radius] as const),
      })),
      xAxis: { name: "GSNR" },
      yAxis: { name: "critical radius", scale: "log" },
    }, { width: 560, height: 400 }),
  }];
}
