// DeepfakeBench's dataset_json files: data set, label, split, compression, video, frames.

import { basename, dirname, join } from "node:path";
import { ConfigError, DataError, FileError, FormatError } from "../../errors.ts";
import type { PictureEntry, PictureKind, SplitName } from "../picture_list.ts";
import { splitNamed } from "./layout.ts";
import { sourceOfVideo } from "./sources.ts";

/** The compressions that FaceForensics++'s files have a level for. */
const COMPRESSIONS = ["c23", "raw", "c40"];

/** One video as the file has it. */
interface BenchVideo {
  readonly label: string;
  readonly frames: readonly string[];
}

/** An object of unknown fields. */
type Fields = Readonly<Record<string, unknown>>;

/** What is in a file, and how it was read. */
export interface BenchContent {
  /** The frames. */
  readonly entries: Iterable<PictureEntry>;
  /** What is to be told. */
  readonly notes: readonly string[];
}

/**
 * Reads one of DeepfakeBench's JSON files; frames are looked for from the file's folder upwards, and below `datasets`,
 * `datasets/rgb`, `rgb`.
 *
 * A label with "real" in its name is real; the others are the methods. A video that the file puts into several splits is
 * left for `settleSplits`.
 * @throws {FileError} when the file cannot be read.
 * @throws {FormatError} when it is not of that form.
 * @throws {DataError} when its frames are nowhere to be found.
 */
export async function readDeepfakeBench(
  path: string,
  { compression: asked }: { readonly compression: string },
): Promise<BenchContent> {
  const content = fieldsOf(await readJson(path), path);
  const notes: string[] = [];
  const videos: { kind: PictureKind; name: string; frames: readonly string[] }[] = [];
  for (const [dataSet, labels] of Object.entries(content)) {
    for (const [label, splits] of Object.entries(fieldsOf(labels, `${path}: ${dataSet}`))) {
      const where = `${path}: ${dataSet}/${label}`;
      for (const [word, inside] of Object.entries(fieldsOf(splits, where))) {
        const split = splitNamed(word);
        if (split === undefined) {
          throw new FormatError(`${where}: expected train, val or test, but found "${word}"`);
        }
        for (const [name, video] of videosOf(fieldsOf(inside, where), where, asked, notes)) {
          videos.push({
            kind: kindOf(video.label, dataSet, split),
            name,
            frames: video.frames.map((frame) => frame.replaceAll("\\", "/")),
          });
        }
      }
    }
  }
  const first = videos.find(({ frames }) => frames.length > 0)?.frames[0];
  if (first === undefined) throw new DataError(`${path}: it lists no frames`);
  const root = await rootOf(path, first);
  return { entries: entriesOf(videos, root), notes: [...new Set(notes)] };
}

function* entriesOf(
  videos: readonly { kind: PictureKind; name: string; frames: readonly string[] }[],
  root: string,
): Generator<PictureEntry> {
  for (const { kind, name, frames } of videos) {
    for (const frame of frames) {
      const path = frame.startsWith("/") && root === "" ? frame : join(root, frame);
      const folder = dirname(path);
      yield { folder, name: basename(path), kind, source: sourceOfVideo(name), video: folder };
    }
  }
}

function kindOf(label: string, dataSet: string, split: SplitName): PictureKind {
  if (/real/i.test(label)) return { label: 0, method: "real", against: "", split };
  // DF40 calls its labels simswap_Fake, one file each; DFDC_Fake says no more than its data set.
  const method = label.replace(/_fake$/i, "");
  return { label: 1, method: method === "" ? dataSet : method, against: "", split };
}

/** The videos of one split: directly, or below a compression. */
function* videosOf(
  inside: Fields,
  where: string,
  asked: string,
  notes: string[],
): Generator<[name: string, video: BenchVideo]> {
  const names = Object.keys(inside);
  const compressions = COMPRESSIONS.filter((name) => names.includes(name));
  if (compressions.length > 0 && names.every((name) => COMPRESSIONS.includes(name))) {
    const chosen = asked || compressions[0];
    if (!compressions.includes(chosen)) {
      throw new ConfigError(
        `${where}: there is no compression "${chosen}", only ${compressions.join(", ")}`,
      );
    }
    notes.push(`compression ${chosen} of ${compressions.join(", ")}`);
    yield* videosOf(fieldsOf(inside[chosen], where), where, "", notes);
    return;
  }
  for (const [name, video] of Object.entries(inside)) {
    const { label, frames } = fieldsOf(video, `${where}/${name}`);
    const listed = Array.isArray(frames) && frames.every((frame) => typeof frame === "string");
    if (typeof label !== "string" || !listed) {
      throw new FormatError(
        `${where}/${name}: expected {"label": ..., "frames": [...]} as DeepfakeBench writes it`,
      );
    }
    yield [name, { label, frames }];
  }
}

/** The folder that the frames' paths begin in; "" where they are absolute and there. */
async function rootOf(path: string, frame: string): Promise<string> {
  const exists = (candidate: string) => Deno.stat(candidate).then(() => true, () => false);
  if (frame.startsWith("/") && await exists(frame)) return "";
  const tried: string[] = [];
  const beginning = dirname(path);
  for (const above of ["", "..", "../..", "../../.."]) {
    for (const below of ["", "datasets", "datasets/rgb", "rgb"]) {
      const root = join(beginning, above, below);
      if (await exists(join(root, frame))) return root;
      tried.push(root);
    }
  }
  throw new DataError(
    `${path}: its frames are not there: looked for ${frame} in ${tried[0]} and the folders above ` +
      "it, and in datasets/ and rgb/ below those; put the file beside the data",
  );
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new FileError(`${path}: cannot be read`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path}: not JSON`, { cause });
  }
}

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new FormatError(
    `${where}: expected DeepfakeBench's levels: data set, label, split, video, frames`,
  );
}
