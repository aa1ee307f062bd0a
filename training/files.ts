/**
 * Files and folders that are there as a whole or not at all, whenever the process ends.
 *
 * What is new is written under another name beside its place, synced to the disk, and renamed.
 *
 * @module
 */

import { dirname } from "node:path";
import { FileError, FormatError } from "../errors.ts";

/** What the name of everything that is still being written ends in. */
const unfinished = ".unfinished";

/**
 * Writes a file so that its old or its new contents are there at every moment, and new ones last.
 *
 * @throws {FileError} where the disk is full or the place cannot be written; the old contents stay.
 *
 * @example
 * ```ts
 * import { writeFileAtomically } from "@corit/corit/training";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await writeFileAtomically(`${folder}/config.json`, `{ "seed": 0 }\n`);
 * assertEquals(await Deno.readTextFile(`${folder}/config.json`), `{ "seed": 0 }\n`);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeFileAtomically(
  path: string,
  contents: Uint8Array | string,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
    using file = await Deno.open(temporary, { write: true, createNew: true });
    await writeAll(file, bytes);
    await file.sync();
  } catch (error) {
    await removeQuietly(temporary);
    throw fileError("write", path, error);
  }
  await putInPlace(temporary, path);
}

/**
 * Writes a folder with all its files, so that it appears complete and lasting, or not at all.
 *
 * A folder that is there already is never replaced: no operating system can do that in one step.
 *
 * @param path Where the folder shall stand.
 * @param write Fills the temporary folder whose path it is given.
 * @throws {FileError} where the folder exists, the disk is full or the place cannot be written;
 * nothing is left behind.
 *
 * @example
 * ```ts
 * import { writeFolderAtomically } from "@corit/corit/training";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * await writeFolderAtomically(`${folder}/step-100`, async (temporary) => {
 *   await Deno.writeTextFile(`${temporary}/state.json`, "{}");
 * });
 * assertEquals(await Deno.readTextFile(`${folder}/step-100/state.json`), "{}");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeFolderAtomically(
  path: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    if (await exists(path)) throw new FileError(`cannot write ${path}: it is there already`);
    await Deno.mkdir(temporary);
    await write(temporary);
    await syncTree(temporary);
  } catch (error) {
    await removeQuietly(temporary);
    throw fileError("write", path, error);
  }
  await putInPlace(temporary, path);
}

/** Removes what a killed process left half-written in a folder, and says what that was. */
export async function removeUnfinished(folder: string): Promise<string[]> {
  const removed: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (!entry.name.endsWith(unfinished)) continue;
      await Deno.remove(`${folder}/${entry.name}`, { recursive: true });
      removed.push(entry.name);
    }
  } catch (error) {
    throw fileError("clean", folder, error);
  }
  return removed.sort();
}

/**
 * Removes a folder so that under its own name it is complete or gone, whenever the process ends.
 *
 * @throws {FileError} where it cannot be removed; a folder that is not there is no error.
 */
export async function removeFolderWhole(path: string): Promise<void> {
  const doomed = temporaryName(path);
  try {
    await Deno.rename(path, doomed);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw fileError("remove", path, error);
  }
  try {
    await Deno.remove(doomed, { recursive: true });
  } catch (error) {
    throw fileError("remove", doomed, error);
  }
}

/** A free name beside a path, recognizable as something half-written. */
function temporaryName(path: string): string {
  const mark = crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0");
  return `${path.replace(/\/+$/, "")}.${mark}${unfinished}`;
}

/** Writes all bytes: a single write may take only some of them. */
async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}

/** Gives what was written its name, and makes the name last. */
async function putInPlace(temporary: string, path: string): Promise<void> {
  try {
    await Deno.rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await removeQuietly(temporary);
    throw fileError("write", path, error);
  }
}

/** Makes the contents of a folder last: every file in it, then the folder's own list of names. */
async function syncTree(folder: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) await syncTree(path);
    else await syncFile(path);
  }
  await syncFolder(folder);
}

/** Makes a file's contents last. */
async function syncFile(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: Deno.build.os === "windows" });
  await file.sync();
}

/** Makes a folder's list of names last; Windows does so by itself and cannot be asked to. */
async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os !== "windows") await syncFile(path);
}

/** Whether anything has this name. */
async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes what failed to be written; the first error is the one worth telling. */
async function removeQuietly(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch {
    // It was never made, or the disk no longer answers.
  }
}

/** Why an operation on a file failed, by the operating system's own code. */
const reasons: Record<string, string> = {
  ENOSPC: "the disk is full; free some space, or choose a folder on another disk",
  EDQUOT: "the disk quota is used up; free some space, or choose a folder on another disk",
  EACCES: "permission is denied; choose a folder that you may write to",
  EPERM: "permission is denied; choose a folder that you may write to",
  EROFS: "the file system is read-only; choose a folder that you may write to",
  ENOENT: "the folder it belongs in does not exist",
  ENOTDIR: "a part of its path is a file, not a folder",
};

/** An error of the file system, told in our words; any other error stays as it is. */
export function fileError(action: string, path: string, error: unknown): unknown {
  if (error instanceof FileError || !(error instanceof Error) || !("code" in error)) return error;
  const reason = reasons[String(error.code)] ?? error.message;
  return new FileError(`cannot ${action} ${path}: ${reason}`, { cause: error });
}

/**
 * What a JSON file holds; undefined where there is none.
 *
 * @param advice What to do about a file that is no JSON.
 * @throws {FileError} It cannot be read.
 * @throws {FormatError} It is no JSON.
 */
export async function readJsonIfThere<Value>(
  path: string,
  advice: string,
): Promise<Value | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw fileError("read", path, error);
  }
  try {
    return JSON.parse(text) as Value;
  } catch (cause) {
    throw new FormatError(`${path}: not JSON; ${advice}`, { cause });
  }
}
