// The command behind `deno task detect RUN INPUT...`: how likely pictures and videos are forged, and where a detector looks.

import { basename, extname, join } from "node:path";
import { z } from "zod";
import { decodeImage, encodeJpeg, type Image, readImage } from "../data/image.ts";
import { framesOf } from "../data/video.ts";
import { ConfigError, CoritError, DataError, FileError } from "../errors.ts";
import { type DetectionItem, mostPictures } from "../evaluation/detection_report.ts";
import { heatmapPng } from "../evaluation/heatmap.ts";
import { type FaceFinder, facesOf, loadFaceFinder } from "../faces/mod.ts";
import { detect, type Detection, imageThreshold } from "../training/detection.ts";
import { fileError, writeFileAtomically } from "../training/files.ts";
import { defineOptions, group, row } from "../training/options.ts";
import { loadTrained, type TrainedDetector } from "../training/trained.ts";
import { runCommand } from "./command.ts";
import { computingRows } from "./computing_options.ts";
import {
  type Answer,
  csvHead,
  csvLine,
  csvRows,
  type FrameAnswer,
  jsonLine,
  noProof,
  seenText,
  textLines,
} from "./detect_answer.ts";
import { type DetectInput, detectInputs } from "./detect_inputs.ts";
import { trainedOnText } from "./trained_text.ts";

/** What the command is told. */
interface DetectOptions {
  json: boolean;
  csv: boolean;
  html: string;
  frames: number;
  faces: "off" | "largest" | "all";
  heatmaps: string;
  show: "auto" | "region" | "tokens";
  device: "auto" | "wasm" | "reference" | "webgpu";
  threads: number;
}

const detectOptions = defineOptions<DetectOptions>({
  name: "detect",
  summary: [
    "Says how likely pictures and videos are forged, by a trained detector, and draws where it looks.",
    "",
    "An input is a picture, a video (ffmpeg takes evenly spaced frames), a folder of them, or -: a picture",
    "from standard input, or paths line by line. A detector sees small squares (64 x 64 pixels by",
    "default). A picture is looked at through windows of that size that cover it, in its own pixels, which",
    "carry the traces of forging; only one longer than nine windows is reduced first, one smaller than a",
    "window enlarged. Its probability is the mean over the windows, a video's the mean over its frames.",
    "A score ranks pictures; it is no proof, least of all against a person.",
  ].join("\n"),
  positional: "RUN INPUT...",
  examples: [
    { command: "deno task detect runs/first photo.jpg", does: "a probability and a heat map" },
    {
      command: "deno task detect runs/first photos --html photos.html",
      does: "a folder, as a page",
    },
    { command: "deno task detect runs/first clip.mp4 --csv", does: "every frame, as a table" },
    {
      command: "deno task detect runs/first group.jpg --faces all",
      does: "every face by itself, cut out with a margin of 1.3",
    },
    { command: "deno task detect runs/first - < photo.jpg", does: "from standard input" },
    { command: "deno task detect runs/first photos/*.jpg --json", does: "a line of JSON each" },
  ],
  rows: {
    ...group("Output", {
      json: row(z.boolean(), false, "print a line of JSON for each input, and nothing else"),
      csv: row(z.boolean(), false, "print a table as CSV, frames of videos too, and nothing else"),
      html: row(z.string(), "", "write a page with scores and heat maps to this file"),
      heatmaps: row(z.string(), "", "folder for the heat maps; RUN/heatmaps where not given"),
      show: row(
        z.enum(["auto", "region", "tokens"]),
        "auto",
        "what they show: the region that the detector reads (trained with --rrm), or how forged " +
          "each patch seems",
      ),
    }),
    ...group("Faces", {
      faces: row(
        z.enum(["off", "largest", "all"]),
        "off",
        "look at faces alone; of several the highest probability counts",
      ),
    }),
    ...group("Videos", {
      frames: row(z.int().min(1), 32, "evenly spaced frames of each video"),
    }),
    ...group("Run", computingRows),
  },
});

/** What is looked at by what. */
interface Looking {
  readonly trained: TrainedDetector;
  readonly values: DetectOptions;
  /** Finds the faces that are looked at alone; none where whole pictures are. */
  readonly finder: FaceFinder | undefined;
}

await runCommand(detectOptions, async ({ values, positional }) => {
  const [path, ...names] = positional;
  if (path === undefined || names.length === 0) {
    throw new ConfigError(
      "detect takes a run and at least one picture, video or folder: " +
        "deno task detect runs/NAME photo.jpg",
    );
  }
  if (values.json && values.csv) throw new ConfigError("--json and --csv exclude each other");
  const trained = await loadTrained(path, values);
  const finder = values.faces === "off"
    ? undefined
    : await loadFaceFinder({ onProgress: (line) => console.error(line) });
  const trainedOn = trainedOnText(trained.folder.config);
  const inputs = await detectInputs(names);
  const folder = values.heatmaps === "" ? join(path, "heatmaps") : values.heatmaps;
  await makeFolder(folder);
  const maps = heatmapNames(inputs.map(({ name }) => name));
  const items: DetectionItem[] = [];
  const failures: { name: string; why: string }[] = [];
  if (values.csv) console.log(csvLine(csvHead));
  for (const input of inputs) {
    try {
      const heatmap = join(folder, maps.get(input.name)!);
      const { answer, item } = await look(input, heatmap, { trained, values, finder });
      if (item) keepHighest(items, item);
      if (values.json) console.log(jsonLine(answer, trainedOn));
      else if (values.csv) console.log(csvRows(answer).join("\n"));
      else console.log(textLines(answer));
    } catch (error) {
      if (!(error instanceof CoritError)) throw error;
      failures.push({ name: input.name, why: error.message });
      console.error(`${error.name}: ${error.message}`);
    }
  }
  const validation = `In validation real crops scored ${trained.best.meanReal.toFixed(2)} on ` +
    `average, forged ones ${trained.best.meanForged.toFixed(2)}.`;
  if (values.html !== "") {
    const { renderDetections } = await import("../evaluation/detection_report.ts");
    const html = renderDetections({ run: path, trainedOn, validation, items, failures });
    await writeFileAtomically(values.html, new TextEncoder().encode(html));
  }
  const worth = `${trainedOn}\n${validation} ${noProof}`;
  // A table has no place for it, and its reader needs it all the same.
  if (values.csv) console.error(worth);
  else if (!values.json && failures.length < inputs.length) {
    if (values.html !== "") console.log(`\npage: ${values.html} (open it in a browser)`);
    console.log(`\n${worth}`);
  }
  if (failures.length > 0) {
    throw new DataError(
      `${failures.length} of ${inputs.length} ${inputs.length === 1 ? "image" : "images"} could ` +
        `not be looked at; see above`,
    );
  }
});

/** Adds an item; of many, only the highest scores keep their pictures, so that memory does not grow with the folder. */
function keepHighest(items: DetectionItem[], item: DetectionItem): void {
  items.push(item);
  if (items.length % mostPictures !== 0) return;
  items.sort((a, b) => b.probability - a.probability);
  for (let at = mostPictures; at < items.length; at++) {
    const { pictures: _dropped, ...rest } = items[at];
    items[at] = rest;
  }
}

/** The pictures of an input: one, or a video's frames. */
async function picturesOf(
  { name, video, bytes }: DetectInput,
  count: number,
): Promise<readonly { readonly image: Image; readonly index: number; readonly seconds: number }[]> {
  if (video) return await framesOf(name, { count });
  const image = bytes ? await decodeImage(bytes, { name }) : await readImage(name);
  return [{ image, index: 0, seconds: 0 }];
}

/** What is looked at of a picture: all of it, or its faces. */
function partsOf(image: Image, { values, finder }: Looking): readonly Image[] {
  if (!finder) return [image];
  const which = values.faces === "all" ? "all" : "largest";
  return facesOf(finder, image, { which }).map(({ image }) => image);
}

/** Looks at one input, draws its heat map, and prepares its place on the page where there is one. */
async function look(
  input: DetectInput,
  heatmap: string,
  looking: Looking,
): Promise<{ answer: Answer; item?: DetectionItem }> {
  const { trained: { detector, best, folder }, values } = looking;
  const frames: FrameAnswer[] = [];
  let highest: Detection | undefined;
  for (const { image, index, seconds } of await picturesOf(input, values.frames)) {
    const detections = partsOf(image, looking).map((part) => detect(detector, part));
    if (detections.length === 0) continue;
    const found = detections.reduce((a, b) => (b.probability > a.probability ? b : a));
    const { probability } = found;
    if (!highest || probability > highest.probability) highest = found;
    frames.push({ index, seconds, probability });
  }
  if (!highest) {
    throw new DataError(
      `${input.name}: no face was found; look at all of it with --faces off`,
    );
  }
  const detection = highest;
  const answer: Answer = {
    name: input.name,
    run: folder.path,
    probability: frames.reduce((sum, frame) => sum + frame.probability, 0) / frames.length,
    threshold: imageThreshold(best, frames.length * detection.windows.length),
    detection,
    heatmap,
    ...(input.video ? { frames } : {}),
  };
  const { data: pixels, width, height } = detection.view.image;
  const chosen = values.show === "auto" ? (detector.parts?.rrm ? "region" : "tokens") : values.show;
  const over = { ...detection[chosen], pixels, width, height, opacity: 0.65 };
  await writeFileAtomically(heatmap, await heatmapPng(over));
  return { answer, item: values.html === "" ? undefined : await itemOf(answer, over) };
}

/** An answer as it stands on the page. */
async function itemOf(
  answer: Answer,
  over: Parameters<typeof heatmapPng>[0],
): Promise<DetectionItem> {
  const { name, probability, threshold, detection, frames } = answer;
  const { image } = detection.view;
  return {
    name,
    probability,
    threshold,
    seen: seenText(answer),
    pictures: {
      seen: await encodeJpeg(image, { quality: 85, chromaSubsampling: "4:4:4" }),
      heatmap: await heatmapPng({ ...over, shortestSide: Math.min(image.width, image.height) }),
    },
    ...(frames ? { frames: frames.map((frame) => [frame.seconds, frame.probability]) } : {}),
  };
}

/** A file name for each input's heat map: its own, with its folder where two are named alike. */
function heatmapNames(names: readonly string[]): Map<string, string> {
  const plain = (name: string): string => basename(name, extname(name));
  const full = (name: string): string =>
    name.slice(0, name.length - extname(name).length).replaceAll(/[^\p{L}\p{N}.-]+/gu, "_");
  const counts = new Map<string, number>();
  for (const name of new Set(names)) counts.set(plain(name), (counts.get(plain(name)) ?? 0) + 1);
  const taken = new Map<string, number>();
  return new Map([...new Set(names)].map((name) => {
    const wanted = counts.get(plain(name))! > 1 ? full(name) : plain(name);
    // Two paths may differ in nothing but what a file name cannot hold, or in their ending.
    const before = taken.get(wanted) ?? 0;
    taken.set(wanted, before + 1);
    return [name, before === 0 ? `${wanted}.png` : `${wanted}-${before + 1}.png`];
  }));
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
