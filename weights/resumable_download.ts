// One file over HTTP: resumed where it broke off, never waiting for a silent server, checked before it gets its name.

import { createHash } from "node:crypto";
import { FileError, FormatError, NetworkError } from "../errors.ts";
import { exists, reasonOf } from "./files.ts";

/** A file on a server, and what is known of it. */
export interface RemoteFile {
  /** Where it is. */
  readonly url: string;
  /** Headers for its own server; a redirection elsewhere does not get them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes. */
  readonly size: number;
  /** Its hash in hexadecimal: SHA-256 (64 digits), or git's SHA-1 of a blob (40 digits). */
  readonly hash: string;
}

/** Options of {@linkcode downloadFile}. */
export interface DownloadOptions {
  /** Seconds without a byte after which a connection is given up; 30 by default. */
  readonly patience?: number;
  /** Tries in a row that bring no byte before it gives up; 4 by default. */
  readonly attempts?: number;
  /** Seconds before the second try, doubled at each further one; 1 by default. */
  readonly pause?: number;
  /** Called with the bytes that are there, of how many. */
  readonly onBytes?: (done: number, size: number) => void;
}

/** A server's answer that trying again does not change. */
const final = new Set([400, 401, 403, 404, 405, 410, 451]);

/**
 * Downloads a file. What came is kept beside it as `.incomplete` and gone on with, also by a later process; two
 * processes wait for each other. The file gets its name when its size and hash are right.
 *
 * @throws {NetworkError} The server cannot be reached, refuses, stalls or breaks off again and again.
 * @throws {FormatError} The server sends other bytes, or more or fewer than the file has.
 * @throws {FileError} The file cannot be written.
 */
export async function downloadFile(
  remote: RemoteFile,
  path: string,
  options: DownloadOptions = {},
): Promise<void> {
  const { attempts = 4, pause = 1 } = options;
  const part = `${path}.incomplete`;
  try {
    using file = await Deno.open(part, { read: true, write: true, create: true });
    await file.lock(true);
    if (await exists(path)) {
      // Another process was first.
      await Deno.remove(part).catch(() => undefined);
      return;
    }
    let fruitless = 0;
    let wrong = 0;
    for (;;) {
      let { size } = await file.stat();
      if (size > remote.size) {
        await file.truncate(0);
        size = 0;
      }
      const failure = size < remote.size ? await transfer(remote, file, size, options) : undefined;
      const { size: now } = await file.stat();
      if (now === remote.size) {
        if (await hashOf(file, remote) === remote.hash) break;
        await file.truncate(0);
        if (++wrong === 2) {
          throw new FormatError(
            `${remote.url}: its bytes are not those of the hash ${remote.hash}, twice; they are ` +
              "not used",
          );
        }
      } else {
        fruitless = now > size ? 0 : fruitless + 1;
        if (fruitless === attempts) {
          throw new NetworkError(
            `${remote.url}: ${failure}, ${attempts} times in a row; ${now} of ${remote.size} ` +
              "bytes are here, and running the same again goes on from there",
          );
        }
        await new Promise((resolve) =>
          setTimeout(resolve, 1000 * pause * 2 ** Math.max(0, fruitless - 1))
        );
      }
    }
    await file.sync();
    await Deno.rename(part, path);
  } catch (cause) {
    if (cause instanceof FormatError || cause instanceof NetworkError) throw cause;
    throw new FileError(`cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Asks for the bytes from `start` on, following redirections. */
async function ask(remote: RemoteFile, start: number, signal: AbortSignal): Promise<Response> {
  let url = new URL(remote.url);
  for (let hops = 0; hops < 6; hops++) {
    const own = url.origin === new URL(remote.url).origin;
    const response = await fetch(url, {
      redirect: "manual",
      signal,
      headers: {
        ...(own ? remote.headers : {}),
        "Accept-Encoding": "identity",
        ...(start > 0 ? { Range: `bytes=${start}-` } : {}),
      },
    });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    await response.body?.cancel();
    url = new URL(location, url);
  }
  throw new NetworkError(`${remote.url}: redirected too often`);
}

/** Where an answer's bytes begin, or why it cannot be used. Throws where another try would be the same. */
function beginningOf(response: Response, { url, size }: RemoteFile, start: number): number {
  const { status, headers } = response;
  if (final.has(status)) {
    throw new NetworkError(`${url}: the server answers ${status} ${response.statusText}`);
  }
  const range = headers.get("content-range")?.match(/^bytes (\d+)-\d+\/(\d+|\*)$/);
  const begin = status === 206 ? Number(range?.[1] ?? start) : 0;
  const length = headers.get("content-length");
  const total = range && range[2] !== "*"
    ? Number(range[2])
    : length === null
    ? size
    : begin + Number(length);
  if ((status === 200 || status === 206) && total !== size) {
    throw new FormatError(
      `${url}: the server announces ${total} bytes, but the file has ${size}; it is another file`,
    );
  }
  return begin;
}

/** Appends what the server sends. Returns why it ended before the end, if so. */
async function transfer(
  remote: RemoteFile,
  file: Deno.FsFile,
  start: number,
  { patience = 30, onBytes }: DownloadOptions,
): Promise<string | undefined> {
  const controller = new AbortController();
  const silence = () => controller.abort(new Error(`nothing came for ${patience} seconds`));
  let timer = setTimeout(silence, 1000 * patience);
  try {
    const response = await ask(remote, start, controller.signal);
    let done = beginningOf(response, remote, start);
    if (!response.ok || !response.body || done > start) {
      await response.body?.cancel();
      return `the server answers ${response.status}`;
    }
    // A server that knows no ranges sends all from the beginning.
    await file.truncate(done);
    await file.seek(done, Deno.SeekMode.Start);
    for await (const bytes of response.body) {
      clearTimeout(timer);
      timer = setTimeout(silence, 1000 * patience);
      if (done + bytes.length > remote.size) {
        await file.truncate(0);
        throw new FormatError(
          `${remote.url}: the server sends more than the file's ${remote.size} bytes`,
        );
      }
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      done += bytes.length;
      onBytes?.(done, remote.size);
    }
    return "the connection ended early";
  } catch (error) {
    const typed = error instanceof NetworkError || error instanceof FormatError;
    // The disk's errors have codes; a broken connection is a TypeError, a silent one the reason given above.
    if (typed || error instanceof Error && "code" in error) throw error;
    return reasonOf(controller.signal.aborted ? controller.signal.reason : error);
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

/** The hash of a whole file, of the kind that is expected. */
async function hashOf(file: Deno.FsFile, { hash, size }: RemoteFile): Promise<string> {
  const git = hash.length === 40;
  const digest = createHash(git ? "sha1" : "sha256");
  if (git) digest.update(`blob ${size}\0`);
  await file.seek(0, Deno.SeekMode.Start);
  const part = new Uint8Array(1 << 20);
  for (let count = await file.read(part); count !== null; count = await file.read(part)) {
    digest.update(part.subarray(0, count));
  }
  return digest.digest("hex");
}
