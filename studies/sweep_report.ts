// The report of a sweep: figures, tables and what they say, from the trainings that are done.

import type { Cell } from "./cell.ts";
import type { RadiusLook } from "./cell_result.ts";
import type { DoneCell } from "./cell_store.ts";
import type { StudyReport, StudyTable } from "./output.ts";
import { radiusText } from "./radius_estimate.ts";
import type { PreparedSweep } from "./sweep.ts";
import { gsnrOf, sweepFigures, triedOf } from "./sweep_figures.ts";
import { controlCells, curveCells } from "./sweep_plan.ts";
import { curvesOf, meanOf, type SweepCurve } from "./sweep_results.ts";

/** A sweep's curves and cells, as far as they are done. */
export interface SweepOutcome {
  /** Curves of climbs along everything, family by family and budget by budget. */
  readonly curves: readonly SweepCurve[];
  /** Controls: climbs along the head alone and along the blocks alone. */
  readonly controls: readonly SweepCurve[];
  /** All finished cells. */
  readonly cells: readonly DoneCell[];
  /** Cells that the plan has in all. */
  readonly planned: number;
}

/** Gathers what is done. */
export async function outcomeOf({ plan, store }: PreparedSweep): Promise<SweepOutcome> {
  const curves: SweepCurve[] = [], controls: SweepCurve[] = [], cells: DoneCell[] = [];
  let planned = 0;
  const take = async (all: readonly Cell[], into: SweepCurve[]): Promise<void> => {
    const done = await store.done(all);
    planned += all.length;
    cells.push(...done);
    into.push(...curvesOf(done));
  };
  for (const family of plan.families) {
    await take(plan.seeds.flatMap((seed) => curveCells(plan, family, seed)), curves);
    for (const climb of ["head", "blocks"] as const) {
      const all = plan.seeds.flatMap((seed) => controlCells(plan, family, seed, climb));
      await take(all, controls);
    }
  }
  return { curves, controls, cells, planned };
}

/** The whole report. */
export function sweepReport(
  { plan, matching, store }: PreparedSweep,
  outcome: SweepOutcome,
): StudyReport {
  const { curves, controls, cells, planned } = outcome;
  const [{ cell }] = cells;
  return {
    title: "Collapse under sharpness-aware minimization",
    lead: `AUC over SAM's radius, ${plan.families.length} forgery families at matched difficulty`,
    findings: findingsOf(curves),
    figures: sweepFigures(curves, cells),
    tables: [
      radiusTable(curves, cells),
      failureTable(curves),
      controlTable(curves, controls),
      gsnrTable(cells),
      pointTable([...curves, ...controls]),
      cellTable(cells),
    ],
    settings: {
      trainings: `${cells.length} of ${planned} planned`,
      seeds: plan.seeds.join(", "),
      radii: plan.radii.join(", "),
      budgets: `${plan.budgets.join(", ")} steps, each a point of the same training`,
      model: "vision transformer, width 64, depth 2, 2 heads, patches of 8 pixels with log-DCT",
      optimizer: `SAM around AdamW at ${cell.learningRate}, constant after 20 steps of rise`,
      batch: `${cell.batchPairs} twin pairs`,
      data: `${cell.imageSize} pixel crops, ${cell.trainPairs} pairs to train on, ` +
        `${cell.testPairs} to test on, of other photographs`,
      "matched AUC": `${matching.target.toFixed(3)} on validation at ${matching.budget} steps`,
      strengths: matching.families.map(({ family, strength }) => `${family} ${strength}`)
        .join(", "),
      cells: store.folder,
    },
  };
}

/** Sentences that the numbers support, budget by budget. */
export function findingsOf(curves: readonly SweepCurve[]): string[] {
  const budgets = [...new Set(curves.map(({ budget }) => budget))];
  return budgets.map((budget) => {
    const here = curves.filter((curve) => curve.budget === budget)
      .toSorted((a, b) => a.radius.radius - b.radius.radius);
    const said = here.map((curve) => {
      const tried = triedOf(curve), [low, high] = curve.radius.interval;
      const interval = Number.isNaN(low)
        ? "one seed"
        : `${radiusText(low, tried)} to ${radiusText(high, tried)}`;
      return `${curve.family} ${radiusText(curve.radius.radius, tried)} (${interval})`;
    });
    return `After ${budget} steps half of the skill is lost at radius ${said.join(", ")}.`;
  });
}

/** The three estimators side by side. */
function radiusTable(curves: readonly SweepCurve[], cells: readonly DoneCell[]): StudyTable {
  return {
    name: "critical-radius",
    title: "The critical radius by three estimators",
    about: "Empirical: half of the skill is lost, interval by bootstrap over seeds. Local: up to " +
      "where one plain step at AdamW's rate still descends in expectation at the weights of the " +
      "training without a climb, mean over seeds. Bound: up to where it is guaranteed to. The last " +
      "two are about one plain step, the first about a training; ∞: beyond all that were tried. " +
      "Rate as long: of a plain step that would be as long as AdamW's own.",
    header: [
      "family",
      "steps",
      "AUC at 0",
      "empirical",
      "low",
      "high",
      "local",
      "bound",
      "rate as long",
      "seeds",
    ],
    rows: curves.map((curve) => {
      const looks = cells
        .filter(({ cell }) => cell.family === curve.family && cell.rho === 0)
        .flatMap(({ result }) => result.radii.filter(({ step }) => step === curve.budget));
      return [
        curve.family,
        curve.budget,
        curve.points[0].auc.mean,
        curve.radius.radius,
        ...curve.radius.interval,
        meanOf(looks.map(localOf)),
        meanOf(looks.map(({ bound }) => bound)),
        meanOf(looks.map(({ rateAsLong }) => rateAsLong)),
        curve.points[0].seeds.length,
      ];
    }),
  };
}

/** The local radius as a number. */
export function localOf({ local }: RadiusLook): number {
  return local ?? Infinity;
}

function failureTable(curves: readonly SweepCurve[]): StudyTable {
  return {
    name: "what-failed",
    title: "Read-out or features",
    about: "At the first radius with less than half of the skill of radius 0: the share of skill " +
      "that the detector keeps, and the share that a linear probe refitted on its features keeps. " +
      "The untrained probe says how much a probe finds in a network that has learned nothing.",
    header: [
      "family",
      "steps",
      "radius",
      "detector keeps",
      "probe keeps",
      "probe AUC there",
      "probe AUC at 0",
      "untrained probe",
      "what failed",
    ],
    rows: curves.map((curve) => {
      const { failure, points, family, budget, untrainedProbe } = curve;
      const there = points.find(({ rho }) => rho === failure.rho);
      return [
        family,
        budget,
        failure.rho,
        failure.readOut,
        failure.probe,
        there?.probe.mean ?? NaN,
        points[0].probe.mean,
        untrainedProbe,
        failure.verdict,
      ];
    }),
  };
}

function controlTable(
  curves: readonly SweepCurve[],
  controls: readonly SweepCurve[],
): StudyTable {
  return {
    name: "controls",
    title: "Controls: what is climbed along",
    about: "AUC with the same radius spent on the head alone, on the blocks alone, and on all " +
      "parameters together. The last columns say how |eps|^2 divides among the groups when all " +
      "are climbed along.",
    header: [
      "family",
      "steps",
      "radius",
      "head alone",
      "blocks alone",
      "all",
      "at 0",
      "seeds (head, blocks, all)",
      "in embedding",
      "in blocks",
      "in head",
    ],
    rows: curves.flatMap((curve) => {
      const { family, budget } = curve;
      const radii = new Set(
        controls.filter((control) => control.family === family && control.budget === budget)
          .flatMap(({ points }) => points.map(({ rho }) => rho)),
      );
      return [...radii].sort((a, b) => a - b).map((rho) => {
        const of = (climb: string) =>
          controls.find((each) =>
            each.climb === climb && each.family === family && each.budget === budget
          )?.points.find((point) => point.rho === rho);
        const all = curve.points.find((point) => point.rho === rho);
        const head = of("head"), blocks = of("blocks");
        const share = (prefix: string): number =>
          Object.entries(all?.shares ?? {}).filter(([name]) => name.startsWith(prefix))
            .reduce((sum, [, value]) => sum + value, 0);
        return [
          family,
          budget,
          rho,
          head?.auc.mean ?? NaN,
          blocks?.auc.mean ?? NaN,
          all?.auc.mean ?? NaN,
          curve.points[0].auc.mean,
          [head, blocks, all].map((point) => point?.seeds.length ?? 0).join(", "),
          share("embedding"),
          share("block "),
          share("head"),
        ];
      });
    }),
  };
}

function gsnrTable(cells: readonly DoneCell[]): StudyTable {
  const base = cells.filter(({ cell, result }) => cell.rho === 0 && result.gsnr.length > 0);
  return {
    name: "gsnr",
    title: "GSNR without a climb",
    about: "Over 400 twin pairs, unbiased, with 95 % jackknife intervals of the model's; at the " +
      "weights (climb 0) and after a climb along the gradient of one batch.",
    header: ["family", "seed", "step", "climb", "model", "low", "high", ...groupNames(base)],
    rows: base.flatMap(({ cell, result }) =>
      result.gsnr.map((look) => [
        cell.family,
        cell.seed,
        look.step,
        look.climb,
        gsnrOf(look, "model"),
        ...look.groups.find(({ name }) => name === "model")!.interval,
        ...groupNames(base).map((name) => gsnrOf(look, name)),
      ])
    ),
  };
}

function groupNames(cells: readonly DoneCell[]): string[] {
  const names = cells[0]?.result.gsnr[0].groups.map(({ name }) => name) ?? [];
  return names.filter((name) => name !== "model");
}

function pointTable(curves: readonly SweepCurve[]): StudyTable {
  return {
    name: "curves",
    title: "All curves",
    about: "AUC with its 95 % t-interval over seeds; guessing is a loss within 0.01 of ln 2 with " +
      "an AUC within 0.05 of 1/2.",
    header: [
      "family",
      "climb",
      "steps",
      "radius",
      "AUC",
      "low",
      "high",
      "probe AUC",
      "loss",
      "|g|",
      "seeds",
      "guesses",
    ],
    rows: curves.flatMap(({ family, climb, budget, points }) =>
      points.map((point) => [
        family,
        climb,
        budget,
        point.rho,
        point.auc.mean,
        ...point.auc.interval,
        point.probe.mean,
        point.loss.mean,
        point.gradientNorm.mean,
        point.seeds.length,
        point.guesses ? "yes" : "no",
      ])
    ),
  };
}

function cellTable(cells: readonly DoneCell[]): StudyTable {
  return {
    name: "trainings",
    title: "All trainings",
    about: "",
    fileOnly: true,
    header: [
      "family",
      "strength",
      "label noise",
      "climb",
      "radius",
      "seed",
      "steps",
      "AUC",
      "probe AUC",
      "loss",
      "|g|",
      "seconds",
    ],
    rows: cells.flatMap(({ cell, result }) =>
      result.looks.map((look) => [
        cell.family,
        cell.strength,
        cell.labelNoise,
        cell.climb,
        cell.rho,
        cell.seed,
        look.step,
        look.auc,
        look.probeAuc,
        look.loss,
        look.gradientNorm,
        result.seconds,
      ])
    ),
  };
}
