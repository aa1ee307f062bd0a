// A crop set in one file: a JSON header, the arrays behind it, a checksum at the end.

import { createHash } from "node:crypto";
import { FormatError } from "../errors.ts";
import { writeAtomically } from "./cache.ts";
import { CropSet, emptyCropSetArrays } from "./crop_set.ts";

const MAGIC = new TextEncoder().encode("CORITCROPS1\n");
const CHECKSUM_BYTES = 32;
const CHUNK = 1 << 22;

/** The arrays of a crop set in the order of the file, with the bytes of one element. */
const SECTIONS = [
  ["pixels", 1],
  ["maskStore", 1],
  ["labels", 1],
  ["families", 1],
  ["hasMask", 1],
  ["qualities", 1],
  ["halvedColour", 1],
  ["sources", 4],
  ["pairs", 4],
  ["maskIndex", 4],
  ["encodedBytes", 4],
] as const;

const LABELS = SECTIONS.findIndex(([name]) => name === "labels");
const MASKS = SECTIONS.findIndex(([name]) => name === "maskStore");

/** What the header of the file says. */
interface Header {
  readonly size: number;
  readonly familyNames: readonly string[];
  readonly sourceNames: readonly string[];
  /** Elements of each array, in the file's order. */
  readonly lengths: readonly number[];
  /** Bytes of the recipe lines. */
  readonly recipeBytes: number;
}

/**
 * Writes a crop set, as a whole or not at all.
 *
 * Little-endian: magic, header length (uint32), JSON header, arrays, recipe lines, SHA-256 of all before it.
 * @throws {FileError} when the file cannot be written.
 */
export async function writeCropSet(path: string, set: CropSet): Promise<void> {
  const recipes = new TextEncoder().encode(set.recipeLines.join("\n"));
  const header = new TextEncoder().encode(JSON.stringify(
    {
      size: set.size,
      familyNames: set.familyNames,
      sourceNames: set.sourceNames,
      lengths: SECTIONS.map(([name]) => set.arrays[name].length),
      recipeBytes: recipes.length,
    } satisfies Header,
  ));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, header.length, true);
  const hash = createHash("sha256");
  await writeAtomically(
    path,
    function* () {
      const parts = [MAGIC, length, header, ...SECTIONS.map(([name]) => set.arrays[name]), recipes];
      for (const part of parts) {
        const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
        for (let at = 0; at < bytes.length; at += CHUNK) {
          const piece = bytes.subarray(at, at + CHUNK);
          hash.update(piece);
          yield piece;
        }
      }
      yield new Uint8Array(hash.digest());
    }(),
  );
}

/**
 * Reads a crop set; its pixels and masks come to lie in shared memory, so that workers see them without a copy.
 *
 * @throws {FormatError} when the file is cut off, changed, or of another format.
 */
export async function readCropSet(path: string): Promise<CropSet> {
  using file = await Deno.open(path, { read: true });
  const { size: fileSize } = await file.stat();
  const hash = createHash("sha256");
  let left = fileSize - CHECKSUM_BYTES;
  const fill = (target: Uint8Array): void => {
    if (target.length > left) throw new FormatError(`${path}: cut off`);
    left -= target.length;
    for (let at = 0; at < target.length;) {
      const end = Math.min(target.length, at + CHUNK);
      const read = file.readSync(target.subarray(at, end)) ?? 0;
      if (read === 0) throw new FormatError(`${path}: cut off`);
      hash.update(target.subarray(at, at + read));
      at += read;
    }
  };

  const magic = new Uint8Array(MAGIC.length);
  fill(magic);
  if (!magic.every((byte, i) => byte === MAGIC[i])) {
    throw new FormatError(`${path}: not a crop set of this version`);
  }
  const length = new Uint8Array(4);
  fill(length);
  const headerLength = new DataView(length.buffer).getUint32(0, true);
  if (headerLength > left) throw new FormatError(`${path}: cut off`);
  const headerBytes = new Uint8Array(headerLength);
  fill(headerBytes);
  const header = parseHeader(path, headerBytes, left);

  const arrays = emptyCropSetArrays(
    header.size,
    header.lengths[LABELS],
    header.lengths[MASKS] / header.size ** 2,
  );
  SECTIONS.forEach(([name], i) => {
    const { buffer, byteLength, length } = arrays[name];
    if (length !== header.lengths[i]) throw new FormatError(`${path}: the header was changed`);
    fill(new Uint8Array(buffer, 0, byteLength));
  });
  const recipes = new Uint8Array(header.recipeBytes);
  fill(recipes);
  const checksum = new Uint8Array(CHECKSUM_BYTES);
  file.readSync(checksum);
  if (!hash.digest().every((byte, i) => byte === checksum[i])) {
    throw new FormatError(`${path}: the checksum does not fit; the file was changed or damaged`);
  }
  const text = new TextDecoder().decode(recipes);
  return new CropSet(arrays, {
    familyNames: header.familyNames,
    sourceNames: header.sourceNames,
    recipeLines: text === "" ? [] : text.split("\n"),
  });
}

/** Parses the header and holds it against the bytes that are really there, before anything is allocated. */
function parseHeader(path: string, bytes: Uint8Array, left: number): Header {
  let header: Header;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new FormatError(`${path}: the header is no JSON`, { cause });
  }
  const sizes = [header.recipeBytes, ...SECTIONS.map((_, i) => header.lengths?.[i])];
  const total = SECTIONS.reduce((sum, [, width], i) => sum + sizes[i + 1] * width, sizes[0]);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 0) || total !== left) {
    throw new FormatError(`${path}: cut off, or the header was changed`);
  }
  return header;
}
