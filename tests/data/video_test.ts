// Frames of videos: evenly spaced, in order, by ffmpeg; its absence, damage and what is no video are said.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { openData, readData } from "../../data/read_data.ts";
import { framesOf, parsePixmaps } from "../../data/video.ts";
import { FileError, FormatError, UnsupportedError } from "../../errors.ts";
import { inFolder } from "../end_to_end/command.ts";

const ffmpeg = await new Deno.Command("ffmpeg", {
  args: ["-version"],
  stdout: "null",
  stderr: "null",
})
  .output().then(({ success }) => success, () => false);
if (!ffmpeg) console.warn("ffmpeg is not installed: the tests of real videos are SKIPPED");

/** Writes a video of 40 frames, 64 x 48, whose grey level is six times the frame's number, or with noise over it. */
async function write(path: string, noise = false): Promise<void> {
  const { success, stderr } = await new Deno.Command("ffmpeg", {
    args: [
      ..."-v error -y -f lavfi -i color=black:size=64x48:rate=20:duration=2".split(" "),
      "-vf",
      `format=gray,geq=lum='6*N'${noise ? ",noise=alls=60:allf=t" : ""}`,
      ..."-frames:v 40 -c:v mpeg4 -q:v 1 -g 12 -pix_fmt yuv420p".split(" "),
      path,
    ],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** The middle pixel's level. */
function level(
  { width, height, data }: { width: number; height: number; data: Uint8Array },
): number {
  return data[3 * (width * (height >> 1) + (width >> 1))];
}

Deno.test("portable pixmaps are cut apart, a last one that is cut off is left out", () => {
  const one = (bytes: number[]) => [...new TextEncoder().encode("P6\n2 1\n255\n"), ...bytes];
  const stream = Uint8Array.from([
    ...one([1, 2, 3, 4, 5, 6]),
    ...one([80, 54, 10, 9, 9, 9]),
    ...one([1]),
  ]);
  const images = parsePixmaps(stream);
  assertEquals(images.map(({ data }) => [...data]), [[1, 2, 3, 4, 5, 6], [80, 54, 10, 9, 9, 9]]);
});

Deno.test("a file that is not there and one that is no file are refused before ffmpeg is asked", () =>
  inFolder(async (folder) => {
    await assertRejects(() => framesOf(join(folder, "none.mp4")), FileError, "none.mp4");
    await assertRejects(() => framesOf(folder), FileError, "expected a video file");
  }));

Deno.test("without ffmpeg the message says how to install it", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.mp4");
    await Deno.writeFile(path, new Uint8Array(10));
    const search = Deno.env.get("PATH")!;
    Deno.env.set("PATH", folder);
    try {
      await assertRejects(() => framesOf(path), UnsupportedError, "apt-get install ffmpeg");
    } finally {
      Deno.env.set("PATH", search);
    }
  }));

Deno.test({
  name: "evenly spaced frames come in order, with number and time; a short video gives all",
  ignore: !ffmpeg,
  fn: () =>
    inFolder(async (folder) => {
      const path = join(folder, "a clip: ü.mp4");
      await write(path);
      const frames = await framesOf(path, { count: 4 });
      assertEquals(frames.map(({ index }) => index), [5, 15, 25, 35]);
      frames.forEach(({ image, index, seconds }) => {
        assertEquals([image.width, image.height], [64, 48]);
        assert(Math.abs(seconds - index / 20) < 0.01);
      });
      // Limited range and rounding scale the levels, evenly.
      const levels = frames.map(({ image }) => level(image));
      const step = levels[1] - levels[0];
      assert(step > 50 && step < 80, String(levels));
      levels.forEach((value, i) =>
        assert(Math.abs(value - levels[0] - i * step) <= 4, String(levels))
      );
      assertEquals((await framesOf(path, { count: 100 })).length, 40);
    }),
});

Deno.test({
  name: "a damaged video gives what it has, or an error that names it",
  ignore: !ffmpeg,
  fn: () =>
    inFolder(async (folder) => {
      const path = join(folder, "a.avi");
      await write(path, true);
      const bytes = await Deno.readFile(path);
      await Deno.writeFile(path, bytes.subarray(0, bytes.length / 2));
      assert((await framesOf(path, { count: 4 })).length > 0);
      for (const size of [0, 100]) {
        await Deno.writeFile(path, new Uint8Array(size));
        await assertRejects(() => framesOf(path), FormatError, "a.avi");
      }
    }),
});

Deno.test({
  name: "a data set of videos becomes crops that say which video they are of",
  ignore: !ffmpeg,
  fn: () =>
    inFolder(async (folder) => {
      const cache = Deno.env.get("CORIT_CACHE");
      Deno.env.set("CORIT_CACHE", join(folder, "cache"));
      try {
        await write(join(folder, "base.mp4"));
        for (const top of ["real", "fake/swap"]) {
          await Deno.mkdir(join(folder, "data", top), { recursive: true });
          for (let i = 0; i < 6; i++) {
            await Deno.copyFile(
              join(folder, "base.mp4"),
              join(folder, "data", top, `${top[0]}${i}.mp4`),
            );
          }
        }
        const data = await openData(join(folder, "data"), { framesPerVideo: 2, splitSeed: 3 });
        const { train, validation, test } = await readData(data, { size: 16, needed: [] });
        const sets = [train, validation, test];
        assertEquals(sets.reduce((sum, { count }) => sum + count, 0), 24);
        const videos = sets.map((set) =>
          new Set(Array.from({ length: set.count }, (_, row) => set.video(row)))
        );
        assertEquals(videos.reduce((sum, { size }) => sum + size, 0), 12);
        assert([...videos[0]].every((path) => path.endsWith(".mp4")));
      } finally {
        if (cache === undefined) Deno.env.delete("CORIT_CACHE");
        else Deno.env.set("CORIT_CACHE", cache);
      }
    }),
});
