// What `detect` is given: pictures, videos, folders of them, and standard input, as a list of things to look at.

import { join } from "node:path";
import { PICTURE_ENDING, VIDEO_ENDING } from "../data/picture_list.ts";
import { ConfigError, DataError } from "../errors.ts";
import { fileError } from "../training/files.ts";

/** One thing to look at. */
export interface DetectInput {
  /** What to call it: its path, or `standard input`. */
  readonly name: string;
  /** Whether it is a video. */
  readonly video: boolean;
  /** Its bytes, where they came through standard input. */
  readonly bytes?: Uint8Array;
}

/** How picture files begin: JPEG, PNG, GIF, RIFF (WebP), TIFF both ways. */
const pictureStarts = ["ffd8ff", "89504e47", "47494638", "52494646", "49492a00", "4d4d002a"];

/** Whether bytes are a picture's; AVIF has its brand after four bytes of length. */
function isPicture(bytes: Uint8Array): boolean {
  const start = bytes.subarray(0, 12).toHex();
  return pictureStarts.some((each) => start.startsWith(each)) || start.slice(8, 16) === "66747970";
}

/** Pictures and videos below a folder, by path; links are not followed, so that no loop is entered. */
async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (path: string): Promise<void> => {
    let entries: Deno.DirEntry[];
    try {
      entries = await Array.fromAsync(Deno.readDir(path));
    } catch (error) {
      throw fileError("read", path, error);
    }
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { name, isDirectory, isFile } of entries) {
      const inside = join(path, name);
      if (isDirectory) await walk(inside);
      else if (isFile && (PICTURE_ENDING.test(name) || VIDEO_ENDING.test(name))) found.push(inside);
    }
  };
  await walk(folder);
  if (found.length === 0) {
    throw new DataError(`${folder}: there are no pictures and no videos in this folder`);
  }
  return found;
}

/** A picture's bytes, or paths line by line. */
async function standardInput(): Promise<readonly (string | DetectInput)[]> {
  const bytes = new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
  if (isPicture(bytes)) return [{ name: "standard input", video: false, bytes }];
  const paths = new TextDecoder().decode(bytes).split("\n").map((line) => line.trim())
    .filter(Boolean);
  if (paths.length > 0 && !paths.some((path) => path.includes("\0"))) return paths;
  throw new DataError(
    "standard input: expected a picture, or paths line by line, but found " +
      (bytes.length === 0 ? "nothing" : `${bytes.length} bytes of something else`),
  );
}

/**
 * Expands what stands on the command line.
 *
 * @throws {DataError} A folder is empty of pictures, or standard input is neither a picture nor a list of paths.
 * @throws {ConfigError} Standard input is named twice.
 */
export async function detectInputs(names: readonly string[]): Promise<DetectInput[]> {
  if (names.filter((name) => name === "-").length > 1) {
    throw new ConfigError("detect: standard input (-) is named twice; it can be read once");
  }
  const given: (string | DetectInput)[] = [];
  for (const name of names) given.push(...name === "-" ? await standardInput() : [name]);
  const inputs: DetectInput[] = [];
  for (const each of given) {
    if (typeof each !== "string") {
      inputs.push(each);
      continue;
    }
    // What does not exist is told when it is looked at, so that the others are looked at all the same.
    const isFolder = await Deno.stat(each).then((stat) => stat.isDirectory, () => false);
    const paths = isFolder ? await filesBelow(each) : [each];
    inputs.push(...paths.map((name) => ({ name, video: VIDEO_ENDING.test(name) })));
  }
  return inputs;
}
