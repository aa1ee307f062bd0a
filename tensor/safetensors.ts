// The safetensors format, read strictly and written canonically, on bytes in memory.
//
// A file is the header's length (8 bytes, little-endian), the header (JSON: names to type, shape and place) and the
// tensors' bytes without holes. https://github.com/huggingface/safetensors

import { FormatError, ValueError } from "../errors.ts";
import type { DType } from "../kernels/kernel.ts";
import { tensor } from "./create.ts";
import type { Device } from "./device.ts";
import {
  bfloat16Values,
  booleanValues,
  float16Values,
  smallIntegers,
  wideIntegers,
} from "./safetensors_values.ts";
import { type Shape, showShape, sizeOf } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** The element types that are read. */
export type SafetensorsType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I8"
  | "U8"
  | "BOOL";

const bytesPerElement: Readonly<Record<SafetensorsType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** One tensor of a file, not copied. */
export interface SafetensorsEntry {
  /** The type as the file names it. */
  readonly type: SafetensorsType;
  /** Lengths of the axes. */
  readonly shape: Shape;
  /** Its bytes, a view into the file; little-endian, row-major. */
  readonly bytes: Uint8Array;
}

/** A file's tensors and texts. */
export interface Safetensors<Value> {
  /** Tensors by name. */
  readonly tensors: Record<string, Value>;
  /** The free texts of the header. */
  readonly metadata: Record<string, string>;
}

/** The reference implementation's limit. */
const longestHeader = 100_000_000;
const metadataKey = "__metadata__";

function broken(problem: string): FormatError {
  return new FormatError(`safetensors: ${problem}; the file is damaged or of another format`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * Where the tensors of a file begin, from its first 8 bytes.
 *
 * @param start At least the first 8 bytes, or the whole file where it is shorter.
 * @param fileLength Bytes of the whole file.
 * @throws {FormatError} The file is shorter than the header that it announces.
 */
export function safetensorsDataStart(start: Uint8Array, fileLength: number): number {
  if (fileLength < 8) throw broken(`a file has at least 8 bytes, but this one has ${fileLength}`);
  const length = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true);
  if (length > longestHeader || length > fileLength - 8) {
    throw broken(`it announces a header of ${length} bytes, but has ${fileLength - 8}`);
  }
  return 8 + Number(length);
}

function readHeader(bytes: Uint8Array, dataStart: number): Record<string, unknown> {
  if (dataStart > 8 && bytes[8] !== 0x7b) throw broken("the header is no JSON object");
  let header: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes.subarray(8, dataStart));
    header = JSON.parse(text);
  } catch (error) {
    throw broken(`the header is no JSON (${error instanceof Error ? error.message : error})`);
  }
  if (!isRecord(header)) throw broken("the header is no JSON object");
  return header;
}

/** Where a tensor lies, without its bytes. */
export interface SafetensorsPlace {
  /** The type as the file names it. */
  readonly type: SafetensorsType;
  /** Lengths of the axes. */
  readonly shape: Shape;
  /** The first byte, counted from the start of the file. */
  readonly start: number;
  /** One past the last byte, counted from the start of the file. */
  readonly end: number;
}

interface Placed extends SafetensorsPlace {
  readonly name: string;
}

function readEntry(name: string, entry: unknown, dataLength: number): Placed {
  const about = `the header's entry ${JSON.stringify(name)}`;
  if (!isRecord(entry)) throw broken(`${about} is no object`);
  const { dtype, shape, data_offsets: offsets, ...others } = entry;
  const unknown = Object.keys(others);
  if (unknown.length > 0) throw broken(`${about} has the unknown field ${unknown[0]}`);
  if (typeof dtype !== "string" || !Object.hasOwn(bytesPerElement, dtype)) {
    throw new FormatError(
      `safetensors: ${about} has type ${JSON.stringify(dtype)}; the types read here are ` +
        Object.keys(bytesPerElement).join(", "),
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw broken(`${about} has the shape ${JSON.stringify(shape)}`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw broken(`${about} has the offsets ${JSON.stringify(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  const type = dtype as SafetensorsType;
  const byteLength = sizeOf(shape) * bytesPerElement[type];
  if (start > end || end > dataLength) {
    throw broken(`${about} lies at ${start} to ${end} of ${dataLength} bytes`);
  }
  if (byteLength !== end - start) {
    throw broken(
      `${about} is ${type} ${showShape(shape)}, ${byteLength} bytes, but occupies ${end - start}`,
    );
  }
  return { name, type, shape, start, end };
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw broken(`${metadataKey} does not map names to texts`);
  }
  return value as Record<string, string>;
}

/**
 * Checks a file's header and finds where its tensors lie, without their bytes.
 *
 * @param start The file up to where the tensors begin ({@linkcode safetensorsDataStart}), or more of it.
 * @param fileLength Bytes of the whole file.
 * @throws {FormatError} Anything is not as the format demands: lengths, JSON, types, shapes, places that overlap,
 * leave holes or lie outside.
 */
export function parseSafetensorsHeader(
  start: Uint8Array,
  fileLength: number,
): Safetensors<SafetensorsPlace> {
  const dataStart = safetensorsDataStart(start, fileLength);
  const header = readHeader(start, dataStart);
  const dataLength = fileLength - dataStart;
  const placed = Object.entries(header)
    .filter(([name]) => name !== metadataKey)
    .map(([name, entry]) => readEntry(name, entry, dataLength));
  let position = 0;
  for (
    const { name, start, end } of placed.toSorted((a, b) => a.start - b.start || a.end - b.end)
  ) {
    if (start !== position) {
      const what = start < position ? "overlaps another tensor" : "leaves a hole before it";
      throw broken(`${JSON.stringify(name)} ${what} (at ${start}, expected ${position})`);
    }
    position = end;
  }
  if (position !== dataLength) {
    throw broken(`its tensors end at ${position}, but there are ${dataLength} bytes`);
  }
  // Without a prototype: a tensor may be named "__proto__".
  const tensors: Record<string, SafetensorsPlace> = Object.create(null);
  for (const { name, type, shape, start, end } of placed) {
    tensors[name] = { type, shape, start: dataStart + start, end: dataStart + end };
  }
  const own = Object.hasOwn(header, metadataKey) ? header[metadataKey] : undefined;
  return { tensors, metadata: readMetadata(own) };
}

/**
 * Checks a file and finds its tensors, copying nothing.
 *
 * @param bytes The whole file.
 * @throws {FormatError} Anything is not as the format demands: see {@linkcode parseSafetensorsHeader}.
 */
export function parseSafetensors(bytes: Uint8Array): Safetensors<SafetensorsEntry> {
  const { tensors: places, metadata } = parseSafetensorsHeader(bytes, bytes.length);
  const tensors: Record<string, SafetensorsEntry> = Object.create(null);
  for (const [name, { type, shape, start, end }] of Object.entries(places)) {
    tensors[name] = { type, shape, bytes: bytes.subarray(start, end) };
  }
  return { tensors, metadata };
}

/**
 * An entry's values in an array that a tensor is made from, and the tensor's type (the device's float where absent).
 *
 * @throws {FormatError} A whole number does not fit into int32, or a truth value is neither 0 nor 1.
 */
export function safetensorsValues(
  name: string,
  { type, bytes }: SafetensorsEntry,
): { values: Float32Array | Float64Array | Int32Array; dtype?: DType } {
  // Copied, because a view of several bytes an element must be aligned.
  const copied = () => bytes.slice().buffer;
  switch (type) {
    case "F64":
      return { values: new Float64Array(copied()) };
    case "F32":
      return { values: new Float32Array(copied()) };
    case "F16":
      return { values: float16Values(new Uint16Array(copied())) };
    case "BF16":
      return { values: bfloat16Values(new Uint16Array(copied())) };
    case "I64":
      return { values: wideIntegers(name, new BigInt64Array(copied())), dtype: "int32" };
    case "I32":
      return { values: new Int32Array(copied()), dtype: "int32" };
    case "I8":
      return { values: smallIntegers(new Int8Array(copied())), dtype: "int32" };
    case "U8":
      return { values: smallIntegers(bytes), dtype: "int32" };
    case "BOOL":
      return { values: booleanValues(name, bytes), dtype: "bool" };
  }
}

/**
 * Reads a file into tensors. Float types become the device's float type (float32, so that F64 is rounded; float64 on
 * `reference`), whole numbers int32, BOOL bool.
 *
 * @param bytes The whole file.
 * @param options The device; the default one where absent.
 * @throws {FormatError} The file is damaged, or a whole number does not fit into int32.
 *
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeSafetensors({ "head.bias": tensor([1, 2]) }, { step: "7" });
 * const { tensors, metadata } = decodeSafetensors(bytes);
 * assertEquals(tensors["head.bias"].toArray(), [1, 2]);
 * assertEquals(metadata.step, "7");
 * ```
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  options: { readonly device?: Device } = {},
): Safetensors<Tensor> {
  const { device } = options;
  const { tensors: entries, metadata } = parseSafetensors(bytes);
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const [name, entry] of Object.entries(entries)) {
    const { values, dtype } = safetensorsValues(name, entry);
    // Float types are left open, so that the device chooses its own.
    tensors[name] = tensor(values, { shape: entry.shape, dtype, device });
  }
  return { tensors, metadata };
}

const writtenTypes: Readonly<Record<DType, SafetensorsType>> = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  bool: "BOOL",
};

function bytesOf(value: Tensor): Uint8Array {
  const data = value.dataSync();
  if (value.dtype === "bool") return Uint8Array.from(data, (each) => each === 0 ? 0 : 1);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Writes tensors into a file's bytes: float32 as F32, float64 as F64, int32 as I32, bool as BOOL. The same tensors give
 * the same bytes: wide types come first, so that all are aligned, then names in order.
 *
 * @param tensors By name; any name but `__metadata__`.
 * @param metadata Free texts.
 * @throws {ValueError} A name is `__metadata__`.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  if (Object.hasOwn(tensors, metadataKey)) {
    throw new ValueError(`encodeSafetensors: ${metadataKey} is no name for a tensor`);
  }
  const width = (value: Tensor) => bytesPerElement[writtenTypes[value.dtype]];
  const order = Object.entries(tensors).toSorted(([nameA, a], [nameB, b]) =>
    width(b) - width(a) || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0)
  );
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header[metadataKey] = metadata;
  let position = 0;
  for (const [name, value] of order) {
    const end = position + value.size * width(value);
    const { dtype, shape } = value;
    header[name] = { dtype: writtenTypes[dtype], shape, data_offsets: [position, end] };
    position = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded + position);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  bytes.fill(0x20, 8 + text.length, 8 + padded);
  let at = 8 + padded;
  for (const [, value] of order) {
    const part = bytesOf(value);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
