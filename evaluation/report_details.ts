// The report's sections on what was shown and how it was made: sample forgeries, configuration, seeds, versions.

import { FormatError } from "../errors.ts";
import { type Markup, markup, type MarkupPart } from "./markup.ts";
import type { ReportSample, RunReport, RunSummary } from "./report_data.ts";
import { familyTag, heatRamp, metricText } from "./report_format.ts";

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Test forgeries with masks and heat maps; nothing where there are none. */
export function sampleSection({ samples, summary }: RunReport): Markup | undefined {
  if (samples.length === 0) return undefined;
  return markup`<h2>Forgeries and what the detector saw</h2>
<p class="about">From the test photographs. A picture is flagged when its score is at least
${metricText(summary.threshold)}. Heat map: how likely the model holds each patch to be forged, from
${heatRamp()}. It shows what the model takes for a trace, which may be
wrong.</p>
<div class="grid two">
${samples.map((sample) => sampleCard(sample, summary))}</div>
`;
}

/** One forgery: real, forged, mask, heat map and score. */
function sampleCard(sample: ReportSample, summary: RunSummary): Markup {
  const { family, score, realScore } = sample;
  const verdict = score >= summary.threshold ? "flagged" : "missed";
  const realCaption = realScore === undefined ? "real" : `real (${realScore.toFixed(2)})`;
  const known = summary.families[family];
  return markup`<article class="card sample">
<h3><span>${family} ${known !== undefined && familyTag(known.trained)}</span>
<span class="score">score ${score.toFixed(2)}, ${verdict}</span></h3>
<div class="pictures">
${picture(sample.realPng, "real crop", realCaption)}
${picture(sample.forgedPng, `crop forged by ${family}`, "forged")}
${
    picture(
      sample.maskPng,
      "forged area in white",
      sample.wholeFrame ? "forged area: all" : "forged area",
    )
  }
${picture(sample.heatmapPng, "the model's heat map over the forged crop", "heat map")}
${
    sample.regionPng !== undefined &&
    picture(
      sample.regionPng,
      "the region that the model reads, over the forged crop",
      "read region",
    )
  }
</div>
</article>
`;
}

/** A picture with its caption, or a frame that says there is none. */
function picture(png: Uint8Array | undefined, description: string, caption: string): Markup {
  const shown = png === undefined
    ? markup`<div class="missing">none</div>`
    : markup`<img alt="${description}" src="${pngUri(png)}">`;
  return markup`<figure>${shown}<figcaption>${caption}</figcaption></figure>`;
}

/** Configuration, seeds, versions and the command. */
export function settingsSection(report: RunReport): Markup {
  const { config, seeds = {}, versions = {}, command } = report;
  const rows = flatten(config);
  const middle = Math.ceil(rows.length / 2);
  const repeat = command !== undefined && markup` Repeat it with <code>${command}</code>.`;
  return markup`<h2>Configuration</h2>
<p class="about">Everything that decides the result.${repeat}</p>
<div class="grid two">
${settingsTable("Options", rows.slice(0, middle))}
${settingsTable("Options, continued", rows.slice(middle))}
${settingsTable("Seeds", flatten(seeds))}
${settingsTable("Versions and machine", flatten(versions))}
</div>
`;
}

/** A card with names and values; nothing where there are none. */
function settingsTable(title: string, rows: readonly (readonly [string, string])[]): MarkupPart {
  if (rows.length === 0) return undefined;
  return markup`<div class="card"><h3>${title}</h3><table class="settings"><tbody>
${rows.map(([name, value]) => markup`<tr><td>${name}</td><td><code>${value}</code></td></tr>\n`)}
</tbody></table></div>`;
}

/** Nested options as dotted names and readable values; options that are `undefined` are left out. */
function flatten(
  options: Readonly<Record<string, unknown>>,
  prefix = "",
): (readonly [string, string])[] {
  return Object.entries(options).flatMap(([name, value]) => {
    const path = prefix + name;
    if (value === undefined) return [];
    if (Array.isArray(value) && value.every((item) => typeof item !== "object")) {
      return [[path, value.join(", ")] as const];
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return flatten(value as Record<string, unknown>, `${path}.`);
    }
    return [[path, typeof value === "string" ? value : JSON.stringify(value)] as const];
  });
}

/** PNG bytes as a data address. */
function pngUri(png: Uint8Array): string {
  if (!PNG_SIGNATURE.every((byte, i) => png[i] === byte)) {
    throw new FormatError("renderReport: a sample's picture is not a PNG file");
  }
  return `data:image/png;base64,${png.toBase64()}`;
}
