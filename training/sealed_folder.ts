// Folders whose files are checked when read: a checkpoint that was cut off or changed says so.

import { createHash } from "node:crypto";
import { FileError, FormatError } from "../errors.ts";
import { fileError, writeFolderAtomically } from "./files.ts";

/** The list of the other files' checksums. */
const seal = "checksums.json";

/** A file's SHA-256, in hexadecimal. */
function checksum(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Writes a folder of files with their checksums; it appears as a whole or not at all.
 *
 * @throws {FileError} where it cannot be written or exists; nothing is left behind.
 */
export async function writeSealedFolder(
  path: string,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  const sums = Object.entries(files).map(([name, bytes]) => [name, checksum(bytes)]);
  await writeFolderAtomically(path, async (temporary) => {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(`${temporary}/${name}`, bytes, { createNew: true });
    }
    const text = `${JSON.stringify(Object.fromEntries(sums), null, 2)}\n`;
    await Deno.writeTextFile(`${temporary}/${seal}`, text, { createNew: true });
  });
}

/**
 * Reads a folder of files and holds each against its checksum.
 *
 * @param names The files wanted.
 * @throws {FileError} where a file is missing.
 * @throws {FormatError} where one was cut off or changed; the message names it.
 */
export async function readSealedFolder<Name extends string>(
  path: string,
  names: readonly Name[],
): Promise<Record<Name, Uint8Array>> {
  const sums = parseSeal(`${path}/${seal}`, await read(`${path}/${seal}`));
  const files: Partial<Record<Name, Uint8Array>> = {};
  for (const name of names) {
    const bytes = await read(`${path}/${name}`);
    if (checksum(bytes) !== sums[name]) {
      throw new FormatError(
        `${path}/${name}: the checksum does not fit; the file was cut off, changed or damaged`,
      );
    }
    files[name] = bytes;
  }
  return files as Record<Name, Uint8Array>;
}

/** A file's bytes. */
async function read(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw fileError("read", path, error);
    throw new FileError(`${path} is missing; the folder it belongs to is not complete`, {
      cause: error,
    });
  }
}

/** The list of checksums. */
function parseSeal(path: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch (cause) {
    throw new FormatError(`${path}: not JSON; the file was cut off, changed or damaged`, { cause });
  }
  throw new FormatError(`${path}: not a list of checksums; the file was changed or damaged`);
}
