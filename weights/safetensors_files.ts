// safetensors files on disk, whole or in shards, read tensor by tensor.

import { basename, dirname, join } from "node:path";
import { FileError, FormatError } from "../errors.ts";
import {
  parseSafetensorsHeader,
  safetensorsDataStart,
  type SafetensorsPlace,
  safetensorsValues,
} from "../tensor/safetensors.ts";
import { sizeOf } from "../tensor/shape.ts";
import { reasonOf } from "./files.ts";
import type { StoredValues, TensorSource } from "./source.ts";

/** An open file and the places of its tensors. */
interface Shard {
  readonly path: string;
  readonly file: Deno.FsFile;
  readonly places: Readonly<Record<string, SafetensorsPlace>>;
}

/** Elements of a piece of a tensor. */
const pieceLength = 1 << 19;

/** Bytes `start` to `end` of a file, in an array of their own or at the beginning of `into`. */
async function readRange(
  file: Deno.FsFile,
  path: string,
  start: number,
  end: number,
  into: Uint8Array = new Uint8Array(end - start),
): Promise<Uint8Array> {
  const bytes = into.subarray(0, end - start);
  await file.seek(start, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) {
      throw new FormatError(`${path}: ends at byte ${start + done} while being read`);
    }
    done += count;
  }
  return bytes;
}

async function openShard(path: string): Promise<Shard> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (cause) {
    throw new FileError(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  try {
    const { size } = await file.stat();
    const start = await readRange(file, path, 0, Math.min(8, size));
    const header = await readRange(file, path, 0, safetensorsDataStart(start, size));
    return { path, file, places: parseSafetensorsHeader(header, size).tensors };
  } catch (error) {
    file.close();
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`${path}: ${error.message}`, { cause: error });
  }
}

/** The shard of each tensor, from `*.safetensors.index.json`. */
async function readIndex(path: string): Promise<Map<string, string>> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new FileError(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path}: is no JSON (${reasonOf(cause)})`, { cause });
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  const entries = typeof map === "object" && map !== null ? Object.entries(map) : [];
  const wrong = entries.find(([, file]) => typeof file !== "string" || file !== basename(file));
  if (entries.length === 0 || wrong) {
    throw new FormatError(
      `${path}: expected "weight_map" to map tensors to file names beside it` +
        (wrong ? `, but ${wrong[0]} is in ${JSON.stringify(wrong[1])}` : ""),
    );
  }
  return new Map(entries);
}

/** Checks that index and shards say the same. */
function checkIndex(path: string, index: ReadonlyMap<string, string>, shards: readonly Shard[]) {
  const problems: string[] = [];
  for (const shard of shards) {
    const file = basename(shard.path);
    for (const name of Object.keys(shard.places)) {
      if (index.get(name) !== file) problems.push(`${name} is in ${file}, not listed there`);
    }
  }
  for (const [name, file] of index) {
    const shard = shards.find(({ path }) => basename(path) === file)!;
    if (!Object.hasOwn(shard.places, name)) problems.push(`${name} is not in ${file}`);
  }
  if (problems.length > 0) {
    throw new FormatError(`${path}: index and shards differ:\n  ${problems.join("\n  ")}`);
  }
}

/** The file to begin with: the path itself, or what a folder holds. */
async function entryOf(path: string): Promise<string> {
  const found = await Deno.stat(path).catch((cause) => {
    throw new FileError(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
  });
  if (!found.isDirectory) return path;
  const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
  const indices = names.filter((name) => name.endsWith(".safetensors.index.json"));
  const files = names.filter((name) => name.endsWith(".safetensors"));
  const candidates = indices.length > 0 ? indices : files;
  if (candidates.length === 1) return join(path, candidates[0]);
  throw new FileError(
    candidates.length === 0
      ? `${path}: expected a folder with a .safetensors file, but found [${names.join(", ")}]`
      : `${path}: holds several: ${candidates.join(", ")}; name one of them`,
  );
}

/**
 * Opens a safetensors file, the index of a sharded one (`model.safetensors.index.json`), or a folder that holds one of
 * them. Only headers are read; close it (`using`) when done.
 *
 * @throws {FileError} A file is missing or cannot be read, or a folder leaves open which is meant.
 * @throws {FormatError} A file is damaged, or index and shards differ.
 *
 * @example
 * ```ts
 * import { encodeSafetensors, tensor } from "@corit/corit";
 * import { openSafetensors } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await Deno.writeFile(path, encodeSafetensors({ "head.bias": tensor([1, 2]) }));
 * {
 *   using source = await openSafetensors(path);
 *   assertEquals(source.shapes.get("head.bias"), [2]);
 *   assertEquals([...await source.read("head.bias")], [1, 2]);
 * }
 * await Deno.remove(path);
 * ```
 */
export async function openSafetensors(path: string): Promise<TensorSource> {
  const entry = await entryOf(path);
  const shards: Shard[] = [];
  const close = () => shards.forEach(({ file }) => file.close());
  try {
    if (entry.endsWith(".json")) {
      const index = await readIndex(entry);
      for (const file of [...new Set(index.values())].sort()) {
        shards.push(await openShard(join(dirname(entry), file)));
      }
      checkIndex(entry, index, shards);
    } else {
      shards.push(await openShard(entry));
    }
  } catch (error) {
    close();
    throw error;
  }
  const find = (name: string) => {
    const shard = homes.get(name);
    if (!shard) throw new FormatError(`${entry}: there is no tensor ${JSON.stringify(name)}`);
    return { ...shard, place: shard.places[name] };
  };
  let room: Uint8Array<ArrayBuffer> | undefined;
  const homes = new Map(
    shards.flatMap((shard) => Object.keys(shard.places).map((name) => [name, shard] as const)),
  );
  return {
    title: entry,
    shapes: new Map([...homes].map(([name, { places }]) => [name, places[name].shape])),
    async read(name: string): Promise<StoredValues> {
      const { file, path, place: { type, shape, start, end } } = find(name);
      const bytes = await readRange(file, path, start, end);
      return safetensorsValues(name, { type, shape, bytes }).values;
    },
    async *pieces(name: string): AsyncGenerator<StoredValues> {
      const { file, path, place: { type, shape, start, end } } = find(name);
      const width = (end - start) / sizeOf(shape);
      room ??= new Uint8Array(8 * pieceLength);
      for (let at = start; at < end; at += width * pieceLength) {
        const bytes = await readRange(
          file,
          path,
          at,
          Math.min(end, at + width * pieceLength),
          room,
        );
        // The common type is used where it lies.
        yield type === "F32"
          ? new Float32Array(room.buffer, 0, bytes.length / 4)
          : safetensorsValues(name, { type, shape, bytes }).values;
      }
    },
    [Symbol.dispose]: close,
  };
}
