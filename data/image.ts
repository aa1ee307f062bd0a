// Photographs in and out of memory: decoding, encoding and the JPEG round trip, by sharp.

import sharp, { type Sharp } from "sharp";
import { FileError, FormatError } from "../errors.ts";

// Crops are small: threads inside one image cost more than they bring, and libvips' cache of
// operations only holds memory that is never asked for again.
sharp.concurrency(1);
sharp.cache(false);

/** An 8-bit RGB picture: rows from top to bottom, three bytes a pixel. */
export interface Image {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Red, green and blue bytes, `[height, width, 3]`. */
  readonly data: Uint8Array;
}

/** How a JPEG is encoded. */
export interface JpegOptions {
  /** The quality from 1 to 100 that scales the standard's quantization tables. */
  readonly quality: number;
  /** Whether colour keeps full resolution (4:4:4) or half of it on both axes (4:2:0). */
  readonly chromaSubsampling: "4:4:4" | "4:2:0";
}

/** What {@linkcode decodeImage} accepts. */
export interface DecodeOptions {
  /** What to call the picture in errors: usually its path. */
  readonly name?: string;
  /** The most pixels a picture may declare; 2^26 (8,192 x 8,192) unless told. */
  readonly maximumPixels?: number;
}

const MAXIMUM_PIXELS = 2 ** 26;

/**
 * Decodes a JPEG, PNG, WebP, GIF, TIFF or AVIF file's bytes to RGB.
 *
 * Turned upright by its EXIF orientation, converted to sRGB; transparency is laid on white, grey is repeated in all three
 * channels, of several frames the first is taken.
 * @throws {FormatError} naming the picture when it is empty, truncated, no picture, or larger than `maximumPixels`.
 *
 * @example
 * ```ts
 * import { decodeImage, encodePng } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 * const image = { width: 2, height: 1, data: new Uint8Array([255, 0, 0, 0, 0, 255]) };
 * assertEquals(await decodeImage(await encodePng(image)), image);
 * ```
 */
export async function decodeImage(
  bytes: Uint8Array,
  { name = "image", maximumPixels = MAXIMUM_PIXELS }: DecodeOptions = {},
): Promise<Image> {
  if (bytes.length === 0) {
    throw new FormatError(`${name}: expected a picture, but found an empty file (zero bytes)`);
  }
  let metadata: { width: number; height: number };
  try {
    metadata = await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw new FormatError(`${name}: not a picture this project reads (${reason(cause)})`, {
      cause,
    });
  }
  if (metadata.width * metadata.height > maximumPixels) {
    throw new FormatError(
      `${name}: ${metadata.width} x ${metadata.height} pixels are more than the ${maximumPixels} allowed; make it smaller`,
    );
  }
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: maximumPixels, failOn: "error" })
      .autoOrient()
      .flatten({ background: "white" })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return {
      width: info.width,
      height: info.height,
      data: toThreeChannels(plain(data), info.channels),
    };
  } catch (cause) {
    throw new FormatError(
      `${name}: the picture is damaged or cut off (${reason(cause)}); replace or remove the file`,
      { cause },
    );
  }
}

/**
 * Reads and decodes one picture file; see {@linkcode decodeImage}.
 *
 * @throws {FileError} when the file cannot be read.
 * @throws {FormatError} when its content is no whole picture.
 */
export async function readImage(path: string, options: DecodeOptions = {}): Promise<Image> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    throw new FileError(`${path}: cannot be read (${reason(cause)})`, { cause });
  }
  return await decodeImage(bytes, { name: path, ...options });
}

/** Encodes a picture as baseline JPEG with the standard's tables. */
export async function encodeJpeg(image: Image, options: JpegOptions): Promise<Uint8Array> {
  const { quality, chromaSubsampling } = options;
  return plain(await raw(image).jpeg({ quality, chromaSubsampling }).toBuffer());
}

/** Encodes a picture as PNG, without loss. */
export async function encodePng(image: Image): Promise<Uint8Array> {
  return plain(await raw(image).png().toBuffer());
}

/** What a picture looks like after being saved as JPEG and read again, and how many bytes it took. */
export async function jpegRoundTrip(
  image: Image,
  options: JpegOptions,
): Promise<{ image: Image; bytes: number }> {
  const encoded = await encodeJpeg(image, options);
  const data = plain(await sharp(encoded).raw().toBuffer());
  return { image: { width: image.width, height: image.height, data }, bytes: encoded.length };
}

/** Versions of the codecs, which decide the bytes of everything decoded and encoded here. */
export function codecVersions(): string {
  return `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`;
}

function raw(image: Image): Sharp {
  return sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } });
}

/** A byte array without Node's additions, whose `slice` would share memory. */
function plain({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Repeats a grey channel; drops what follows the third. */
function toThreeChannels(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const result = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) result[i * 3 + c] = data[i * channels + (channels < 3 ? 0 : c)];
  }
  return result;
}

/** The first two lines of an error's message: what failed, and what the codec said. */
function reason(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.trim().split("\n").slice(0, 2).join(" ");
}
