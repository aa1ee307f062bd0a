// The report and the tables: what they say, that they stand alone, and that no text from a run becomes markup.

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import sharp from "sharp";
import { FormatError } from "../../errors.ts";
import {
  evaluateScores,
  type Evaluation,
  evaluationTable,
  familyRocCurves,
  renderReport,
  type RunReport,
} from "../../evaluation/mod.ts";
import { RandomStream } from "../../tensor/random.ts";

const hostile = `</style><script>alert("1")</script>&'`;

const onePixel = new Uint8Array(
  await sharp({ create: { width: 1, height: 1, channels: 3, background: "#808080" } }).png()
    .toBuffer(),
);

/** Scored twins of one family per separation. */
function scored(separations: Record<string, number>) {
  const stream = new RandomStream(1);
  const samples = {
    scores: [] as number[],
    labels: [] as number[],
    families: [] as string[],
    sources: [] as string[],
  };
  for (const [family, separation] of Object.entries(separations)) {
    for (let i = 0; i < 60; i++) {
      for (const label of [0, 1]) {
        samples.scores.push(stream.normal(separation * label));
        samples.labels.push(label);
        samples.families.push(family);
        samples.sources.push(`photograph ${i % 12}`);
      }
    }
  }
  return samples;
}

/** A whole report over the given families; the first is trained on. */
function reportOf(
  separations: Record<string, number>,
  changes: Partial<RunReport> = {},
): RunReport {
  const samples = scored(separations);
  const family = Object.keys(separations)[0];
  const evaluation = evaluateScores({ ...samples, trainedFamilies: [family], threshold: 0.4 });
  return {
    title: "A run",
    config: { preset: "starter", sam: { radius: 0.01 }, families: [family, "b"], out: null },
    summary: {
      ...evaluation,
      seconds: 3725,
      steps: 1350,
      imagesPerSecond: 117.6,
      parameters: 381442,
    },
    metrics: [
      { step: 1, loss: 0.7, learningRate: 1e-3, imagesPerSecond: 100 },
      {
        step: 2,
        loss: 0.6,
        learningRate: 1e-3,
        imagesPerSecond: 100,
        auc: 0.6,
        gsnr: { head: 0.1 },
      },
    ],
    roc: familyRocCurves(samples),
    samples: [{
      family,
      realPng: onePixel,
      forgedPng: onePixel,
      maskPng: onePixel,
      heatmapPng: onePixel,
      score: 0.91,
      realScore: 0.12,
    }],
    seeds: { split: 0 },
    versions: { deno: "2.9.6" },
    ...changes,
  };
}

Deno.test("the report states its numbers, settings, seeds, versions and pictures", () => {
  const report = reportOf({ swap: 1.5, spectral: 0 });
  const page = renderReport(report);
  for (const scores of [report.summary.inDomain, report.summary.crossDomain]) {
    assert(scores !== null);
    assertStringIncludes(page, `<div class="number">${scores.auc.toFixed(3)}</div>`);
    assertStringIncludes(
      page,
      `${scores.interval.low.toFixed(3)} to ${scores.interval.high.toFixed(3)}`,
    );
  }
  for (
    const said of ["1 h 2 min", "1,350", "118 images/s", "381,442", "sam.radius", "0.01", "swap, b"]
  ) assertStringIncludes(page, said);
  for (const said of ["score 0.91, flagged", "real (0.12)", "2.9.6", "A score is no proof."]) {
    assertStringIncludes(page, said);
  }
  assertEquals(page.match(/<img /g)?.length, 4);
  assertEquals(page.match(/<svg /g)?.length, 6);
  assertStringIncludes(page, onePixel.toBase64());
});

Deno.test("the verdict follows the interval: better than, not distinguishable from, worse than guessing", () => {
  const page = renderReport(reportOf({ swap: 2, spectral: 0 }));
  assertStringIncludes(page, "Better than guessing");
  assertStringIncludes(page, "Not distinguishable from guessing");
  assertStringIncludes(renderReport(reportOf({ swap: 1, spectral: -2 })), "Worse than guessing");
  const alone = renderReport(reportOf({ swap: 1 }));
  assertStringIncludes(alone, "Not measured: every family in the test set was trained on.");
});

Deno.test("the report stands alone: no script, no request, a policy that forbids both", () => {
  const page = renderReport(reportOf({ swap: 1, spectral: 0 }));
  assert(!/<script|<link|<iframe|@import| on\w+=|javascript:/i.test(page));
  for (const [, address] of page.matchAll(/(?:src|href)="([^"]*)"/g)) {
    assertMatch(address, /^data:image\/png;base64,/);
  }
  for (const [, address] of page.matchAll(/url\(([^)]*)\)/g)) assertMatch(address, /^#plot-/);
  assertEquals(
    new Set(page.match(/https?:\/\/[^"'\s<]*/g)),
    new Set(["http://www.w3.org/2000/svg"]),
  );
  assertStringIncludes(
    page,
    `content="default-src &#39;none&#39;; img-src data:; style-src &#39;unsafe-inline&#39;"`,
  );
});

Deno.test("every text of a run is escaped, wherever it stands", () => {
  const page = renderReport(reportOf({ [hostile]: 1, [hostile + "2"]: 0 }, {
    title: hostile,
    subtitle: hostile,
    config: { [hostile]: hostile, list: [hostile], deep: [{ [hostile]: hostile }] },
    seeds: { [hostile]: 1 },
    versions: { [hostile]: hostile },
    notes: [hostile],
    command: hostile,
  }));
  assert(!page.includes("<script"));
  assertEquals(page.match(/<\/style>/g)?.length, page.match(/<style>/g)?.length);
  assertStringIncludes(page, "&lt;script&gt;");
});

Deno.test("equal runs give equal reports", () => {
  assertEquals(
    renderReport(reportOf({ swap: 1, spectral: 0 })),
    renderReport(reportOf({ swap: 1, spectral: 0 })),
  );
});

Deno.test("what a run lacks is left out: AUC rows, GSNR, samples, heat maps", () => {
  const [first] = reportOf({ swap: 1 }).metrics;
  const page = renderReport(reportOf({ swap: 1 }, { metrics: [first], samples: [] }));
  assertEquals(page.match(/<svg /g)?.length, 3);
  assert(!page.includes("what the detector saw"));
  const [sample] = reportOf({ swap: 1 }).samples;
  const without = renderReport(
    reportOf({ swap: 1 }, { samples: [{ ...sample, heatmapPng: undefined }] }),
  );
  assertEquals(without.match(/<img /g)?.length, 3);
  assertStringIncludes(without, `<div class="missing">none</div>`);
});

Deno.test("a sample picture that is no PNG is refused", () => {
  const [sample] = reportOf({ swap: 1 }).samples;
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0]);
  assertThrows(
    () => renderReport(reportOf({ swap: 1 }, { samples: [{ ...sample, maskPng: jpeg }] })),
    FormatError,
    "not a PNG",
  );
});

Deno.test("the text table lines up and puts trained families before the others", () => {
  const samples = scored({ spectral: 0, swap: 1.5, "self-blend": 1 });
  const evaluation: Evaluation = evaluateScores({
    ...samples,
    trainedFamilies: ["swap", "self-blend"],
    threshold: 0.4,
    level: 0.9,
  });
  const lines = evaluationTable(evaluation).split("\n");
  assertEquals(lines.slice(2).map((line) => line.split("  ")[0]), [
    "swap",
    "self-blend",
    "in-domain, over all",
    "spectral (not trained on)",
    "cross-domain, over all",
  ]);
  assertMatch(lines[0], /^family +AUC +90 % interval +AP +EER +accuracy +at threshold +samples/);
  assertEquals(new Set(lines.map((line) => line.length)).size, 1);
  assertStringIncludes(lines[2], evaluation.families.swap.auc.toFixed(3));
});
