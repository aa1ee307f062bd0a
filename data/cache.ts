// The folder for what was fetched or made once, and writing into it so that nobody sees half a file.

import { join } from "node:path";
import { FileError } from "../errors.ts";

/**
 * The folder where photographs and prepared crops are kept between runs, outside the repository.
 *
 * `CORIT_CACHE` when set; else the platform's own place: `$XDG_CACHE_HOME/corit` or `~/.cache/corit`, on macOS
 * `~/Library/Caches/corit`, on Windows `%LOCALAPPDATA%\corit`.
 * @throws {FileError} when none of these variables is set.
 *
 * @example
 * ```ts
 * import { cacheFolder } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * assertEquals(cacheFolder({ CORIT_CACHE: "/data/corit" }, "linux"), "/data/corit");
 * ```
 */
export function cacheFolder(
  environment: Readonly<Record<string, string | undefined>> = Deno.env.toObject(),
  platform: string = Deno.build.os,
): string {
  const { CORIT_CACHE, XDG_CACHE_HOME, LOCALAPPDATA, HOME } = environment;
  if (CORIT_CACHE) return CORIT_CACHE;
  if (platform === "windows" && LOCALAPPDATA) return join(LOCALAPPDATA, "corit");
  if (platform === "darwin" && HOME) return join(HOME, "Library", "Caches", "corit");
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, "corit");
  if (HOME) return join(HOME, ".cache", "corit");
  throw new FileError(
    "no cache folder: none of CORIT_CACHE, XDG_CACHE_HOME, HOME and LOCALAPPDATA is set; set CORIT_CACHE to a folder",
  );
}

/** A name beside `path` that no other process uses. */
export function temporaryBeside(path: string): string {
  return `${path}.${Deno.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/**
 * Writes a file as a whole or not at all: aside, synced, then renamed over `path`.
 *
 * @throws {FileError} when the folder cannot be made or the disk is full; nothing is left behind.
 */
export async function writeAtomically(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await Deno.mkdir(join(path, ".."), { recursive: true });
    using file = await Deno.open(temporary, { write: true, createNew: true });
    for (const part of parts) {
      for (let written = 0; written < part.length;) {
        written += await file.write(part.subarray(written));
      }
    }
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => undefined);
    throw new FileError(
      `${path}: cannot be written (${
        cause instanceof Error ? cause.message : cause
      }); free some space, ` +
        "or set CORIT_CACHE to another folder",
      { cause },
    );
  }
}
