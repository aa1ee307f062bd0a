// Pictures inside a page, as data addresses.

import { FormatError } from "../errors.ts";

/** A PNG or JPEG file's bytes as an address that fetches nothing. */
export function pictureUri(bytes: Uint8Array): string {
  const start = bytes.subarray(0, 4).toHex();
  const type = start === "89504e47" ? "png" : start.startsWith("ffd8ff") ? "jpeg" : undefined;
  if (type === undefined) throw new FormatError("page: a picture is neither PNG nor JPEG");
  return `data:image/${type};base64,${bytes.toBase64()}`;
}
