// The loss around a trained run on a plane: along SAM's climb, and along a random filter-normalized direction.

import {
  filterNormalizedDirection,
  lossPlane,
  type PlaneAxes,
  planeAxes,
} from "../instruments/mod.ts";
import { gradientAt, innerProduct, normOf } from "../instruments/loss_surface.ts";
import { plotLandscape } from "./landscape_plot.ts";
import type { StudyReport } from "./output.ts";
import { batchSurface, type RunProbe, twinBatches } from "./run_probe.ts";
import { runSettings } from "./run_settings.ts";

/** How the landscape is drawn. */
export interface RunLandscapeOptions {
  /** Points a side. */
  readonly points: number;
  /** How far the plane reaches to each side; 0: four times SAM's radius. */
  readonly reach: number;
  /** SAM's radius; 0: the run's own. */
  readonly rho: number;
  /** Twin pairs that the loss is taken over. */
  readonly pairs: number;
  /** Seed of the pairs and of the random direction. */
  readonly seed: number;
}

/** Draws the landscape of a run at its best weights. */
export async function runLandscapeReport(
  probe: RunProbe,
  options: RunLandscapeOptions,
): Promise<StudyReport> {
  const { detector, folder: { config, path }, best, train } = probe;
  const { points, pairs, seed } = options;
  const rho = options.rho > 0 ? options.rho : config.sam && config.rho > 0 ? config.rho : 0.01;
  const reach = options.reach > 0 ? options.reach : 4 * rho;
  const [batch] = await twinBatches(train, { batches: 1, pairs, seed });
  const surface = batchSurface(detector, batch);
  const dimension = surface.parameters.reduce((sum, { size }) => sum + size, 0);
  const here = new Float64Array(dimension);
  const gradient = gradientAt(surface, here);
  const axes = planeAxes(gradient, filterNormalizedDirection(surface, seed));
  const climb = gradient.map((value) => rho * value / normOf(gradient));
  const step = samStep(axes, climb, gradientAt(surface, climb), reach);
  const places = Array.from({ length: points }, (_, at) => reach * (2 * at / (points - 1) - 1));
  const losses = lossPlane(surface, axes, places, places);
  const flat = losses.flat();
  const centre = losses[Math.floor(points / 2)][Math.floor(points / 2)];
  return {
    title: `Loss landscape of ${path}`,
    lead: `Around the weights after step ${best.step}, on a plane through them`,
    findings: [
      `On the plane the loss goes from ${Math.min(...flat).toFixed(4)} to ` +
      `${Math.max(...flat).toFixed(4)}; at the weights it is ${centre.toFixed(4)}.`,
      `SAM climbs by ${rho} along the gradient, which is the horizontal axis, and descends by the ` +
      `gradient that it finds there; ${
        (100 * step.inPlane).toFixed(0)
      } % of that gradient's length ` +
      "lies in the plane. The descent is drawn to the plane's scale, not to the run's learning rate.",
    ],
    figures: [{
      name: "landscape",
      title: "Loss around the weights",
      about: "Horizontal: along the gradient, where SAM climbs. Vertical: a random direction, " +
        "filter-normalized (Li et al., NeurIPS 2018) and at right angles to it. Both in units of the " +
        "weights' Euclidean distance. White: SAM's climb; black: the direction of its descent.",
      svg: plotLandscape({ places, losses, climb: [rho, 0], descent: step.descent }),
    }],
    tables: [{
      name: "landscape",
      title: "Losses",
      about: "",
      fileOnly: true,
      header: ["along the gradient", "along the random direction", "loss"],
      rows: losses.flatMap((row, y) => row.map((loss, x) => [places[x], places[y], loss])),
    }],
    settings: { ...runSettings(probe), radius: rho, reach, points, pairs, seed },
  };
}

/** The descent -h(rho) in the plane, scaled to half of its reach, and the share of |h| that lies in the plane. */
function samStep(
  { first, second }: PlaneAxes,
  climb: Float64Array,
  top: Float64Array,
  reach: number,
): { readonly descent: readonly [number, number]; readonly inPlane: number } {
  const x = -innerProduct(top, first), y = -innerProduct(top, second);
  const length = Math.hypot(x, y);
  const scale = length === 0 ? 0 : (reach / 2) / length;
  const longest = normOf(climb) === 0 ? 0 : normOf(top);
  return { descent: [scale * x, scale * y], inPlane: longest === 0 ? 0 : length / longest };
}
