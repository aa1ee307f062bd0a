// Reliability: how often samples of a stated probability are forged indeed, as numbers and as a plot.

import { ValueError } from "../errors.ts";
import { checkProbabilities } from "./calibration.ts";
import { plotLines } from "./line_plot.ts";
import type { Numbers } from "./metrics.ts";
import type { PlotOptions } from "./plot_theme.ts";

/** The samples of one interval of probability. */
export interface ReliabilityBin {
  /** Lower end, excluded but for the first bin. */
  readonly low: number;
  /** Upper end, included. */
  readonly high: number;
  /** Samples in it. */
  readonly count: number;
  /** Mean probability of them. */
  readonly probability: number;
  /** Share of them that is forged. */
  readonly forged: number;
}

/**
 * The bins of a reliability diagram that hold samples.
 *
 * `probabilities` `[samples]` of being forged, `labels` `[samples]`, 0 real, 1 forged.
 * Source: DeGroot and Fienberg, 1983; Guo et al., ICML 2017, figure 1.
 *
 * @throws {ShapeError | ValueError | DataError} as `expectedCalibrationError`.
 *
 * @example
 * ```ts
 * import { reliabilityBins } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * const [bin] = reliabilityBins([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0], 4);
 * assertEquals([bin.low, bin.high, bin.count, bin.forged], [0.5, 0.75, 4, 0.75]);
 * ```
 */
export function reliabilityBins(
  probabilities: Numbers,
  labels: Numbers,
  bins = 15,
): ReliabilityBin[] {
  checkProbabilities("reliabilityBins", probabilities, labels);
  if (!Number.isInteger(bins) || bins < 1) {
    throw new ValueError(
      `reliabilityBins: bins must be a whole number of at least 1, but found ${bins}`,
    );
  }
  const counts = new Float64Array(bins), stated = new Float64Array(bins);
  const forged = new Float64Array(bins);
  for (let i = 0; i < probabilities.length; i++) {
    const bin = Math.max(0, Math.ceil(probabilities[i] * bins) - 1);
    counts[bin]++;
    stated[bin] += probabilities[i];
    forged[bin] += labels[i];
  }
  return Array.from(counts, (count, bin) => ({
    low: bin / bins,
    high: (bin + 1) / bins,
    count,
    probability: stated[bin] / count,
    forged: forged[bin] / count,
  })).filter(({ count }) => count > 0);
}

/**
 * A reliability diagram: the share of forged samples over the stated probability, one line for each name; on the dashed
 * diagonal the two agree.
 *
 * @throws {DataError} when there is no bin.
 *
 * @example
 * ```ts
 * import { plotReliability, reliabilityBins } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * assertMatch(plotReliability({ test: reliabilityBins([0.2, 0.8], [0, 1]) }), /^<svg /);
 * ```
 */
export function plotReliability(
  curves: Readonly<Record<string, readonly ReliabilityBin[]>>,
  options: PlotOptions = {},
): string {
  return plotLines({
    description: `Share of forged samples over stated probability: ${
      Object.keys(curves).join(", ")
    }`,
    xAxis: { name: "stated probability of being forged", min: 0, max: 1 },
    yAxis: { name: "share that is forged", min: 0, max: 1 },
    series: Object.entries(curves).map(([name, bins]) => ({
      name,
      points: bins.map(({ probability, forged }) => [probability, forged] as const),
      markers: true,
    })),
    reference: { diagonal: true },
    legend: Object.keys(curves).length > 1 ? "above" : "none",
  }, { width: 440, height: 420, ...options });
}
