// The page that `detect` writes: every picture and video with its score, its heat map, and what the score is worth.

import { plotLines } from "./line_plot.ts";
import { type Markup, markup, trusted } from "./markup.ts";
import { page, tableOf } from "./page.ts";
import { pictureUri } from "./picture_uri.ts";
import { heatRamp } from "./report_format.ts";

/** One picture or video. */
export interface DetectionItem {
  /** Path. */
  readonly name: string;
  /** Probability of being forged. */
  readonly probability: number;
  /** What it is flagged at. */
  readonly threshold: number;
  /** What was looked at, in half a sentence. */
  readonly seen: string;
  /** JPEG or PNG of what was looked at, and the heat map over it; absent where it is in the table alone. */
  readonly pictures?: { readonly seen: Uint8Array; readonly heatmap: Uint8Array };
  /** A video's frames: seconds and probability of each. */
  readonly frames?: readonly (readonly [seconds: number, probability: number])[];
}

/** What the page shows. */
export interface DetectionReport {
  /** The detector's run. */
  readonly run: string;
  /** What it was trained on, in a sentence. */
  readonly trainedOn: string;
  /** What it scored in validation, in a sentence. */
  readonly validation: string;
  /** What was looked at; the highest scores are shown first. */
  readonly items: readonly DetectionItem[];
  /** What could not be looked at, and why. */
  readonly failures: readonly { readonly name: string; readonly why: string }[];
}

/** Items that are shown with their pictures: beyond, a page would be too large to open. */
export const mostPictures = 200;

function card(
  { name, probability, threshold, seen, pictures, frames }: DetectionItem,
): Markup {
  if (!pictures) return markup``;
  const verdict = probability >= threshold ? "flagged" : "not flagged";
  const curve = frames && frames.length > 1 && plotLines({
    description: "Probability of being forged over the video",
    xAxis: { name: "seconds" },
    yAxis: { name: "probability", min: 0, max: 1 },
    series: [{ name: "frames", points: frames, markers: frames.length <= 64 }],
    reference: { y: threshold, name: "threshold" },
    legend: "none",
  }, { width: 520, height: 220 });
  return markup`<article class="card sample">
<h3><span class="path">${name}</span>
<span class="score">${probability.toFixed(3)}, ${verdict} (threshold ${
    threshold.toFixed(3)
  })</span></h3>
<div class="pictures whole">
<figure><img alt="what was looked at" src="${pictureUri(pictures.seen)}"><figcaption>${
    frames ? "the frame with the highest score" : "what was looked at"
  }</figcaption></figure>
<figure><img alt="the detector's heat map over it" src="${
    pictureUri(pictures.heatmap)
  }"><figcaption>heat map</figcaption></figure>
</div>
${curve !== undefined && curve !== false && trusted(curve)}
<p class="about">${seen}</p>
</article>
`;
}

function caveats({ trainedOn, validation }: DetectionReport): Markup {
  return markup`<section class="note">
<h3>What these scores are worth</h3>
<ul>
<li>${trainedOn} On other kinds of forgery, today's image generators among them, it may do no better than
guessing.</li>
<li>${validation}</li>
<li><dfn>A score is no proof.</dfn> It ranks pictures; it does not show that a given picture is real or
forged, and must not be used as evidence against a person.</li>
<li>The heat map shows how forged the detector holds each patch to be, from
${heatRamp()}. It shows what it takes for a trace, which may be wrong.</li>
</ul>
</section>
`;
}

/**
 * Renders detections as one self-contained HTML page; every text is escaped, nothing is fetched.
 *
 * @throws {FormatError} when a picture is neither PNG nor JPEG.
 *
 * @example
 * ```ts
 * import { renderDetections } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const html = renderDetections({
 *   run: "runs/first", trainedOn: "Trained on swap.", validation: "", items: [], failures: [],
 * });
 * assertMatch(html, /A score is no proof/);
 * ```
 */
export function renderDetections(report: DetectionReport): string {
  const items = report.items.toSorted((a, b) => b.probability - a.probability);
  const shown = items.slice(0, mostPictures);
  const flagged = items.filter(({ probability, threshold }) => probability >= threshold).length;
  const left = items.length - shown.length;
  return page({
    title: "What the detector says",
    lead: `${items.length} looked at by ${report.run}; ${flagged} flagged.`,
    sections: [
      caveats(report),
      markup`<h2>Scores</h2>
${
        tableOf(
          ["path", "probability", "threshold", "flagged"],
          items.map(({ name, probability, threshold }) => [
            name,
            probability.toFixed(3),
            threshold.toFixed(3),
            probability >= threshold ? "yes" : "no",
          ]),
        )
      }`,
      report.failures.length > 0
        ? markup`<h2>Not looked at</h2>
${tableOf(["path", "why"], report.failures.map(({ name, why }) => [name, why]))}`
        : markup``,
      markup`<h2>Pictures</h2>
${
        left > 0 &&
        markup`<p class="about">The ${mostPictures} highest scores; ${left} more are in the table.</p>`
      }
<div class="grid two">
${shown.map(card)}</div>`,
    ],
    footer: "Written by CoRIT.",
  });
}
