// FaceForensics++'s layout, as it is downloaded and as DeepfakeBench prepares it: original_sequences, manipulated_sequences.

import { join } from "node:path";
import { ConfigError, FormatError } from "../../errors.ts";
import type { SplitName } from "../picture_list.ts";
import {
  type FolderMeaning,
  type FolderShape,
  foldersOf,
  type FoundLayout,
  type Layout,
  type LayoutOptions,
} from "./layout.ts";

const LABELS: Readonly<Record<string, 0 | 1>> = {
  original_sequences: 0,
  manipulated_sequences: 1,
};

/** The compressions in the order in which they are taken where none is asked for: c23 is what most papers report. */
const COMPRESSIONS = ["c23", "raw", "c40"];

/** `original_sequences/youtube/c23/frames/000/` and `manipulated_sequences/METHOD/c23/frames/000_003/`, or `videos/`. */
export const faceForensics: Layout = {
  name: "FaceForensics++",
  looksLike:
    "original_sequences/youtube/c23/frames/VIDEO and manipulated_sequences/METHOD/c23/frames/VIDEO",
  find: async (shape, options) => {
    const level = levelOf(shape);
    return level === undefined ? undefined : await read(shape, level, options);
  },
};

/** Above how many levels the two folders stand. */
function levelOf(shape: FolderShape): number | undefined {
  const found = foldersOf(shape).filter((parts) => parts.at(-1)! in LABELS);
  return found.length === 0 ? undefined : Math.min(...found.map((parts) => parts.length - 1));
}

async function read(
  shape: FolderShape,
  level: number,
  { compression: asked }: LayoutOptions,
): Promise<FoundLayout> {
  const inside = foldersOf(shape)
    .filter((parts) => parts[level] in LABELS)
    .map((parts) => parts.slice(level));
  const there = new Set(inside.map((parts) => parts[2]).filter((name) => name !== undefined));
  const compression = asked || COMPRESSIONS.find((name) => there.has(name));
  if (compression === undefined || !there.has(compression)) {
    throw new ConfigError(
      `${shape.root}: there is no compression "${asked || COMPRESSIONS[0]}" in FaceForensics++, ` +
        `only ${[...there].join(", ") || "empty folders"}; choose one with --compression`,
    );
  }
  const media = new Set(inside.filter((parts) => parts[2] === compression).map((p) => p[3]));
  const hasFrames = media.has("frames");
  const splits = await readSplits(shape, level, inside.length > 0);
  const others = COMPRESSIONS.filter((name) => name !== compression && there.has(name));
  const notes = [
    `compression ${compression}${others.length ? ` (${others.join(", ")} left out)` : ""}`,
    hasFrames ? "frames as they are prepared" : "frames are taken from the videos",
    splits ? "the official splits" : "no train.json, val.json and test.json: split by seed",
  ];
  return {
    notes,
    meaningOf: (whole) => {
      const [top, method, variant, medium, ...rest] = whole.slice(level);
      const label = LABELS[top];
      if (label === undefined || variant !== compression) return undefined;
      if (medium !== (hasFrames ? "frames" : "videos")) return undefined;
      return {
        label,
        method: label === 0 ? "real" : method,
        ...(splits ? { splitOfVideo: (name) => splits.get(name) } : {}),
        frames: rest.length > 0 ? "yes" : "no",
      } satisfies FolderMeaning;
    },
  };
}

/** The official splits: lists of pairs of videos, at the top or below `splits/`. */
async function readSplits(
  { root, children }: FolderShape,
  level: number,
  known: boolean,
): Promise<Map<string, SplitName> | undefined> {
  // The two folders may lie one level down: FaceForensics++/original_sequences.
  const tops = ["", ...(level > 0 ? children.get("") ?? [] : [])];
  for (const top of known ? tops : []) {
    for (const folder of [top, join(top, "splits"), join(top, "dataset", "splits")]) {
      const splits = new Map<string, SplitName>();
      const files = [["train", "train"], ["val", "validation"], ["test", "test"]] as const;
      for (const [name, split] of files) {
        const path = join(root, folder, `${name}.json`);
        const text = await Deno.readTextFile(path).catch(() => undefined);
        if (text === undefined) break;
        for (const [a, b] of parsePairs(path, text)) {
          for (const video of [a, b, `${a}_${b}`, `${b}_${a}`]) splits.set(video, split);
        }
      }
      if (new Set(splits.values()).size === files.length) return splits;
    }
  }
  return undefined;
}

function parsePairs(path: string, text: string): [string, string][] {
  let pairs: unknown;
  try {
    pairs = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path}: expected FaceForensics++'s list of pairs, but it is no JSON`, {
      cause,
    });
  }
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && pair.length === 2 && pair.every((name) => typeof name === "string");
  if (!Array.isArray(pairs) || !pairs.every(isPair)) {
    throw new FormatError(`${path}: expected a list of pairs of videos: [["071", "054"], ...]`);
  }
  return pairs;
}
