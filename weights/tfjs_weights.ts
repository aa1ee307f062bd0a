// Weights as TensorFlow.js stores them: a manifest in JSON beside shards of bytes, plain or quantized.
//
// https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts

import { dirname, join } from "node:path";
import { z } from "zod";
import { FileError, FormatError } from "../errors.ts";
import { float16Values } from "../tensor/safetensors_values.ts";
import { type Shape, showShape, sizeOf } from "../tensor/shape.ts";
import { reasonOf } from "./files.ts";
import type { StoredValues, TensorSource } from "./source.ts";

const entrySchema = z.object({
  name: z.string(),
  shape: z.array(z.number().int().min(0)),
  dtype: z.enum(["float32", "int32", "bool"]),
  quantization: z.object({
    dtype: z.enum(["uint8", "uint16", "float16"]),
    scale: z.number().optional(),
    min: z.number().optional(),
  }).optional(),
});

const manifestSchema = z.array(
  z.object({ paths: z.array(z.string()), weights: z.array(entrySchema) }),
);

/** One tensor of a manifest. */
type Entry = z.infer<typeof entrySchema>;

/** Bytes of one element by the type that it is stored in. */
const widths = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 } as const;

/** A tensor's place among the bytes of its group of shards. */
interface Place {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
}

/** Reads and parses a JSON file. Throws FileError where it cannot be read, FormatError where it is no JSON. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new FileError(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path}: it is no JSON (${reasonOf(cause)})`, { cause });
  }
}

/** The bytes of a group's shards, one after another. */
async function readShards(folder: string, paths: readonly string[]): Promise<Uint8Array> {
  const shards = await Promise.all(paths.map(async (name) => {
    const path = join(folder, name);
    try {
      return await Deno.readFile(path);
    } catch (cause) {
      throw new FileError(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
    }
  }));
  const joined = new Uint8Array(shards.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const shard of shards) {
    joined.set(shard, offset);
    offset += shard.length;
  }
  return joined;
}

/** The numbers of a tensor: q * scale + min where they are quantized. */
function valuesOf({ entry, bytes }: Place): StoredValues {
  const { dtype, quantization } = entry;
  // Copied, because a view of several bytes must be aligned.
  const { buffer } = bytes.slice();
  if (!quantization) {
    if (dtype === "float32") return new Float32Array(buffer);
    return dtype === "int32" ? new Int32Array(buffer) : Int32Array.from(bytes);
  }
  if (quantization.dtype === "float16") {
    return Float32Array.from(float16Values(new Uint16Array(buffer)));
  }
  const { scale = 1, min = 0 } = quantization;
  const levels = quantization.dtype === "uint8" ? bytes : new Uint16Array(buffer);
  const numbers = Float32Array.from(levels, (level) => level * scale + min);
  return dtype === "float32" ? numbers : Int32Array.from(numbers, Math.round);
}

/** Cuts a group's bytes into its tensors. */
function placesOf(path: string, entries: readonly Entry[], bytes: Uint8Array): Place[] {
  let offset = 0;
  const places = entries.map((entry) => {
    const length = sizeOf(entry.shape) * widths[entry.quantization?.dtype ?? entry.dtype];
    offset += length;
    return { entry, bytes: bytes.subarray(offset - length, offset) };
  });
  if (offset !== bytes.length) {
    throw new FormatError(
      `${path}: its tensors take ${offset} bytes, but the shards hold ${bytes.length}; ` +
        "the files are damaged or do not belong together",
    );
  }
  return places;
}

/**
 * Opens the weights of a TensorFlow.js model: `model.json`, or a weights manifest alone, and the shards beside it.
 *
 * Tensors quantized to 8 or 16 bits or stored as float16 become float32. Names and layouts are as stored. The shards'
 * bytes stay in memory until the source is let go.
 *
 * @throws {FileError} A file cannot be read.
 * @throws {FormatError} The manifest is of another format, or does not fit the shards.
 */
export async function openTfjsWeights(path: string): Promise<TensorSource> {
  const json = await readJson(path);
  const listed = Array.isArray(json) ? json : (json as { weightsManifest?: unknown } | null)
    ?.weightsManifest;
  const manifest = manifestSchema.safeParse(listed);
  if (!manifest.success) {
    const [{ path: where, message }] = manifest.error.issues;
    throw new FormatError(
      `${path}: expected the weights manifest of a TensorFlow.js model (${
        where.map(String).join(".") || "weightsManifest"
      }: ${message})`,
    );
  }
  const places = new Map<string, Place>();
  for (const { paths, weights } of manifest.data) {
    const bytes = await readShards(dirname(path), paths);
    for (const place of placesOf(path, weights, bytes)) {
      if (places.has(place.entry.name)) {
        throw new FormatError(`${path}: two tensors are called ${place.entry.name}`);
      }
      places.set(place.entry.name, place);
    }
  }
  const shapes = new Map<string, Shape>(
    [...places].map(([name, { entry }]) => [name, entry.shape]),
  );
  const read = (name: string): StoredValues => {
    const place = places.get(name);
    if (!place) throw new FormatError(`${path}: there is no tensor ${JSON.stringify(name)}`);
    return valuesOf(place);
  };
  return {
    title: path,
    shapes,
    read: (name) => Promise.resolve().then(() => read(name)),
    async *pieces(name) {
      yield await Promise.resolve(read(name));
    },
    [Symbol.dispose]: () => places.clear(),
  };
}

/**
 * A convolution's stored kernel in this project's layout.
 *
 * @param kind `plain`: [height, width, inputs, outputs] -> [outputs, inputs, height, width]; `depthwise`:
 * [height, width, channels, multiplier] -> [channels * multiplier, 1, height, width].
 * @throws {FormatError} The tensor is missing or has no four axes.
 */
export async function readTfjsKernel(
  source: TensorSource,
  name: string,
  kind: "plain" | "depthwise",
): Promise<{ readonly values: Float32Array; readonly shape: Shape }> {
  const stored = await source.read(name);
  const shape = source.shapes.get(name)!;
  if (shape.length !== 4) {
    throw new FormatError(
      `${source.title}: ${name} is ${showShape(shape)}, but a kernel has 4 axes`,
    );
  }
  const [height, width, inputs, outputs] = shape;
  const area = height * width;
  const values = new Float32Array(stored.length);
  for (let at = 0; at < area; at++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        const filter = kind === "plain" ? o * inputs + i : i * outputs + o;
        values[filter * area + at] = stored[(at * inputs + i) * outputs + o];
      }
    }
  }
  return {
    values,
    shape: kind === "plain"
      ? [outputs, inputs, height, width]
      : [inputs * outputs, 1, height, width],
  };
}
