// Videos of a data set as crops of their frames, kept in the cache: a video is decoded once.

import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { CoritError, UnsupportedError } from "../errors.ts";
import { cacheFolder, temporaryBeside } from "./cache.ts";
import { encodePng } from "./image.ts";
import { inLanes } from "./lanes.ts";
import { type PictureList, VIDEO_ENDING } from "./picture_list.ts";
import { PictureListBuilder } from "./picture_list_builder.ts";
import type { DataProblem } from "./problem.ts";
import { squared } from "./square.ts";
import { framesOf } from "./video.ts";

/**
 * Replaces each video of a list by evenly spaced frames, squares of `size` pixels in the cache folder.
 *
 * @throws {UnsupportedError} when there are videos and ffmpeg is not installed.
 */
export async function expandVideos(
  list: PictureList,
  count: number,
  size: number,
  problems: DataProblem[],
  onProgress?: (progress: { what: string; done: number; total: number }) => void,
): Promise<PictureList> {
  const videos: number[] = [];
  for (let row = 0; row < list.count; row++) {
    if (VIDEO_ENDING.test(list.name(row))) videos.push(row);
  }
  if (videos.length === 0) return list;
  const frames = new Map<number, readonly string[]>();
  let done = 0;
  await inLanes(videos.length, 2, async (i) => {
    const path = list.path(videos[i]);
    try {
      frames.set(videos[i], await cropsOf(path, count, size));
    } catch (error) {
      if (!(error instanceof CoritError) || error instanceof UnsupportedError) throw error;
      problems.push({ path, what: error.message.replace(`${path}: `, ""), loses: true });
    }
    onProgress?.({ what: "taking frames of videos", done: ++done, total: videos.length });
  });
  return withFrames(list, frames);
}

/** The paths of a video's crops; made where they are not there yet. */
async function cropsOf(path: string, count: number, size: number): Promise<string[]> {
  const { size: bytes, mtime } = await Deno.stat(path);
  const key = createHash("sha256")
    .update(JSON.stringify([await Deno.realPath(path), bytes, mtime?.getTime(), count, size]))
    .digest("hex").slice(0, 24);
  const folder = join(cacheFolder(), "frames", key);
  const listed = await namesIn(folder);
  if (listed.length > 0) return listed;
  const frames = await framesOf(path, { count });
  const unfinished = temporaryBeside(folder);
  await Deno.mkdir(unfinished, { recursive: true });
  for (const { image, index } of frames) {
    const name = `${String(index).padStart(6, "0")}.png`;
    await Deno.writeFile(join(unfinished, name), await encodePng(squared(image, size)));
  }
  // Another process may have been faster; its folder is as good.
  await Deno.rename(unfinished, folder).catch(() => Deno.remove(unfinished, { recursive: true }));
  return await namesIn(folder);
}

async function namesIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) paths.push(join(folder, name));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return paths.sort();
}

/** The list with frames in place of videos; a video without frames is left out. */
function withFrames(
  list: PictureList,
  frames: ReadonlyMap<number, readonly string[]>,
): PictureList {
  const builder = new PictureListBuilder();
  for (let row = 0; row < list.count; row++) {
    const kind = list.kind(row), path = list.path(row);
    if (!VIDEO_ENDING.test(path)) {
      const [folder, name] = [dirname(path), basename(path)];
      builder.add({ folder, name, kind, source: "", video: list.video(row) }, list.sources[row]);
      continue;
    }
    for (const frame of frames.get(row) ?? []) {
      const [folder, name] = [dirname(frame), basename(frame)];
      builder.add({ folder, name, kind, source: "", video: path }, list.sources[row]);
    }
  }
  return builder.finish();
}
