// Frames of videos, by the system's ffmpeg.

import { FileError, FormatError, UnsupportedError } from "../errors.ts";
import type { Image } from "./image.ts";

/** One frame. */
export interface VideoFrame {
  /** Its picture. */
  readonly image: Image;
  /** Its number in the video, from 0. */
  readonly index: number;
  /** When it is shown, seconds from the beginning. */
  readonly seconds: number;
}

/** Options of {@linkcode framesOf}. */
export interface FrameOptions {
  /** How many evenly spaced frames; 32. A shorter video gives all it has. */
  readonly count?: number;
  /** Seconds that ffmpeg may take; 600. */
  readonly timeout?: number;
}

/** Frames up to which a video is decoded in one go; in longer ones each frame is sought by itself. */
const DECODED_WHOLE = 2000;

/** What ffprobe says of a video. */
interface VideoFacts {
  readonly frames: number;
  readonly duration: number;
}

/**
 * Takes evenly spaced frames of a video: the middles of `count` equal stretches.
 *
 * @throws {UnsupportedError} when ffmpeg is not installed; the message says how to.
 * @throws {FileError} when the file is not there.
 * @throws {FormatError} when it is no video, or is damaged, or ffmpeg takes too long.
 *
 * @example
 * ```ts
 * import { framesOf } from "@corit/corit/data";
 * import { assertRejects } from "@std/assert";
 * await assertRejects(() => framesOf("none.mp4"), Error, "none.mp4");
 * ```
 */
export async function framesOf(
  path: string,
  { count = 32, timeout = 600 }: FrameOptions = {},
): Promise<VideoFrame[]> {
  const stat = await Deno.stat(path).catch((cause) => {
    throw new FileError(`${path}: cannot be read (${cause.message})`, { cause });
  });
  if (!stat.isFile) throw new FileError(`${path}: expected a video file`);
  const facts = await probe(path, timeout);
  const wanted = Math.min(count, facts.frames);
  const indices = Array.from(
    { length: wanted },
    (_, i) => Math.floor((i + 0.5) * facts.frames / wanted),
  );
  const secondsOf = (index: number): number => index * facts.duration / facts.frames;
  const images = facts.frames <= DECODED_WHOLE
    ? await decodeChosen(path, indices, timeout)
    : await seekEach(path, indices.map(secondsOf), timeout);
  if (images.length === 0) {
    throw new FormatError(`${path}: no frame can be decoded; the video is damaged`);
  }
  // A video whose end is missing gives the frames before it.
  return images.map((image, i) => ({ image, index: indices[i], seconds: secondsOf(indices[i]) }));
}

/** Decodes the whole video and keeps some frames. */
async function decodeChosen(
  path: string,
  indices: readonly number[],
  timeout: number,
): Promise<Image[]> {
  const chosen = indices.map((index) => `eq(n\\,${index})`).join("+");
  // New time stamps, one a frame: else ffmpeg repeats frames to fill the gaps between them.
  const filter = `select=${chosen},setpts=N/FRAME_RATE/TB`;
  const { stdout } = await run("ffmpeg", [...input(path), "-vf", filter, ...output], path, timeout);
  return parsePixmaps(stdout);
}

/** Seeks each frame by its time. */
async function seekEach(
  path: string,
  times: readonly number[],
  timeout: number,
): Promise<Image[]> {
  const images: Image[] = [];
  for (const time of times) {
    const args = ["-ss", time.toFixed(3), ...input(path), "-frames:v", "1", ...output];
    const { stdout } = await run("ffmpeg", args, path, timeout);
    images.push(...parsePixmaps(stdout));
  }
  return images;
}

/** `file:` keeps a name with a colon or a dash in it from being taken for something else. */
function input(path: string): string[] {
  return ["-nostdin", "-v", "error", "-i", `file:${path}`];
}

/** Portable pixmaps, one after another: each says its size, which a rotated video's header does not. */
const output = ["-map", "0:v:0", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-"];

/** Counts a video's frames without decoding them. */
async function probe(path: string, timeout: number): Promise<VideoFacts> {
  const { stdout, stderr } = await run(
    "ffprobe",
    [
      "-v",
      "error",
      "-select_streams",
      "v:0",
      "-count_packets",
      "-show_entries",
      "stream=nb_read_packets,duration:format=duration",
      "-of",
      "json",
      `file:${path}`,
    ],
    path,
    timeout,
  );
  const { streams = [], format } = JSON.parse(new TextDecoder().decode(stdout) || "{}") as {
    streams?: { nb_read_packets?: string; duration?: string }[];
    format?: { duration?: string };
  };
  const frames = Number(streams[0]?.nb_read_packets ?? 0);
  if (!(frames > 0)) {
    throw new FormatError(`${path}: no video, or a damaged one${stderr ? ` (${stderr})` : ""}`);
  }
  const duration = Number(streams[0]?.duration ?? format?.duration);
  return { frames, duration: duration > 0 ? duration : frames / 25 };
}

async function run(
  program: "ffmpeg" | "ffprobe",
  args: readonly string[],
  path: string,
  timeout: number,
): Promise<{ stdout: Uint8Array; stderr: string }> {
  const signal = AbortSignal.timeout(1000 * timeout);
  let result: Deno.CommandOutput;
  try {
    result = await new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal,
    }).output();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new UnsupportedError(
      `${path}: videos are read by ffmpeg, which is not installed (no ${program} on the PATH); install ` +
        "it: apt-get install ffmpeg, brew install ffmpeg, winget install ffmpeg, or take frames as pictures",
      { cause },
    );
  }
  if (signal.aborted) {
    throw new FormatError(`${path}: ${program} did not finish within ${timeout} seconds`);
  }
  const text = new TextDecoder().decode(result.stderr).trim().split("\n")[0];
  // What a damaged video still gives is used; a program that fails without giving anything is not.
  if (!result.success && result.stdout.length === 0) {
    throw new FormatError(`${path}: ${program} cannot read it (${text})`);
  }
  return { stdout: result.stdout, stderr: text };
}

/** Cuts a stream of binary portable pixmaps (P6, 8 bits) into pictures; a last one that is cut off is left out. */
export function parsePixmaps(bytes: Uint8Array): Image[] {
  const images: Image[] = [];
  for (let at = 0; at < bytes.length;) {
    const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(
      String.fromCharCode(...bytes.subarray(at, at + 40)),
    );
    if (!header) break;
    const [text, width, height] = [header[0], Number(header[1]), Number(header[2])];
    const begin = at + text.length, end = begin + width * height * 3;
    if (end > bytes.length) break;
    images.push({ width, height, data: bytes.slice(begin, end) });
    at = end;
  }
  return images;
}
