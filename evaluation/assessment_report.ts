// The page that `evaluate` writes: a detector on one or more data sets, by generator, calibrated, distorted.

import type { Assessment } from "./assessment.ts";
import { metricCells, metricHeads, metricRows } from "./assessment_table.ts";
import { distortions } from "./distortions.ts";
import { plotFamilyAuc } from "./family_plot.ts";
import type { GeneratorScores } from "./generators.ts";
import { type Markup, markup, trusted } from "./markup.ts";
import { page, tableOf } from "./page.ts";
import { plotRoc } from "./plots.ts";
import { plotReliability } from "./reliability.ts";
import { metricText, percentText, rangeText } from "./report_format.ts";
import {
  meanAuc,
  plotRobustness,
  type RobustnessCell,
  type RobustnessPool,
  robustnessRows,
} from "./robustness.ts";

/** One data set on the page. */
export interface AssessmentWithRobustness extends Assessment {
  /** The scores under distortion; empty where they were not measured. */
  readonly robustness: readonly RobustnessCell[];
}

/** What the page shows. */
export interface AssessmentReport {
  /** The heading. */
  readonly title: string;
  /** What the detector was trained on, in a sentence. */
  readonly trainedOn: string;
  /** The data sets, in the order shown. */
  readonly assessments: readonly AssessmentWithRobustness[];
  /** The command that writes the page again. */
  readonly command?: string;
}

const caveats = markup`<section class="note">
<h3>How to read this page</h3>
<ul>
<li>Threshold and temperature were chosen on validation pictures, never on these.</li>
<li><dfn>AUC</dfn> is the chance that a forged picture scores higher than a real one; 0.5 is guessing.
<dfn>AP</dfn> is average precision, <dfn>EER</dfn> the rate at which false alarms equal misses,
<dfn>TPR@1%</dfn> the share of forgeries found where at most one real picture in a hundred is flagged.</li>
<li><dfn>ECE</dfn> is how far stated probability and observed share of forgeries lie apart, on average.
Scaled: after temperature scaling.</li>
<li><dfn>A score is no proof.</dfn> It ranks pictures; it does not show that a given picture is real or
forged, and must not be used as evidence against a person.</li>
</ul>
</section>
`;

/** Every metric, a row for each data set. */
function metricSection(assessments: readonly AssessmentWithRobustness[]): Markup {
  return markup`<h2>Data sets</h2>
<p class="about">Every picture counts the same; of videos, the mean over their frames.</p>
${
    tableOf(
      ["data", ...metricHeads],
      assessments.flatMap(metricRows).map(([name, metrics]) => [name, ...metricCells(metrics)]),
    )
  }`;
}

const figure = (title: string, svg: string, style = "card"): Markup =>
  markup`<figure class="${style}"><h3>${title}</h3>
${trusted(svg)}</figure>
`;

function generatorRow({ generator, trained, ...scores }: GeneratorScores): string[] {
  const { accuracy, accuracyAtThreshold } = scores;
  return [
    trained ? `${generator} (trained on)` : generator,
    ...[
      scores.averagePrecision,
      accuracy.real,
      accuracy.forged,
      accuracy.both,
      accuracyAtThreshold.both,
      scores.auc,
      scores.truePositiveRateAt5,
    ].map(metricText),
    `${scores.realCount}`,
    `${scores.forgedCount}`,
  ];
}

/** Scores by generator: charts, table, intervals. */
function generatorSection({ evaluation, generators, roc }: Assessment): Markup {
  const { inDomain, crossDomain, families } = evaluation;
  const over = [
    ...inDomain ? [["the families trained on", inDomain] as const] : [],
    ...crossDomain ? [["families never trained on", crossDomain] as const] : [],
  ].map(([name, { auc, interval }]) =>
    `${name} ${metricText(auc)} (${percentText(interval.level)} interval ${rangeText(interval)})`
  );
  return markup`<h3 class="below">By generator</h3>
<p class="about">AUC over ${over.join("; over ")}. In the table each class weighs one half.</p>
<div class="grid two">
${figure("AUC and its interval", plotFamilyAuc(families, { width: 460, height: 400 }))}
${
    figure(
      "ROC: forgeries found against false alarms",
      plotRoc(roc, { width: 440, height: 420 }),
      "card roc",
    )
  }
</div>
${
    tableOf(
      [
        "generator",
        "AP",
        "acc. real",
        "acc. fake",
        "acc.",
        "at threshold",
        "AUC",
        "TPR@5%",
        "real",
        "fake",
      ],
      generators.map(generatorRow),
    )
  }`;
}

/** Reliability and its numbers, as stated and after scaling. */
function calibrationSection({ reliability, temperature, frames }: Assessment): Markup {
  const scaled = `at temperature ${temperature.toFixed(2)}`;
  const curves = temperature === 1
    ? { "as stated": reliability.stated }
    : { "as stated": reliability.stated, [scaled]: reliability.atTemperature };
  const measures = [
    ["calibration error", "expectedCalibrationError"],
    ["Brier score", "brierScore"],
    ["log loss", "logLoss"],
  ] as const;
  const table = tableOf(
    ["", ...Object.keys(curves)],
    measures.map(([name, key]) => [
      name,
      ...[frames.calibration, frames.calibrationAtTemperature].slice(0, Object.keys(curves).length)
        .map((calibration) => metricText(calibration[key])),
    ]),
  );
  return markup`<h3 class="below">Calibration</h3>
<div class="grid two">
${figure("On the diagonal, probabilities mean what they say", plotReliability(curves))}
<div class="beside">${table}<p class="about">Who always says one half has a Brier score of 0.25 and a log loss
of 0.693.</p></div>
</div>
`;
}

/** Robustness: plots and tables, in-domain and cross-domain. */
function robustnessSection({ evaluation, robustness }: AssessmentWithRobustness): Markup {
  if (robustness.length === 0) return markup``;
  const whole = { clean: evaluation, cells: robustness };
  const pools: readonly (readonly [RobustnessPool, string])[] = [
    ["inDomain", "the families trained on"],
    ["crossDomain", "families never trained on"],
  ];
  const shown = pools.filter(([pool]) => evaluation[pool] !== null);
  return markup`<h3 class="below">Robustness</h3>
<p class="about">AUC when the test pictures are distorted before they are looked at, in five levels.</p>
<div class="grid two">
${
    shown.map(([pool, name]) =>
      figure(`Over ${name}`, plotRobustness(whole, { pool, width: 520, height: 340 }))
    )
  }
</div>
${
    shown.map(([pool, name]) =>
      tableOf(
        [`over ${name}`, "levels", "clean", "1", "2", "3", "4", "5", "mean of 1 to 5"],
        robustnessRows(whole, pool).map(({ distortion, pools }) => [
          distortion,
          `${distortions[distortion].unit}: ${distortions[distortion].levels.join(", ")}`,
          ...pools.map(({ auc }) => metricText(auc)),
          metricText(meanAuc(pools)),
        ]),
      )
    )
  }`;
}

/**
 * Renders assessments as one self-contained HTML page: plots are SVG, every text is escaped, nothing is fetched.
 *
 * @example
 * ```ts
 * import { assess, renderAssessment } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const assessment = assess({
 *   scores: [0.1, 0.9, 0.2, 0.8],
 *   labels: [0, 1, 0, 1],
 *   families: ["swap", "swap", "swap", "swap"],
 *   sources: ["a", "a", "b", "b"],
 * }, { data: "own", trainedFamilies: ["swap"], threshold: 0.5, redraws: 10 });
 * const html = renderAssessment({
 *   title: "A detector",
 *   trainedOn: "Trained on swap.",
 *   assessments: [{ ...assessment, robustness: [] }],
 * });
 * assertMatch(html, /^<!doctype html>/);
 * ```
 */
export function renderAssessment(report: AssessmentReport): string {
  const { title, trainedOn, assessments, command } = report;
  return page({
    title,
    lead: trainedOn,
    sections: [
      caveats,
      metricSection(assessments),
      ...assessments.map((assessment) =>
        markup`<h2>${assessment.data}</h2>
${generatorSection(assessment)}
${calibrationSection(assessment)}
${robustnessSection(assessment)}`
      ),
    ],
    footer: "Written by CoRIT. Intervals are percentile bootstraps over source photographs." +
      (command === undefined ? "" : ` Again: ${command}`),
  });
}
