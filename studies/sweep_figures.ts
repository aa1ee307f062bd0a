// The figures of a sweep: AUC over the radius with the critical radius marked, the probe, radii by budget, GSNR.

import { type LineSeries, plotLines } from "../evaluation/line_plot.ts";
import { palette } from "../evaluation/plot_theme.ts";
import { plotGsnr } from "../evaluation/plots.ts";
import type { GsnrLook } from "./cell_result.ts";
import type { DoneCell } from "./cell_store.ts";
import type { StudyFigure } from "./output.ts";
import { radiusText } from "./radius_estimate.ts";
import { meanOf, type SweepCurve, type SweepPoint } from "./sweep_results.ts";

/** Where radius 0 stands on a logarithmic axis: at half of the smallest radius. */
function placeOf(points: readonly SweepPoint[]): (rho: number) => number {
  const smallest = Math.min(...points.map(({ rho }) => rho).filter((rho) => rho > 0));
  return (rho) => rho === 0 ? smallest / 2 : rho;
}

/** Radii that were tried, for texts. */
export function triedOf({ points }: SweepCurve): { smallest: number; largest: number } {
  const radii = points.map(({ rho }) => rho).filter((rho) => rho > 0);
  return { smallest: Math.min(...radii), largest: Math.max(...radii) };
}

/** AUC over the radius, a line for each family, at one budget; a dot where half of the skill is lost. */
export function plotSweep(
  curves: readonly SweepCurve[],
  value: "auc" | "probe",
): string {
  const place = placeOf(curves[0].points);
  const colour = (at: number): string => palette.series[at % palette.series.length];
  const lines = curves.map(({ family, points }, at): LineSeries => ({
    name: family,
    colour: colour(at),
    markers: true,
    points: points.map((point) => [place(point.rho), point[value].mean]),
    band: points.map((point) =>
      [place(point.rho), ...point[value].interval.map((end) => Math.min(1, Math.max(0, end)))] as [
        number,
        number,
        number,
      ]
    ),
  }));
  const marks = value === "probe" ? [] : curves.map((curve, at): LineSeries => {
    const { radius: { radius }, points } = curve;
    const seen = Number.isFinite(radius) && radius > 0;
    return {
      name: `half of it: ${radiusText(radius, triedOf(curve))}`,
      colour: colour(at),
      markers: true,
      points: seen ? [[Math.max(radius, place(0)), 0.5 + (points[0].auc.mean - 0.5) / 2]] : [],
    };
  });
  return plotLines({
    xAxis: { name: "radius rho (leftmost: 0)", scale: "log" },
    yAxis: { name: value === "auc" ? "AUC" : "AUC of a refitted probe", min: 0.4, max: 1 },
    reference: { y: 0.5, name: "chance" },
    series: lines.flatMap((line, at) => marks[at] ? [line, marks[at]] : [line]),
    legend: "above",
  }, { width: 560, height: 380 });
}

/** The critical radius over budgets, a line for each family; radii beyond the largest that was tried are left out. */
export function plotRadiusByBudget(curves: readonly SweepCurve[]): string | undefined {
  const families = [...new Set(curves.map(({ family }) => family))];
  const series = families.map((family, at): LineSeries => {
    const seen = curves.filter((curve) =>
      curve.family === family && curve.radius.radius > 0 && Number.isFinite(curve.radius.radius)
    );
    const { largest } = triedOf(curves[0]);
    return {
      name: family,
      colour: palette.series[at % palette.series.length],
      markers: true,
      points: seen.map(({ budget, radius }) => [budget, radius.radius]),
      band: seen.filter(({ radius }) => radius.interval[0] > 0).map(({ budget, radius }) => [
        budget,
        radius.interval[0],
        Math.min(radius.interval[1], largest),
      ]),
    };
  });
  if (series.every(({ points }) => points.length === 0)) return undefined;
  return plotLines({
    xAxis: { name: "budget, steps" },
    yAxis: { name: "critical radius", scale: "log" },
    series,
    legend: "above",
  }, { width: 560, height: 340 });
}

/** GSNR by group and step as a heat map, mean over seeds, of the cells of one family at radius 0. */
export function plotGsnrMap(cells: readonly DoneCell[]): string | undefined {
  const looks = cells.flatMap(({ result }) => result.gsnr).filter(({ climb }) => climb === 0);
  if (looks.length === 0) return undefined;
  const steps = [...new Set(looks.map(({ step }) => step))].sort((a, b) => a - b);
  const groupsAt = (step: number): Record<string, number> => {
    const here = looks.filter((look) => look.step === step);
    return Object.fromEntries(
      here[0].groups.map(({ name }) => [name, meanOf(here.map((look) => gsnrOf(look, name)))]),
    );
  };
  return plotGsnr(steps.map((step) => ({ step, gsnr: groupsAt(step) })), {
    form: "heatmap",
    width: 560,
    height: 320,
  });
}

/** The GSNR of one group in a look. */
export function gsnrOf(look: GsnrLook, group: string): number {
  return look.groups.find(({ name }) => name === group)!.gsnr;
}

/** All figures of a sweep. */
export function sweepFigures(
  curves: readonly SweepCurve[],
  cells: readonly DoneCell[],
): StudyFigure[] {
  const budgets = [...new Set(curves.map(({ budget }) => budget))];
  const families = [...new Set(curves.map(({ family }) => family))];
  const at = (budget: number) => curves.filter((curve) => curve.budget === budget);
  const last = budgets[budgets.length - 1];
  const byBudget = plotRadiusByBudget(curves);
  return [
    ...budgets.map((budget): StudyFigure => ({
      name: `auc-by-radius-${budget}`,
      title: `AUC over the radius, ${budget} steps`,
      about: "Held-out photographs; bands: 95 % t-intervals over seeds. The dot on each curve is " +
        "where half of the skill at radius 0 is lost: the critical radius.",
      svg: plotSweep(at(budget), "auc"),
    })),
    {
      name: `probe-by-radius-${last}`,
      title: `A linear probe refitted on the features, ${last} steps`,
      about: "Where the detector guesses and this stays up, the read-out failed and the features " +
        "survived.",
      svg: plotSweep(at(last), "probe"),
    },
    ...byBudget === undefined ? [] : [{
      name: "radius-by-budget",
      title: "The critical radius over budgets",
      about: "Bands: 95 % bootstrap intervals over seeds.",
      svg: byBudget,
    }],
    ...families.flatMap((family): StudyFigure[] => {
      const svg = plotGsnrMap(
        cells.filter(({ cell }) => cell.family === family && cell.rho === 0),
      );
      return svg === undefined ? [] : [{
        name: `gsnr-${family}`,
        title: `GSNR by block and step: ${family}`,
        about: "At radius 0, over twin pairs, mean over seeds. Below 0 noise hides the signal.",
        svg,
      }];
    }),
  ];
}
