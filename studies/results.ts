// Gathers the studies that are done for docs/results.md.

import { doneSettings, oneStepReport } from "./one_step_study.ts";
import { answerPilots } from "./pilot.ts";
import { radiusReport, radiusSettings } from "./radius_against_gsnr.ts";
import type { ResultsSection } from "./results_page.ts";
import { readSweep } from "./sweep.ts";
import { outcomeOf, sweepReport } from "./sweep_report.ts";

/** Where the studies lie. */
export interface ResultsPlaces {
  /** Folder of the sweep, whose trainings the study of GSNR uses too. */
  readonly sweep: string;
  /** Folder of the one-step study. */
  readonly osgr: string;
  /** Seeds and budget of the study of the radius against GSNR. */
  readonly radius: { readonly seeds: number; readonly budget: number };
}

/** The sections of the page; those of studies that have not been made say so. */
export async function gatherResults(places: ResultsPlaces): Promise<ResultsSection[]> {
  const sweep = await readSweep(places.sweep);
  const outcome = sweep && await outcomeOf(sweep);
  const complete = sweep && outcome && outcome.curves.length > 0;
  const oneStep = await doneSettings(places.osgr);
  const seeds = Array.from({ length: places.radius.seeds }, (_, seed) => seed);
  const radiusPlan = sweep && {
    sweep: sweep.plan,
    seeds,
    budget: places.radius.budget,
    families: sweep.plan.families,
  };
  const settings = radiusPlan ? await radiusSettings(radiusPlan, sweep.store) : [];
  return [
    {
      title: "Collapse under sharpness-aware minimization",
      command: "deno task sweep",
      about: "A small transformer learns one forgery family at a time under SAM. Each family is " +
        "laid on so faintly that all are equally hard without SAM: collapsing earlier then does not " +
        "just mean being harder. The critical radius is where half of the skill, 2 (AUC - 1/2), of " +
        "radius 0 is lost.",
      ...(complete
        ? { report: sweepReport(sweep, outcome), pilots: answerPilots(outcome.curves) }
        : {}),
      tables: ["critical-radius", "what-failed", "controls"],
    },
    {
      title: "The critical radius against GSNR",
      command: "deno task study cor-gsnr",
      about: "Whether the radius goes with the gradient signal-to-noise ratio, or with the " +
        "gradient's size, the batch or the learning rate. A setting is a family in one variation.",
      ...(radiusPlan && settings.length >= 3 ? { report: radiusReport(radiusPlan, settings) } : {}),
    },
    {
      title: "One-step generalization, predicted from GSNR",
      command: "deno task study osgr",
      about:
        "A published use of GSNR repeated: Liu et al. (ICLR 2020) predict from it how far one " +
        "gradient step on a training set lowers the loss on unseen samples, relative to the training " +
        "set itself.",
      ...(oneStep.length >= 4 ? { report: oneStepReport(oneStep) } : {}),
    },
  ];
}
