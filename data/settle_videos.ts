// After listing: which folders are videos, how many frames of each are taken, and no picture in two splits.

import { basename } from "node:path";
import { sourceOfVideo } from "./layouts/sources.ts";
import { PictureList, type SplitName, textKey } from "./picture_list.ts";

/** More numbered pictures than this in a folder are a collection, no video. */
const MOST_FRAMES = 2000;

/** Names of frames: `0001`, `frame_12`, `img-7`. */
const FRAME_NAME = /^(?:frame|img|image|f)?[-_ ]?\d+\.\w+$/i;

/** What is asked. */
interface SettleOptions {
  readonly framesPerVideo?: number;
  readonly videos?: "auto" | "folders" | "none";
}

/** What it came to. */
interface Settled {
  readonly list: PictureList;
  readonly notes: readonly string[];
}

/**
 * Decides on videos, takes evenly spaced frames of each, and drops a picture's copies in other splits.
 *
 * @param perhaps Folders that may be videos.
 */
export function settleVideos(
  list: PictureList,
  perhaps: ReadonlySet<string>,
  { framesPerVideo = 32, videos = "auto" }: SettleOptions,
): Settled {
  const notes: string[] = [];
  let settled = withFolderVideos(list, perhaps, videos);
  const once = onlyOneSplit(settled);
  if (once.dropped > 0) {
    notes.push(
      `${once.dropped} entries of pictures that are in several splits were dropped: a tested one is not trained on`,
    );
  }
  settled = once.list;
  const thinned = thin(settled, framesPerVideo);
  if (thinned.count < settled.count) {
    notes.push(
      `at most ${framesPerVideo} evenly spaced frames of a video: ${thinned.count} of ${settled.count}`,
    );
  }
  return { list: thinned, notes };
}

/** Makes videos of folders that look like it: few files, all numbered. */
function withFolderVideos(
  list: PictureList,
  perhaps: ReadonlySet<string>,
  mode: "auto" | "folders" | "none",
): PictureList {
  const { folderPaths, folders } = list;
  if (mode === "none" || perhaps.size === 0) return list;
  const counts = new Int32Array(folderPaths.length);
  const numbered = new Uint8Array(folderPaths.length).fill(1);
  const candidate = Uint8Array.from(folderPaths, (path) => perhaps.has(path) ? 1 : 0);
  for (let row = 0; row < list.count; row++) {
    const folder = folders[row];
    counts[folder]++;
    if (candidate[folder] && numbered[folder] && mode === "auto") {
      if (counts[folder] > MOST_FRAMES || !FRAME_NAME.test(list.name(row))) numbered[folder] = 0;
    }
  }
  const videoPaths = [...list.videoPaths];
  const videoOf = new Int32Array(folderPaths.length).fill(-1);
  const keyOf = new Float64Array(folderPaths.length);
  folderPaths.forEach((path, folder) => {
    if (!candidate[folder] || (mode === "auto" && (!numbered[folder] || counts[folder] < 2))) {
      return;
    }
    videoOf[folder] = videoPaths.push(path) - 1;
    keyOf[folder] = textKey(sourceOfVideo(basename(path)));
  });
  const videos = list.videos.slice(), sources = list.sources.slice();
  for (let row = 0; row < list.count; row++) {
    if (videoOf[folders[row]] < 0) continue;
    videos[row] = videoOf[folders[row]];
    sources[row] = keyOf[folders[row]];
  }
  return new PictureList({ ...list, videos, sources, videoPaths });
}

/** Which of two splits keeps a picture. */
const precedence: readonly (SplitName | undefined)[] = ["test", "validation", "train", undefined];

/** Drops the entries of a file that a better split has, and repeated ones. */
function onlyOneSplit(list: PictureList): { list: PictureList; dropped: number } {
  const rank = list.kindTable.map(({ split }) => precedence.indexOf(split));
  const keep = new Int32Array(list.count);
  let kept = 0;
  for (let row = 0; row < list.count;) {
    // The list is ordered by path: copies stand side by side.
    let end = row + 1, best = row;
    while (end < list.count && samePath(list, row, end)) {
      if (rank[list.kinds[end]] < rank[list.kinds[best]]) best = end;
      end++;
    }
    keep[kept++] = best;
    row = end;
  }
  if (kept === list.count) return { list, dropped: 0 };
  const chosen = keep.subarray(0, kept);
  // All of it in the test set, as DeepFakeDetection is listed: its splits say nothing.
  const splits = new Set(Array.from(chosen, (row) => list.kind(row).split));
  const base = splits.has("train") || !list.kindTable.some(({ split }) => split === "train")
    ? list
    : new PictureList({
      ...list,
      kindTable: list.kindTable.map((kind) => ({ ...kind, split: undefined })),
    });
  return { list: base.select(chosen), dropped: list.count - kept };
}

function samePath({ folders, names: { bytes, starts } }: PictureList, a: number, b: number) {
  const length = starts[a + 1] - starts[a];
  if (folders[a] !== folders[b] || starts[b + 1] - starts[b] !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[starts[a] + i] !== bytes[starts[b] + i]) return false;
  return true;
}

/** At most so many frames of each video, evenly spaced. */
function thin(list: PictureList, most: number): PictureList {
  const counts = new Int32Array(list.videoPaths.length);
  for (const video of list.videos) if (video >= 0) counts[video]++;
  if (counts.every((count) => count <= most)) return list;
  const seen = new Int32Array(counts.length);
  const keep: number[] = [];
  for (let row = 0; row < list.count; row++) {
    const video = list.videos[row];
    if (video < 0 || counts[video] <= most) {
      keep.push(row);
      continue;
    }
    // A frame is taken whenever its share of the video passes another whole number: `most` in all.
    const at = seen[video]++;
    const passed = (frames: number): number => Math.floor(frames * most / counts[video]);
    if (passed(at + 1) > passed(at)) keep.push(row);
  }
  return list.select(keep);
}
