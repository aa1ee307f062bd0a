// Small things about files that several ways of getting weights need.

import { FileError } from "../errors.ts";

/** A name beside `path` that no other process uses. */
export function besides(path: string): string {
  return `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/** What went wrong, in words; a failed fetch tells its reason in its cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/**
 * Writes a file as a whole or not at all: aside, synced, then renamed.
 *
 * @throws {FileError} It cannot be written; nothing is left behind.
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = besides(path);
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true });
    for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
    await file.sync();
    await Deno.rename(temporary, path);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => undefined);
    throw new FileError(`cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Whether anything has this name. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** The SHA-256 of a file, in hexadecimal, without having it in memory. */
export async function sha256Of(path: string): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const part = new Uint8Array(1 << 20);
  for (let count = await file.read(part); count !== null; count = await file.read(part)) {
    hash.update(part.subarray(0, count));
  }
  return hash.digest("hex");
}
