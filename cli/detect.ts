// The command behind `deno task detect RUN IMAGE...`: how likely images are forged, and where a detector looks.

import { basename, extname, join } from "node:path";
import { z } from "zod";
import { readImage } from "../data/image.ts";
import { ConfigError, CoritError, DataError, FileError } from "../errors.ts";
import { heatmapPng } from "../evaluation/heatmap.ts";
import { detect, type Detection, imageThreshold } from "../training/detection.ts";
import { fileError, writeFileAtomically } from "../training/files.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { loadTrained, type TrainedDetector } from "../training/trained.ts";
import { runCommand } from "./command.ts";
import { computingRows } from "./computing_options.ts";

/** What the command is told. */
interface DetectOptions {
  json: boolean;
  heatmaps: string;
  show: "auto" | "region" | "tokens";
  device: "auto" | "wasm" | "reference" | "webgpu";
  threads: number;
}

const detectOptions = defineOptions<DetectOptions>({
  name: "detect",
  summary: [
    "Says how likely images are forged, by a trained detector, and draws where it looks.",
    "",
    "A detector sees small squares (64 x 64 pixels by default). An image is looked at through windows",
    "of that size that cover it, in its own pixels, which carry the traces of forging; only one longer",
    "than nine windows is reduced first, one smaller than a window enlarged. Its probability is the mean",
    "over the windows. A score ranks images; it is no proof, least of all against a person.",
  ].join("\n"),
  positional: "RUN IMAGE...",
  examples: [
    { command: "deno task detect runs/first photo.jpg", does: "a probability and a heat map" },
    { command: "deno task detect runs/first photos/*.jpg --json", does: "a line of JSON an image" },
  ],
  rows: {
    ...group("Output", {
      json: row(z.boolean(), false, "print a line of JSON for each image, and nothing else"),
      heatmaps: row(z.string(), "", "folder for the heat maps; RUN/heatmaps where not given"),
      show: row(
        z.enum(["auto", "region", "tokens"]),
        "auto",
        "what they show: the region that the detector reads (trained with --rrm), or how forged " +
          "each patch seems",
      ),
    }),
    ...group("Run", computingRows),
  },
});

/** An image that was looked at. */
interface Answer {
  image: string;
  detection: Detection;
  heatmap: string;
}

await runCommand(detectOptions, async ({ values, positional }) => {
  const [path, ...images] = positional;
  if (path === undefined || images.length === 0) {
    throw new ConfigError(
      "detect takes a run and at least one image: deno task detect runs/NAME photo.jpg",
    );
  }
  const trained = await loadTrained(path, values);
  const folder = values.heatmaps === "" ? join(path, "heatmaps") : values.heatmaps;
  await makeFolder(folder);
  const names = heatmapNames(images);
  let failed = 0;
  for (const image of images) {
    try {
      const heatmap = join(folder, names.get(image)!);
      const detection = await look(trained, image, heatmap, values.show);
      const answer = { image, detection, heatmap };
      console.log(values.json ? jsonLine(answer, trained) : textLines(answer, trained));
    } catch (error) {
      if (!(error instanceof CoritError)) throw error;
      failed++;
      console.error(`${error.name}: ${error.message}`);
    }
  }
  if (!values.json && failed < images.length) {
    const { meanReal, meanForged } = trained.best;
    console.log(
      `\nIn validation real crops scored ${meanReal.toFixed(2)} on average, forged ones ` +
        `${meanForged.toFixed(2)}. A score ranks images; it is no proof.`,
    );
  }
  if (failed > 0) {
    throw new DataError(
      `${failed} of ${images.length} ${images.length === 1 ? "image" : "images"} could not be ` +
        `looked at; see above`,
    );
  }
});

/** Looks at one image and draws its heat map. */
async function look(
  { detector }: TrainedDetector,
  path: string,
  heatmap: string,
  show: DetectOptions["show"],
): Promise<Detection> {
  const image = await readImage(path);
  const detection = detect(detector, image);
  const { data: pixels, width, height } = detection.view.image;
  const chosen = show === "auto" ? (detector.parts?.rrm ? "region" : "tokens") : show;
  const png = await heatmapPng({ ...detection[chosen], pixels, width, height, opacity: 0.65 });
  await writeFileAtomically(heatmap, png);
  return detection;
}

/** An answer for people. */
function textLines({ image, detection, heatmap }: Answer, trained: TrainedDetector): string {
  const { probability, windows, view } = detection;
  const highest = windows.reduce((a, b) => b.probability > a.probability ? b : a);
  const threshold = imageThreshold(trained.best, windows.length);
  const verdict = probability >= threshold ? "flagged as forged" : "not flagged";
  const size = `${view.image.width} x ${view.image.height}`;
  const seen = windows.length === 1
    ? `one window of ${size}`
    : `${windows.length} windows over ${size} pixels, the highest ` +
      `${highest.probability.toFixed(3)} at ${highest.left}, ${highest.top}`;
  return [
    image,
    `  ${probability.toFixed(3)}  ${verdict} (threshold ${threshold.toFixed(3)})`,
    `  ${seen}`,
    `  heat map: ${heatmap}`,
  ].join("\n");
}

/** An answer for programs. */
function jsonLine(
  { image, detection, heatmap }: Answer,
  { best, folder }: TrainedDetector,
): string {
  const { probability, windows, view } = detection;
  const threshold = imageThreshold(best, windows.length);
  return JSON.stringify({
    image,
    run: folder.path,
    probability,
    threshold,
    flagged: probability >= threshold,
    windowSize: view.size,
    lookedAt: { width: view.image.width, height: view.image.height },
    windows,
    heatmap,
  });
}

/** A file name for each image's heat map: its own, with its folder where two images are named alike. */
function heatmapNames(images: readonly string[]): Map<string, string> {
  const plain = (image: string): string => basename(image, extname(image));
  const full = (image: string): string =>
    image.slice(0, image.length - extname(image).length).replaceAll(/[^\w.-]+/g, "_");
  const alike = (image: string): boolean =>
    images.some((other) => other !== image && plain(other) === plain(image));
  return new Map(
    images.map((image) => [image, `${alike(image) ? full(image) : plain(image)}.png`]),
  );
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new FileError(`${path} is a file, not a folder; choose another with --heatmaps`);
    }
    throw fileError("make", path, error);
  }
}
