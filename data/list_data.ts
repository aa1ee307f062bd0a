// Listing a data set: which layout it has, and every picture and video in it.

import { basename, join, parse } from "node:path";
import { ConfigError, DataError } from "../errors.ts";
import { celebDf } from "./layouts/celeb_df.ts";
import { readDeepfakeBench } from "./layouts/deepfake_bench.ts";
import { df40 } from "./layouts/df40.ts";
import { faceForensics } from "./layouts/face_forensics.ts";
import { genImage } from "./layouts/gen_image.ts";
import type { FolderMeaning, FoundLayout, Layout, LayoutOptions } from "./layouts/layout.ts";
import { isManifest, manifestEntries } from "./layouts/manifest.ts";
import { realFake } from "./layouts/real_fake.ts";
import { shapeOfFolder } from "./layouts/shape.ts";
import { otherSourceOfVideo, sourceOfVideo } from "./layouts/sources.ts";
import { universalFakeDetect } from "./layouts/universal_fake_detect.ts";
import {
  PICTURE_ENDING,
  type PictureEntry,
  type PictureList,
  VIDEO_ENDING,
} from "./picture_list.ts";
import { PictureListBuilder } from "./picture_list_builder.ts";
import type { DataProblem } from "./problem.ts";
import { settleVideos } from "./settle_videos.ts";
import { walkFiles } from "./walk.ts";

/** The layouts of folders, the telling ones first. */
export const layouts: readonly Layout[] = [
  faceForensics,
  celebDf,
  genImage,
  universalFakeDetect,
  df40,
  realFake,
];

/** Options of {@linkcode listData}. */
export interface ListOptions extends Partial<LayoutOptions> {
  /** Frames of each video that are taken, evenly spaced; 32, as DeepfakeBench does. */
  readonly framesPerVideo?: number;
  /** Whether folders of numbered frames are videos where the layout does not say: auto, always or never; auto. */
  readonly videos?: "auto" | "folders" | "none";
  /** Told how many files were found, now and then. */
  readonly onProgress?: (found: number) => void;
}

/** What was found at a path. */
export interface ListedData {
  /** Name of the layout. */
  readonly layout: string;
  /** How it was read. */
  readonly notes: readonly string[];
  /** Every picture, ordered by path. */
  readonly list: PictureList;
  /** What could not be read, and what was passed over. */
  readonly problems: readonly DataProblem[];
  /** Files that are no pictures or lie outside the layout, by ending. */
  readonly ignored: Readonly<Record<string, number>>;
}

/**
 * Finds out the layout of a data set and lists it, in some forty bytes of memory a file.
 *
 * @param path A folder, a manifest (CSV, TSV or JSONL) or one of DeepfakeBench's JSON files.
 * @throws {DataError} when there is nothing, no layout is recognized, or a class has no pictures.
 * @throws {FormatError} when a manifest or a list of splits is not of its form.
 *
 * @example
 * ```ts
 * import { listData } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * const folder = await Deno.makeTempDir();
 * for (const name of ["biggan/0_real", "biggan/1_fake"]) {
 *   await Deno.mkdir(`${folder}/${name}`, { recursive: true });
 *   await Deno.writeFile(`${folder}/${name}/1.png`, new Uint8Array());
 * }
 * const { layout, list } = await listData(folder);
 * assertEquals([layout, ...list.methods], ["UniversalFakeDetect", "biggan"]);
 * ```
 */
export async function listData(path: string, options: ListOptions = {}): Promise<ListedData> {
  const builder = new PictureListBuilder();
  const problems: DataProblem[] = [];
  const ignored: Record<string, number> = {};
  const collect = (entry: PictureEntry): void => {
    builder.add(entry);
    const other = otherSourceOfVideo(parse(entry.video || entry.name).name);
    if (other !== undefined) builder.join(entry.source, other);
    if (builder.count % 1000 === 0) options.onProgress?.(builder.count);
  };
  const found = await fill(path, options, { collect, problems, ignored });
  options.onProgress?.(builder.count);
  const settled = settleVideos(builder.finish(), found.perhapsVideos, options);
  checkClasses(path, settled.list, found.missingReal);
  const notes = [...found.notes, ...settled.notes];
  return { layout: found.layout, notes, list: settled.list, problems, ignored };
}

/** Where entries and what else is found go. */
interface Sink {
  readonly collect: (entry: PictureEntry) => void;
  readonly problems: DataProblem[];
  readonly ignored: Record<string, number>;
}

/** What is known beside the entries. */
interface Found {
  readonly layout: string;
  readonly notes: readonly string[];
  readonly missingReal?: string;
  /** Folders that may be videos, to be told from their files' names. */
  readonly perhapsVideos: ReadonlySet<string>;
}

async function fill(path: string, options: ListOptions, sink: Sink): Promise<Found> {
  const { compression = "" } = options;
  const stat = await Deno.stat(path).catch(() => undefined);
  if (stat === undefined) {
    throw new DataError(
      `${path}: no such folder or file; --data takes a folder with pictures, a manifest or a ` +
        "DeepfakeBench JSON file",
    );
  }
  if (stat.isFile && isManifest(path)) return await fillFromManifest(path, sink);
  if (stat.isFile && /\.json$/i.test(path)) {
    const { entries, notes } = await readDeepfakeBench(path, { compression });
    for (const entry of entries) sink.collect(entry);
    return { layout: "DeepfakeBench JSON", notes, perhapsVideos: new Set() };
  }
  if (stat.isFile) {
    throw new DataError(
      `${path}: expected a folder, a manifest (.csv, .tsv, .jsonl) or a DeepfakeBench .json file`,
    );
  }
  const shape = await shapeOfFolder(path);
  const manifest = shape.files.find((name) => /^(manifest|metadata)\.(csv|tsv|jsonl)$/i.test(name));
  if (manifest) return await fillFromManifest(join(path, manifest), sink);
  for (const layout of layouts) {
    const found = await layout.find(shape, { compression });
    if (!found) continue;
    if (compression !== "" && layout !== faceForensics) {
      throw new ConfigError(
        `compression "${compression}" is FaceForensics++'s, but ${path} has the layout of ${layout.name}`,
      );
    }
    const perhapsVideos = await fillFromFolder(path, found, sink);
    const { notes, missingReal } = found;
    return { layout: layout.name, notes, perhapsVideos, ...(missingReal ? { missingReal } : {}) };
  }
  const seen = (shape.children.get("") ?? []).slice(0, 8).join(", ");
  throw new DataError(
    `${path}: none of the layouts that are known; it holds ${
      seen ? `the folders ${seen}` : "no folders"
    }. Known are ${
      layouts.map(({ name, looksLike }) => `${name} (${looksLike})`).join("; ")
    }; a manifest.csv or manifest.jsonl with path and label; DeepfakeBench's JSON files`,
  );
}

async function fillFromManifest(path: string, { collect }: Sink): Promise<Found> {
  for await (const entry of manifestEntries(path)) collect(entry);
  return { layout: "manifest", notes: [basename(path)], perhapsVideos: new Set() };
}

/** Lists a folder; gives the folders that may be videos. */
async function fillFromFolder(
  path: string,
  { meaningOf }: FoundLayout,
  { collect, problems, ignored }: Sink,
): Promise<Set<string>> {
  const perhapsVideos = new Set<string>();
  let folder: string | undefined;
  let meaning: FolderMeaning | undefined;
  for await (const file of walkFiles(path, (problem) => problems.push(problem))) {
    if (file.folder !== folder) {
      folder = file.folder;
      meaning = meaningOf(file.parts);
      if (meaning?.frames === "perhaps") perhapsVideos.add(folder);
    }
    const isVideo = VIDEO_ENDING.test(file.name);
    if (meaning === undefined || !(isVideo || PICTURE_ENDING.test(file.name))) {
      const ending = /\.\w{1,8}$/.exec(file.name)?.[0].toLowerCase() ?? "without ending";
      ignored[ending] = (ignored[ending] ?? 0) + 1;
      continue;
    }
    collect(entryOf(file.folder, file.name, meaning, isVideo));
  }
  return perhapsVideos;
}

function entryOf(
  folder: string,
  name: string,
  meaning: FolderMeaning,
  isVideo: boolean,
): PictureEntry {
  const { label, method, against = "", frames } = meaning;
  const stem = parse(name).name;
  const inVideo = !isVideo && frames === "yes";
  const videoName = isVideo ? stem : basename(folder);
  return {
    folder,
    name,
    kind: { label, method, against, split: meaning.splitOfVideo?.(videoName) ?? meaning.split },
    source: isVideo || inVideo ? sourceOfVideo(videoName) : stem,
    video: inVideo ? folder : "",
  };
}

/** @throws {DataError} when a class has no pictures. */
function checkClasses(path: string, list: PictureList, missingReal: string | undefined): void {
  const labels = new Set(Array.from(list.kinds, (kind) => list.kindTable[kind].label));
  for (const [label, name] of [[0, "real"], [1, "forged"]] as const) {
    if (labels.has(label)) continue;
    throw new DataError(
      `${path}: expected real and forged pictures (JPEG, PNG, WebP, GIF, TIFF, AVIF) or videos, but ` +
        `found no ${name} ones${label === 0 && missingReal ? `; ${missingReal}` : ""}`,
    );
  }
}
