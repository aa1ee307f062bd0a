// A run's report: one HTML file that explains its numbers, needs no script and fetches nothing.

import { page } from "./page.ts";
import type { RunReport } from "./report_data.ts";
import { sampleSection, settingsSection } from "./report_details.ts";
import { countText } from "./report_format.ts";
import {
  caveatSection,
  headlineSection,
  scoreSection,
  trainingSection,
} from "./report_sections.ts";

/**
 * Renders the report of a run as one self-contained HTML page.
 *
 * Pictures are inline, plots are SVG, a content security policy forbids every request and script. Every text from the run is escaped.
 *
 * @throws {FormatError} when a sample's picture is not a PNG.
 * @throws {DataError} when there are no metrics to plot.
 *
 * @example
 * ```ts
 * import { evaluateScores, familyRocCurves, renderReport } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const samples = {
 *   scores: [0.1, 0.9, 0.2, 0.8],
 *   labels: [0, 1, 0, 1],
 *   families: ["swap", "swap", "swap", "swap"],
 *   sources: ["a", "a", "b", "b"],
 * };
 * const evaluation = evaluateScores({ ...samples, trainedFamilies: ["swap"], threshold: 0.5 });
 * const page = renderReport({
 *   title: "A small run",
 *   config: { seed: 0 },
 *   summary: { ...evaluation, seconds: 60, steps: 2, imagesPerSecond: 100, parameters: 1000 },
 *   metrics: [{ step: 1, loss: 0.7, learningRate: 1e-3, imagesPerSecond: 100 }],
 *   roc: familyRocCurves(samples),
 *   samples: [],
 * });
 * assertMatch(page, /^<!doctype html>/);
 * ```
 */
export function renderReport(report: RunReport): string {
  const redraws = countText(report.summary.inDomain.interval.redraws);
  return page({
    title: report.title,
    lead: report.subtitle,
    sections: [
      headlineSection(report.summary),
      caveatSection(report),
      scoreSection(report),
      trainingSection(report.metrics),
      sampleSection(report),
      settingsSection(report),
    ],
    footer: "Written by CoRIT. Intervals are percentile bootstraps over source photographs " +
      `(${redraws} redraws); they do not hold the spread between training seeds.`,
  });
}
