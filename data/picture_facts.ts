// What a picture's file says before it is decoded: size, format, compression, and whether its end is there.

import { createHash } from "node:crypto";
import sharp from "sharp";
import { FormatError } from "../errors.ts";

/** What is known of a picture file. */
export interface PictureFacts {
  /** Length of the file in bytes. */
  readonly bytes: number;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** jpeg, png, webp, gif, tiff, avif. */
  readonly format: string;
  /** How a JPEG was compressed: `quality 90, 4:2:0`; empty for other formats. */
  readonly compression: string;
  /** SHA-256 of the file, its first half. */
  readonly hash: string;
}

/**
 * Reads what a file says of itself.
 *
 * @throws {FormatError} when it is empty, no picture, or its end is missing.
 */
export async function pictureFacts(name: string, bytes: Uint8Array): Promise<PictureFacts> {
  if (bytes.length === 0) throw new FormatError(`${name}: an empty file (zero bytes)`);
  let metadata: { width: number; height: number; format: string; chromaSubsampling?: string };
  try {
    metadata = await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw new FormatError(`${name}: not a picture this project reads`, { cause });
  }
  const { width, height, format, chromaSubsampling = "" } = metadata;
  if (!endIsThere(bytes, format)) {
    throw new FormatError(`${name}: the picture is cut off: its end is missing`);
  }
  const quality = format === "jpeg" ? jpegQuality(bytes) : undefined;
  return {
    bytes: bytes.length,
    width,
    height,
    format,
    compression: quality === undefined ? "" : `quality ${quality}, ${chromaSubsampling}`,
    hash: createHash("sha256").update(bytes).digest("hex").slice(0, 32),
  };
}

/** Whether the marker that ends a JPEG or PNG is in its last bytes; other formats are believed. */
function endIsThere(bytes: Uint8Array, format: string): boolean {
  // Cameras and editors append thumbnails and padding: the marker is looked for in the last quarter at least.
  const tail = bytes.subarray(Math.min(bytes.length >> 1, Math.max(0, bytes.length - 65_536)));
  const marker = format === "jpeg"
    ? [0xff, 0xd9]
    : format === "png"
    ? [0x49, 0x45, 0x4e, 0x44]
    : undefined;
  if (marker === undefined) return true;
  for (let at = tail.length - marker.length; at >= 0; at--) {
    if (marker.every((byte, i) => tail[at + i] === byte)) return true;
  }
  return false;
}

/** The sum of the standard's luminance table (ITU-T T.81, table K.1), which quality 50 leaves as it is. */
const STANDARD_SUM = 3688;

/**
 * The quality that a JPEG was saved with, as libjpeg counts it, from the sum of its first quantization table; undefined where
 * there is no table of 8 bits.
 */
function jpegQuality(bytes: Uint8Array): number | undefined {
  for (let at = 2; at + 4 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1], length = (bytes[at + 2] << 8) | bytes[at + 3];
    if (marker === 0xda) return undefined;
    if (marker === 0xdb && bytes[at + 4] >> 4 === 0 && at + 69 <= bytes.length) {
      let sum = 0;
      for (let i = 0; i < 64; i++) sum += bytes[at + 5 + i];
      const scale = 100 * sum / STANDARD_SUM;
      const quality = scale <= 100 ? (200 - scale) / 2 : 5000 / scale;
      return Math.max(1, Math.min(100, Math.round(quality)));
    }
    at += 2 + length;
  }
  return undefined;
}
