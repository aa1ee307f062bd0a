// Tests of decoding and encoding: lossless round trips, and one typed error for every kind of broken file.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import sharp from "sharp";
import {
  decodeImage,
  encodeJpeg,
  encodePng,
  type Image,
  jpegRoundTrip,
  readImage,
} from "../../data/image.ts";
import { FileError, FormatError } from "../../errors.ts";
import { RandomStream } from "../../tensor/random.ts";

/** A picture of smooth noise. */
function picture(width: number, height: number, seed = 0): Image {
  const random = new RandomStream(seed);
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const x = Math.floor(i / 3) % width, y = Math.floor(i / 3 / width);
    data[i] = 128 + 60 * Math.sin(x / 5 + (i % 3)) + 40 * Math.cos(y / 7) + random.uniform(-8, 8);
  }
  return { width, height, data };
}

Deno.test("PNG gives back every byte", async () => {
  const image = picture(13, 7);
  const decoded = await decodeImage(await encodePng(image));
  assertEquals([decoded.width, decoded.height], [13, 7]);
  assertEquals([...decoded.data], [...image.data]);
});

Deno.test("JPEG keeps the asked-for chroma sampling and stays close at high quality", async () => {
  const image = picture(64, 64);
  for (const chromaSubsampling of ["4:4:4", "4:2:0"] as const) {
    const metadata = await sharp(await encodeJpeg(image, { quality: 95, chromaSubsampling }))
      .metadata();
    assertEquals(metadata.chromaSubsampling, chromaSubsampling);
  }
  const small = await jpegRoundTrip(image, { quality: 30, chromaSubsampling: "4:2:0" });
  const large = await jpegRoundTrip(image, { quality: 95, chromaSubsampling: "4:4:4" });
  const error = (other: Image) =>
    other.data.reduce((sum, value, i) => sum + Math.abs(value - image.data[i]), 0) /
    image.data.length;
  assert(small.bytes < large.bytes);
  assert(error(large.image) < 3 && error(large.image) < error(small.image));
});

Deno.test("grey, transparent, 16-bit and rotated pictures all become upright 8-bit RGB", async () => {
  const grey = await sharp(Buffer.from([10, 200]), { raw: { width: 2, height: 1, channels: 1 } })
    .toColourspace("b-w").png().toBuffer();
  assertEquals([...(await decodeImage(grey)).data], [10, 10, 10, 200, 200, 200]);

  const clear = await sharp(Buffer.from([9, 9, 9, 0]), {
    raw: { width: 1, height: 1, channels: 4 },
  }).png().toBuffer();
  assertEquals([...(await decodeImage(clear)).data], [255, 255, 255]);

  const deep = await sharp(Buffer.from([10, 20, 30]), { raw: { width: 1, height: 1, channels: 3 } })
    .toColourspace("rgb16").png().toBuffer();
  assertEquals([...(await decodeImage(deep)).data], [10, 20, 30]);

  const upright = picture(8, 4);
  const turned = await sharp(upright.data, { raw: { width: 8, height: 4, channels: 3 } })
    .withMetadata({ orientation: 6 }).png().toBuffer();
  assertEquals((await decodeImage(turned)).width, 4);
});

Deno.test("an empty, cut off, foreign, damaged or oversized file is a FormatError that names it", async () => {
  const jpeg = await encodeJpeg(picture(64, 64), { quality: 90, chromaSubsampling: "4:2:0" });
  const png = await encodePng(picture(64, 64));
  const damaged = png.slice();
  damaged.fill(0, png.length >> 1, (png.length >> 1) + 60);
  const broken: [Uint8Array, string][] = [
    [new Uint8Array(), "zero bytes"],
    [jpeg.subarray(0, jpeg.length >> 1), "cut off"],
    [png.subarray(0, png.length >> 1), "cut off"],
    [damaged, "damaged"],
    [new TextEncoder().encode("no picture at all"), "not a picture"],
  ];
  for (const [bytes, words] of broken) {
    const error = await assertRejects(
      () => decodeImage(bytes, { name: "broken.jpg" }),
      FormatError,
    );
    assert(error.message.includes("broken.jpg") && error.message.includes(words), error.message);
  }
  await assertRejects(
    () => decodeImage(png, { name: "large.png", maximumPixels: 4095 }),
    FormatError,
    "large.png: 64 x 64 pixels are more than the 4095 allowed",
  );
});

Deno.test("a header that claims a gigantic picture is refused before memory is taken", async () => {
  const png = await encodePng(picture(4, 4));
  const claim = png.slice();
  new DataView(claim.buffer, claim.byteOffset).setUint32(16, 60_000);
  new DataView(claim.buffer, claim.byteOffset).setUint32(20, 60_000);
  await assertRejects(() => decodeImage(claim, { name: "claim.png" }), FormatError, "claim.png");
});

Deno.test("flipped bits in a JPEG give a picture or a FormatError, nothing else", async () => {
  const jpeg = await encodeJpeg(picture(32, 32), { quality: 90, chromaSubsampling: "4:2:0" });
  const random = new RandomStream(3);
  for (let i = 0; i < 100; i++) {
    const flipped = jpeg.slice();
    flipped[random.integer(jpeg.length)] ^= 1 << random.integer(8);
    const outcome = await decodeImage(flipped, { maximumPixels: 2 ** 20 }).catch((error) => error);
    assert(outcome.data instanceof Uint8Array || outcome instanceof FormatError, String(outcome));
  }
});

Deno.test("a missing file is a FileError that names it", async () => {
  const path = join(Deno.makeTempDirSync(), "nowhere.png");
  await assertRejects(() => readImage(path), FileError, path);
});
