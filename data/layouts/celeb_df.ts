// Celeb-DF's layout (v1 and v2), as it is downloaded and as DeepfakeBench prepares it.

import { join } from "node:path";
import { foldersOf, type FoundLayout, isContainer, type Layout } from "./layout.ts";

const LABELS: Readonly<Record<string, 0 | 1>> = {
  "Celeb-real": 0,
  "YouTube-real": 0,
  "Celeb-synthesis": 1,
};

/** The list of what is tested on: a line `1 YouTube-real/00170.mp4` a video. */
const TEST_LIST = "List_of_testing_videos.txt";

/** `Celeb-real/`, `YouTube-real/`, `Celeb-synthesis/` with videos in them, or `frames/VIDEO/`. */
export const celebDf: Layout = {
  name: "Celeb-DF",
  looksLike: "Celeb-real, YouTube-real and Celeb-synthesis, with videos or frames/VIDEO",
  find: async (shape) => {
    const found = foldersOf(shape).filter((parts) => parts.at(-1)! in LABELS);
    if (found.length === 0) return undefined;
    const level = Math.min(...found.map((parts) => parts.length - 1));
    const above = found.find((parts) => parts.length - 1 === level)!.slice(0, -1);
    const hasFrames = foldersOf(shape).some((parts) =>
      parts[level] in LABELS && parts[level + 1] === "frames"
    );
    const tested = await readTestList(join(shape.root, ...above, TEST_LIST));
    return {
      notes: [
        tested
          ? `${tested.size} videos of ${TEST_LIST} are tested on; validation is split off by seed`
          : `no ${TEST_LIST}: split by seed`,
      ],
      meaningOf: (whole) => {
        const [top, ...rest] = whole.slice(level);
        const label = LABELS[top];
        if (label === undefined || (hasFrames && rest[0] !== "frames")) return undefined;
        const below = rest.filter((name, at) => at > 0 || !isContainer(name));
        return {
          label,
          method: label === 0 ? "real" : "Celeb-synthesis",
          ...(tested
            ? { splitOfVideo: (name) => tested.has(`${top}/${name}`) ? "test" : "train" }
            : {}),
          frames: below.length > 0 ? "yes" : "no",
        };
      },
    } satisfies FoundLayout;
  },
};

/** The tested videos as `Celeb-real/id0_0000`, or undefined where there is no list. */
async function readTestList(path: string): Promise<Set<string> | undefined> {
  const text = await Deno.readTextFile(path).catch(() => undefined);
  if (text === undefined) return undefined;
  const videos = text.split(/\r?\n/).map((line) => /^\s*[01]\s+(.+?)\.\w+\s*$/.exec(line)?.[1]);
  return new Set(videos.filter((video) => video !== undefined));
}
