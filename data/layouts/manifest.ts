// A manifest: a CSV or JSONL file with a line for each picture or video.

import { createReadStream } from "node:fs";
import { basename, dirname, extname, isAbsolute, join, parse } from "node:path";
import { createInterface } from "node:readline";
import { parse as parseCsv } from "csv-parse";
import { FileError, FormatError } from "../../errors.ts";
import type { PictureEntry } from "../picture_list.ts";
import { VIDEO_ENDING } from "../picture_list.ts";
import { splitNamed } from "./layout.ts";
import { sourceOfVideo } from "./sources.ts";

/** A line: names of columns and what stands in them. */
type Line = Readonly<Record<string, unknown>>;

/** The columns that are read, and other names that they go by. */
const COLUMNS = {
  path: ["path", "file", "filename", "file_path", "image", "image_path", "img_path", "frame"],
  label: ["label", "class", "target", "is_fake", "fake"],
  method: ["method", "family", "generator", "manipulation", "model"],
  split: ["split", "set", "subset", "partition"],
  video: ["video", "video_path", "clip"],
  source: ["source", "original", "identity"],
} as const;

const LABELS: Readonly<Record<string, 0 | 1>> = {
  "0": 0,
  "real": 0,
  "false": 0,
  "nature": 0,
  "original": 0,
  "pristine": 0,
  "bonafide": 0,
  "1": 1,
  "fake": 1,
  "true": 1,
  "forged": 1,
  "ai": 1,
  "manipulated": 1,
  "synthetic": 1,
  "spoof": 1,
};

/** Whether a file's ending is a manifest's. */
export function isManifest(path: string): boolean {
  return [".csv", ".tsv", ".jsonl", ".ndjson"].includes(extname(path).toLowerCase());
}

/**
 * Gives the entries of a manifest, a line at a time.
 *
 * @throws {FileError} when it cannot be read.
 * @throws {FormatError} naming the line when a column is missing or a label is neither real nor forged.
 */
export async function* manifestEntries(path: string): AsyncGenerator<PictureEntry> {
  let number = 0;
  let columns: Partial<Record<keyof typeof COLUMNS, string>> | undefined;
  for await (const line of linesOf(path)) {
    number++;
    // Every line of JSONL has its own fields; the header of a CSV file is all lines'.
    if (columns === undefined || isJson(path)) columns = columnsOf(line, `${path}, line ${number}`);
    yield entryOf(line, columns, dirname(path), `${path}, line ${number}`);
  }
}

function isJson(path: string): boolean {
  return /\.(jsonl|ndjson)$/i.test(path);
}

async function* linesOf(path: string): AsyncGenerator<Line> {
  try {
    if (!(await Deno.stat(path)).isFile) throw new FileError(`${path}: not a file`);
  } catch (cause) {
    throw new FileError(`${path}: the manifest cannot be read`, { cause });
  }
  const stream = createReadStream(path);
  if (isJson(path)) {
    let number = 0;
    for await (const text of createInterface({ input: stream })) {
      number++;
      if (text.trim() === "") continue;
      let line: unknown;
      try {
        line = JSON.parse(text);
      } catch (cause) {
        throw new FormatError(`${path}, line ${number}: not JSON`, { cause });
      }
      if (typeof line !== "object" || line === null || Array.isArray(line)) {
        throw new FormatError(`${path}, line ${number}: expected an object with path and label`);
      }
      yield line as Line;
    }
    return;
  }
  const delimiter = /\.tsv$/i.test(path) ? "\t" : ",";
  const parser = stream.pipe(
    parseCsv({ columns: true, bom: true, delimiter, skip_empty_lines: true, trim: true }),
  );
  try {
    for await (const line of parser) yield line as Line;
  } catch (cause) {
    if (!(cause instanceof Error) || !("code" in cause)) throw cause;
    throw new FormatError(`${path}: not a table (${cause.message})`, { cause });
  }
}

/** Which of a line's fields hold what. */
function columnsOf(line: Line, where: string): Partial<Record<keyof typeof COLUMNS, string>> {
  const names = new Map(Object.keys(line).map((name) => [name.trim().toLowerCase(), name]));
  const found: Partial<Record<keyof typeof COLUMNS, string>> = {};
  for (const [column, aliases] of Object.entries(COLUMNS)) {
    const alias = aliases.find((name) => names.has(name));
    if (alias) found[column as keyof typeof COLUMNS] = names.get(alias)!;
  }
  // A list of videos has no other path than theirs.
  if (found.path === undefined && found.video !== undefined) found.path = found.video;
  for (const needed of ["path", "label"] as const) {
    if (found[needed] !== undefined) continue;
    throw new FormatError(
      `${where}: expected a column "${needed}" (or ${COLUMNS[needed].slice(1).join(", ")}), ` +
        `but found ${[...names.values()].join(", ")}`,
    );
  }
  return found;
}

function entryOf(
  line: Line,
  columns: Partial<Record<keyof typeof COLUMNS, string>>,
  folder: string,
  where: string,
): PictureEntry {
  const read = (column: keyof typeof COLUMNS): string => {
    const name = columns[column];
    const value = name === undefined ? undefined : line[name];
    return value === undefined || value === null ? "" : String(value).trim();
  };
  const given = read("path");
  if (given === "") throw new FormatError(`${where}: the path is empty`);
  const word = read("label");
  const label = LABELS[word.toLowerCase()];
  if (label === undefined) {
    throw new FormatError(`${where}: expected a label 0 or 1, real or fake, but found "${word}"`);
  }
  const splitWord = read("split");
  const split = splitNamed(splitWord);
  if (splitWord !== "" && split === undefined) {
    throw new FormatError(
      `${where}: expected a split train, validation or test, but found "${splitWord}"`,
    );
  }
  const path = isAbsolute(given) ? given : join(folder, given);
  const method = read("method");
  const isVideo = VIDEO_ENDING.test(path);
  const video = isVideo ? "" : read("video");
  const stem = parse(path).name;
  const source = read("source") ||
    (video !== "" ? sourceOfVideo(parse(video).name) : isVideo ? sourceOfVideo(stem) : stem);
  return {
    folder: dirname(path),
    name: basename(path),
    kind: {
      label,
      method: label === 0 ? "real" : method || "fake",
      against: label === 0 && method.toLowerCase() !== "real" ? method : "",
      split,
    },
    source,
    video,
  };
}
