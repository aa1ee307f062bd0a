// Videos, temperature, reliability, generators and whole assessments, against numbers in closed form.

import { assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DataError, ShapeError, ValueError } from "../../errors.ts";
import {
  assess,
  assessmentTable,
  atTemperature,
  crossGeneratorTable,
  expectedCalibrationError,
  fitTemperature,
  generatorScores,
  reliabilityBins,
  renderAssessment,
  renderDetections,
  rocAuc,
  type ScoredSamples,
  universalTable,
  videoScores,
} from "../../evaluation/mod.ts";
import { RandomStream } from "../../tensor/random.ts";

Deno.test("videos of the same name in two folders are two videos", () => {
  const grouped = videoScores({
    scores: [0.25, 0.5, 0.75, 1],
    labels: [0, 1, 0, 1],
    videos: ["original/000.mp4", "Deepfakes/000.mp4", "original/000.mp4", "Deepfakes/000.mp4"],
  });
  assertEquals(grouped, {
    videos: ["original/000.mp4", "Deepfakes/000.mp4"],
    scores: [0.5, 0.75],
    labels: [0, 1],
    frameCounts: [2, 2],
  });
  const mixed = { scores: [0.1, 0.2], labels: [0, 1], videos: ["000.mp4", "000.mp4"] };
  assertThrows(() => videoScores(mixed), DataError, "name videos by their whole path");
  assertThrows(() => videoScores({ scores: [], labels: [], videos: [] }), DataError);
  assertThrows(() => videoScores({ ...mixed, videos: ["a"] }), ShapeError);
});

Deno.test("the temperature is the one at which stated odds are the observed ones", () => {
  // Odds of 9 stated where they are 3: log 9 / log 3 = 2.
  const stated = [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1], labels = [1, 1, 1, 0, 0, 0, 0, 1];
  assertAlmostEquals(fitTemperature(stated, labels), 2, 1e-5);
  const scaled = atTemperature(stated, 2);
  assertAlmostEquals(scaled[0], 0.75, 1e-12);
  assertAlmostEquals(expectedCalibrationError(scaled, labels), 0, 1e-12);
  // Weights count as repetitions.
  const weighted = fitTemperature([0.9, 0.9, 0.1, 0.1], [1, 0, 0, 1], [3, 1, 3, 1]);
  assertAlmostEquals(weighted, 2, 1e-5);
  assertEquals([...atTemperature([0, 0.5, 1], 3)], [0, 0.5, 1]);
});

Deno.test("the bins of reliability hold every sample, and their gaps make the calibration error", () => {
  const random = new RandomStream(3);
  const scores = Array.from({ length: 500 }, () => random.uniform());
  const labels = scores.map((score) => random.bernoulli(score ** 2) ? 1 : 0);
  const bins = reliabilityBins(scores, labels);
  assertEquals(bins.reduce((sum, { count }) => sum + count, 0), 500);
  const error = bins.reduce(
    (sum, { count, probability, forged }) => sum + count / 500 * Math.abs(probability - forged),
    0,
  );
  assertAlmostEquals(error, expectedCalibrationError(scores, labels), 1e-12);
  assertThrows(() => reliabilityBins([0.5], [1, 0]), ShapeError);
  assertThrows(() => reliabilityBins([0.5, 2], [1, 0]), ValueError);
});

/** Two generators: one with real twins of its own, one against shared real pictures. */
const samples: ScoredSamples = {
  scores: [0.9, 0.8, 0.3, 0.2, 0.6, 0.4, 0.7],
  labels: [1, 1, 0, 0, 1, 0, 1],
  families: ["gan", "gan", "gan", "gan", "ldm", "real", "ldm"],
  sources: ["a", "b", "a", "b", "c", "d", "e"],
};

Deno.test("a generator is scored against its own real pictures and the shared ones, classes alike", () => {
  const [gan, ldm] = generatorScores(samples, { trained: ["gan"], threshold: 0.65 });
  assertEquals([gan.generator, gan.trained, gan.realCount, gan.forgedCount], ["gan", true, 3, 2]);
  assertEquals([ldm.generator, ldm.trained, ldm.realCount, ldm.forgedCount], ["ldm", false, 1, 2]);
  assertEquals([gan.auc, ldm.auc], [1, 1]);
  assertEquals(ldm.accuracyAtThreshold, { real: 1, forged: 0.5, both: 0.75 });
  // With one real picture in three, average precision at equal shares is not that of the counts.
  const worse = generatorScores({ ...samples, scores: [0.9, 0.1, 0.3, 0.2, 0.6, 0.4, 0.7] }, {
    trained: [],
    threshold: 0.5,
  })[0];
  assertAlmostEquals(worse.averagePrecision, 0.5 * 1 + 0.5 * 0.5, 1e-12);
  assertAlmostEquals(worse.auc, rocAuc([0.9, 0.1, 0.3, 0.2, 0.4], [1, 1, 0, 0, 0]), 1e-12);
});

Deno.test("the universal tables name generators, what was trained on, and means", () => {
  const scores = generatorScores(samples, { trained: ["gan"], threshold: 0.65 });
  const table = universalTable(scores).split("\n");
  assertMatch(table[2], /^gan \(trained on\) +100\.0 .* 3 +2$/);
  assertMatch(table[3], /^ldm +100\.0 +100\.0 +100\.0 +100\.0 +75\.0 +100\.0 +1 +2$/);
  assertMatch(table[4], /^mean, never trained on +100\.0 +100\.0 +100\.0 +100\.0 +75\.0/);
  assertMatch(table[5], /^mean, all +100\.0 +100\.0 +100\.0 +100\.0 +87\.5/);
  const rows = [{ name: "gan", scores }, { name: "other", scores: scores.slice(1) }];
  const matrix = crossGeneratorTable(rows, "accuracyAtThreshold").split("\n");
  assertEquals(matrix[0].split(/ {2,}/), ["trained on", "gan", "ldm", "mean"]);
  assertEquals(matrix[2].split(/ {2,}/), ["gan", "100.0*", "75.0", "87.5"]);
  assertEquals(matrix[3].split(/ {2,}/), ["other", "-", "75.0", "75.0"]);
});

Deno.test("an assessment scores frames and videos, and foreign data as foreign", () => {
  const clips = assess({
    scores: [0.2, 0.6, 0.3, 0.4, 0.9, 0.5],
    labels: [0, 0, 0, 1, 1, 1],
    families: ["real", "real", "real", "swap", "swap", "swap"],
    sources: ["a", "a", "b", "c", "c", "d"],
    videos: ["r/0", "r/0", "", "f/0", "f/0", "f/1"],
  }, { data: "clips", trainedFamilies: ["blend"], threshold: 0.45, temperature: 2, redraws: 20 });
  assertAlmostEquals(clips.frames.auc, 7 / 9, 1e-12);
  // One real video (0.4) against two forged ones (0.65, 0.5); the lone picture is no video.
  assertEquals([clips.videos?.auc, clips.videos?.realCount, clips.videos?.forgedCount], [1, 1, 2]);
  assertEquals(clips.videos?.accuracyAtThreshold, { real: 1, forged: 1, both: 1 });
  assertEquals(clips.evaluation.inDomain, null);
  assertEquals(clips.generators[0].trained, false);
  const table = assessmentTable([clips]).split("\n");
  assertMatch(table[2], /^clips, frames +0\.778/);
  assertMatch(table[3], /^clips, videos +1\.000/);

  const html = renderAssessment({
    title: "A <detector>",
    trainedOn: "Trained on blend.",
    assessments: [{ ...clips, robustness: [] }],
  });
  assertMatch(html, /<h1>A &lt;detector&gt;<\/h1>/);
  assertMatch(html, /A score is no proof/);
  assertMatch(html, /at temperature 2\.00/);
  assertEquals(/https?:\/\/(?!www\.w3\.org)/.test(html), false);
});

Deno.test("a page of detections shows what failed, and refuses what is no picture", () => {
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const item = { probability: 0.7, threshold: 0.5, seen: "one window" };
  const pictures = { seen: png, heatmap: png };
  const report = {
    run: "runs/first",
    trainedOn: "Trained on swap.",
    validation: "In validation ...",
    failures: [{ name: "b.jpg", why: "damaged" }],
  };
  const html = renderDetections({ ...report, items: [{ ...item, name: "<a>.jpg", pictures }] });
  for (
    const text of ["&lt;a&gt;.jpg", "b.jpg", "damaged", "1 flagged", "no proof", "Trained on swap."]
  ) assertEquals(html.includes(text), true, text);
  const gif = new TextEncoder().encode("GIF89a");
  assertThrows(
    () =>
      renderDetections({
        ...report,
        items: [{ ...item, name: "a", pictures: { ...pictures, seen: gif } }],
      }),
    Error,
    "neither PNG nor JPEG",
  );
});
