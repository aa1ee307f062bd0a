// The critical radius of a trained run, where it stands: the local estimate, whole and by block, and the bound.

import {
  corBound,
  hessianEigenvalues,
  localCriticalRadius,
  type LossSurface,
  type StepChange,
  stepChange,
} from "../instruments/mod.ts";
import { plotLines } from "../evaluation/line_plot.ts";
import { groupOf } from "../training/gsnr_probe.ts";
import type { TrainingConfig } from "../training/config.ts";
import type { StudyReport } from "./output.ts";
import type { RadiusEstimate } from "./radius_estimate.ts";
import { parameterGsnr } from "./run_gsnr.ts";
import { batchSurface, type RunProbe, twinBatches } from "./run_probe.ts";
import { runSettings } from "./run_settings.ts";

/** How the radius is looked for. */
export interface RunRadiusOptions {
  /** Learning rate of the plain step; 0: the run's own at its peak. */
  readonly rate: number;
  /** Training batches that are climbed and stepped by. */
  readonly batches: number;
  /** Twin pairs that stand for the expectation of the loss. */
  readonly pairs: number;
  /** Twin pairs of the GSNR that the bound takes. */
  readonly gsnrPairs: number;
  /** Seed of their choice. */
  readonly seed: number;
}

/** Radii beyond are not looked at. */
const largestRadius = 10;

/** Radii of the curve. */
const curveRadii = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3];

/** Batches of the GSNR that the bound takes. */
const gsnrBatches = 20;

/** Products with the Hessian for its largest eigenvalue. */
const eigenvalueIterations = 12;

/** One estimate, of the whole model or of a part of it. */
export interface PartRadius extends RadiusEstimate {
  /** `model`, or the group that is climbed along alone. */
  readonly part: string;
}

/** Measures a run at its best weights. */
export async function runRadiusReport(
  probe: RunProbe,
  options: RunRadiusOptions,
): Promise<StudyReport> {
  const { detector, folder: { config }, best, train } = probe;
  const { batches, pairs, seed } = options;
  const wide = await twinBatches(train, { batches: 1, pairs, seed });
  const narrow = await twinBatches(train, { batches, pairs: config.batchPairs, seed: seed + 1 });
  const probes = await twinBatches(train, {
    batches: gsnrBatches,
    pairs: Math.ceil(options.gsnrPairs / gsnrBatches),
    seed: seed + 2,
  });
  const surface = batchSurface(detector, wide[0]);
  const climbs = narrow.map((batch) => batchSurface(detector, batch));
  const model = parameterGsnr(detector, probes).find(({ name }) => name === "model")!;
  const gradientNorm = Math.sqrt(Math.max(0, model.signal));
  const rate = options.rate > 0 ? options.rate : config.learningRate;
  const { largest, smallest } = hessianEigenvalues(surface, {
    iterations: eigenvalueIterations,
    tolerance: 0.02,
  });
  const smoothness = Math.max(Math.abs(largest), Math.abs(smallest));
  const found = localRadii(detectorGroups(probe), surface, climbs, rate, best.step);
  const bound: PartRadius = {
    part: "model",
    estimator: "bound",
    radius: model.gsnr > 0
      ? corBound(model.gsnr, {
        batch: config.batchPairs,
        learningRate: rate,
        smoothness,
        gradientNorm,
      }).radius
      : 0,
    interval: [NaN, NaN],
    over: "none",
    budget: best.step,
  };
  const curve = stepChange({ surface, batches: climbs, learningRate: rate, radii: curveRadii });
  return {
    title: `Critical radius of ${probe.folder.path}`,
    lead: `At the weights after step ${best.step}: how far SAM may climb before its next step no ` +
      "longer descends",
    findings: findingsOf(config, found[0], bound),
    figures: [{
      name: "change-by-radius",
      title: "Change of the loss in one step",
      about: "Mean over batches, with 95 % intervals; where it crosses 0 is the local radius.",
      svg: curvePlot(curve),
    }],
    tables: [
      {
        name: "critical-radius",
        title: "Estimates",
        about: "Local: up to where one plain step descends in expectation, climbing along all " +
          "parameters or along one group alone. Bound: up to where it is guaranteed to. Neither is " +
          "the empirical radius of a whole training: deno task sweep measures that.",
        header: ["part", "estimator", "radius", "low", "high", "interval over"],
        rows: [...found, bound].map(({ part, estimator, radius, interval, over }) => [
          part,
          estimator,
          radius,
          ...interval,
          over,
        ]),
      },
      {
        name: "change-by-radius",
        title: "Change of the loss in one step, by radius",
        about: "",
        header: ["radius", "change", "standard error"],
        rows: curve.map(({ radius, change, standardError }) => [radius, change, standardError]),
      },
    ],
    settings: {
      ...runSettings(probe),
      "rate of the plain step": rate,
      "largest curvature": smoothness,
      "|g|": gradientNorm,
      GSNR: model.gsnr,
      "pairs of the surface": pairs,
      batches,
      seed,
    },
  };
}

/** The group of every parameter of the surface. */
function detectorGroups({ detector }: RunProbe): string[] {
  const seen = new Set<unknown>();
  return [...detector.namedParameters()].flatMap(([name, parameter]) => {
    if (!parameter.trained || seen.has(parameter)) return [];
    seen.add(parameter);
    return [groupOf(name)];
  });
}

function localRadii(
  groups: readonly string[],
  surface: LossSurface,
  batches: readonly LossSurface[],
  learningRate: number,
  budget: number,
): PartRadius[] {
  const of = (part: string, perturb?: (parameter: number) => boolean): PartRadius => {
    const { radius, interval } = localCriticalRadius({
      surface,
      batches,
      learningRate,
      perturb,
      first: 0.005,
      maximum: largestRadius,
      tolerance: 0.1,
    });
    const over = `${batches.length} batches`;
    return { part, estimator: "local", radius, interval, over, budget };
  };
  return [
    of("model"),
    ...[...new Set(groups)].map((group) => of(group, (parameter) => groups[parameter] === group)),
  ];
}

function findingsOf(config: TrainingConfig, local: PartRadius, bound: PartRadius): string[] {
  const [low, high] = local.interval;
  const own = config.sam ? config.rho : 0;
  const place = own < local.radius ? "below" : "beyond";
  return [
    local.radius === 0
      ? "A plain step at this rate does not descend here even without a climb: the local radius is 0."
      : `The local radius is ${text(local.radius)} [${text(low)}, ${text(high)}].`,
    `The bound guarantees a descent up to ${text(bound.radius)}.`,
    ...config.sam ? [`The run's own radius, ${own}, lies ${place} the local one.`] : [],
  ];
}

function text(radius: number): string {
  return radius > largestRadius ? `above ${largestRadius}` : `${Number(radius.toPrecision(3))}`;
}

function curvePlot(curve: readonly StepChange[]): string {
  return plotLines({
    xAxis: { name: "radius rho", scale: "log" },
    yAxis: { name: "change of the loss" },
    reference: { y: 0, name: "no change" },
    series: [{
      name: "one step",
      markers: true,
      points: curve.map(({ radius, change }) => [radius, change]),
      ...(curve.every(({ standardError }) => Number.isFinite(standardError))
        ? {
          band: curve.map(({ radius, change, standardError }) =>
            [radius, change - 1.96 * standardError, change + 1.96 * standardError] as const
          ),
        }
        : {}),
    }],
  }, { width: 560, height: 360 });
}
