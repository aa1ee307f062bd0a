// The report's sections on results: headline numbers, how to read them, scores by family, training curves.

import { plotFamilyAuc } from "./family_plot.ts";
import { type Markup, markup, type MarkupPart, trusted } from "./markup.ts";
import { plotAuc, plotGsnr, plotLoss, plotRoc } from "./plots.ts";
import type { GroupScores, PooledScores } from "./protocol.ts";
import type { MetricsRow, RunReport, RunSummary } from "./report_data.ts";
import {
  countText,
  durationText,
  familyTag,
  metricText,
  percentText,
  rangeText,
} from "./report_format.ts";

/** The three cards on top. */
export function headlineSection(summary: RunSummary): Markup {
  const { inDomain, crossDomain } = summary;
  const facts = [
    ["time", durationText(summary.seconds)],
    ["steps", countText(summary.steps)],
    ["throughput", `${countText(Math.round(summary.imagesPerSecond))} images/s`],
    ["parameters", countText(summary.parameters)],
    ["test samples", countText(summary.sampleCount)],
    ["test photographs", countText(summary.sourceCount)],
  ];
  const crossCard = crossDomain === null
    ? markup`<p class="verdict">Not measured: every family in the test set was trained on.</p>`
    : bigNumber(crossDomain, "other", "by families never trained on");
  return markup`<section class="grid headline">
<div class="card"><div class="label">In-domain AUC</div>
${bigNumber(inDomain, "accent", "by the families trained on")}</div>
<div class="card"><div class="label">Cross-domain AUC</div>
${crossCard}</div>
<div class="card"><div class="label">Training</div>
<dl class="facts">${
    facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)
  }</dl></div>
</section>
`;
}

/** An AUC in large type, with its interval on a scale from 0 to 1 and what that says. */
function bigNumber(scores: PooledScores, tone: string, by: string): Markup {
  const { auc, interval } = scores;
  const percent = (value: number): string => `${(100 * value).toFixed(2)}%`;
  const range = `left:${percent(interval.low)};width:${percent(interval.high - interval.low)}`;
  const names = Object.keys(scores.weights).join(", ");
  return markup`<div class="${tone}">
<div class="number">${metricText(auc)}</div>
<div class="gauge"><i class="range" style="${range}"></i><i class="chance"></i>
<i class="point" style="left:${percent(auc)}"></i></div>
</div>
<div class="scale"><span>0</span><span>0.5 = guessing</span><span>1</span></div>
<div><b>${rangeText(interval)}</b> (${percentText(interval.level)} interval)</div>
<p class="verdict">New photographs, forged ${by}: ${names}. ${verdict(scores)}</p>
`;
}

/** What the interval says about guessing, in one sentence. */
function verdict({ interval }: GroupScores): string {
  if (interval.low > 0.5) return "Better than guessing: 0.5 lies below the interval.";
  if (interval.high < 0.5) return "Worse than guessing: 0.5 lies above the interval.";
  return "Not distinguishable from guessing: the interval holds 0.5.";
}

/** What the numbers do and do not mean. */
export function caveatSection({ notes = [] }: RunReport): Markup {
  return markup`<section class="note">
<h3>How to read this page</h3>
<ul>
<li><dfn>AUC</dfn> is the chance that a forged picture scores higher than a real one. 0.5 is guessing,
1 is perfect.</li>
<li><dfn>In-domain</dfn> means the kinds of forgery that the detector was trained on, made from
photographs that it has never seen. It says how well the lesson was learned, not how well it carries
over.</li>
<li><dfn>Cross-domain</dfn> means kinds of forgery that it was never trained on. It is the number to
look at for anything outside this page, and it is usually much lower.</li>
<li>The forgeries are made by program from a small number of photographs. Nothing here measures
today's image generators: on their pictures a detector like this may do no better than guessing, or
worse.</li>
<li><dfn>A score is no proof.</dfn> It ranks pictures; it does not show that a given picture is real or
forged, and must not be used as evidence against a person.</li>
${notes.map((note) => markup`<li>${note}</li>`)}
</ul>
</section>
`;
}

/** Scores by family: chart, ROC and table. */
export function scoreSection({ summary, roc }: RunReport): Markup {
  const { inDomain, crossDomain, families } = summary;
  const threshold = metricText(summary.threshold);
  const weights = Object.entries(inDomain.weights)
    .map(([name, weight]) => `${name} ${weight.toFixed(2)}`).join(", ");
  const familyRows = (trained: boolean): Markup[] =>
    Object.entries(families).filter(([, family]) => family.trained === trained)
      .map(([name, family]) => scoreRow(markup`${name} ${familyTag(trained)}`, family, ""));
  const crossRow = crossDomain !== null &&
    scoreRow("over all, cross-domain", crossDomain, "over cross");
  return markup`<h2>Scores by forgery family</h2>
<p class="about">Each family's forged test crops against their real twins. Over all, families weigh
${weights} in-domain${crossDomain !== null && " and the same each cross-domain"}; both classes weigh
one half.</p>
<div class="grid two">
<figure class="card centred"><h3>AUC and its interval</h3>
${trusted(plotFamilyAuc(families, { width: 460, height: 400 }))}</figure>
<figure class="card roc"><h3>ROC: forgeries found against false alarms</h3>
${trusted(plotRoc(roc, { width: 440, height: 420 }))}</figure>
</div>
<div class="card scroll below"><table>
<thead><tr><th>family</th><th>AUC</th><th>${percentText(inDomain.interval.level)} interval</th>
<th>average<br>precision</th><th>equal<br>error rate</th><th>accuracy<br>at 0.5</th>
<th>accuracy<br>at ${threshold}</th><th>samples</th><th>photographs</th></tr></thead>
<tbody>
${familyRows(true)}${scoreRow("over all, in-domain", inDomain, "over in")}
${familyRows(false)}${crossRow}
</tbody></table></div>
<p class="about below">The threshold ${threshold} was chosen on validation photographs, never on these.
The mean of the in-domain families' own AUC, weighted alike, is ${
    metricText(inDomain.familyMeanAuc)
  }.</p>
`;
}

/** One row of the table of scores. */
function scoreRow(name: MarkupPart, scores: GroupScores, style: string): Markup {
  const cells = [
    metricText(scores.auc),
    rangeText(scores.interval),
    metricText(scores.averagePrecision),
    metricText(scores.equalErrorRate),
    metricText(scores.accuracy),
    metricText(scores.accuracyAtThreshold),
    countText(scores.count),
    countText(scores.sourceCount),
  ];
  return markup`<tr class="${style}"><td>${name}</td>${
    cells.map((cell) => markup`<td>${cell}</td>`)
  }</tr>
`;
}

/** Loss, validation AUC and GSNR over steps. */
export function trainingSection(metrics: readonly MetricsRow[]): Markup {
  const size = { width: 520, height: 300 };
  const figure = (title: string, about: string, svg: string): Markup =>
    markup`<figure class="card"><h3>${title}</h3><p class="about">${about}</p>
${trusted(svg)}</figure>
`;
  const figures = [
    figure(
      "Training loss",
      "Each step pale, their running average strong.",
      plotLoss(metrics, size),
    ),
  ];
  if (metrics.some((row) => row.auc !== undefined)) {
    figures.push(figure(
      "Validation AUC",
      "On photographs kept apart from training and test.",
      plotAuc(metrics, size),
    ));
  }
  if (metrics.some((row) => row.gsnr !== undefined)) {
    figures.push(
      figure(
        "Gradient signal-to-noise ratio per block",
        "Size of the mean gradient against its spread between samples.",
        plotGsnr(metrics, size),
      ),
      figure(
        "The same as a map",
        "Bottom row nearest the image, top row the head.",
        plotGsnr(metrics, { ...size, form: "heatmap" }),
      ),
    );
  }
  const estimated = metrics.filter((row) => row.gsnrEstimate !== undefined);
  if (estimated.length > 1) {
    figures.push(figure(
      "The same ratio, estimated along the way",
      "An estimate: from consecutive batches, between which the weights move.",
      plotGsnr(estimated.map((row) => ({ ...row, gsnr: row.gsnrEstimate })), size),
    ));
  }
  return markup`<h2>Training</h2>
<div class="grid two">
${figures}</div>
`;
}
