// Tests of augmentation: what each change does to pixels, mask and labels, and that twins are changed alike.

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { augmentation, type AugmentationOptions, type Sample } from "../../data/augment.ts";
import { augmentSample } from "../../data/augment.ts";
import { type Batch, emptyBatch, fillBatch } from "../../data/batch.ts";
import { ConfigError } from "../../errors.ts";
import { RandomStream } from "../../tensor/random.ts";
import { noiseCrops } from "./crops.ts";

/** A sample whose pixel at (x, y) is (10 x, 10 y, 7) and whose mask is x / 8. */
function ramp(): Sample {
  const pixels = new Uint8Array(8 * 8 * 3), mask = new Float32Array(64);
  for (let i = 0; i < 64; i++) {
    pixels.set([10 * (i % 8), 10 * (i >> 3), 7], i * 3);
    mask[i] = (i % 8) / 8;
  }
  return { size: 8, pixels, mask };
}

/** A ramp after augmentation with flips off unless asked for. */
async function augmented(options: AugmentationOptions, seed = 0): Promise<Sample> {
  const sample = ramp();
  const complete = augmentation({ flip: { probability: 0 }, ...options });
  await augmentSample(sample, complete, new RandomStream(seed));
  return sample;
}

Deno.test("by default crops are flipped half of the time and otherwise left alone", async () => {
  let flips = 0;
  for (let seed = 0; seed < 200; seed++) {
    const sample = ramp();
    await augmentSample(sample, augmentation(), new RandomStream(seed));
    const flipped = sample.pixels[0] === 70;
    flips += flipped ? 1 : 0;
    for (let i = 0; i < 64; i++) {
      const x = flipped ? 7 - i % 8 : i % 8;
      assertEquals([...sample.pixels.subarray(i * 3, i * 3 + 3)], [10 * x, 10 * (i >> 3), 7]);
      assertEquals(sample.mask[i], x / 8);
    }
  }
  assert(Math.abs(flips - 100) < 3.3 * Math.sqrt(50));
});

Deno.test("a crop shifts pixels and mask alike by at most the padding, mirroring the border", async () => {
  const shifts = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const { pixels, mask } = await augmented({ crop: { probability: 1, padding: 2 } }, seed);
    const right = 4 - pixels[4 * 3] / 10;
    shifts.add(right);
    assert(Math.abs(right) <= 2);
    const mirror = (i: number) => (i < 0 ? -1 - i : i > 7 ? 15 - i : i);
    for (let x = 0; x < 8; x++) {
      assertEquals(pixels[x * 3], 10 * mirror(x - right));
      assertEquals(mask[x], mirror(x - right) / 8);
    }
  }
  assertEquals(shifts.size, 5);
});

Deno.test("colour, blur and JPEG change pixels within bounds and leave the mask", async () => {
  const changes: AugmentationOptions[] = [
    { colour: { probability: 1, brightness: 0.2, contrast: 0, saturation: 0 } },
    { blur: { probability: 1, sigma: [0.5, 0.5] } },
    { jpeg: { probability: 1, quality: [90, 90] } },
  ];
  for (const change of changes) {
    const sample = await augmented(change, 4);
    assertEquals([...sample.mask], [...ramp().mask]);
    const differing = sample.pixels.filter((value, i) => value !== ramp().pixels[i]).length;
    assert(differing > 20, JSON.stringify(change));
  }
  const { pixels } = await augmented(changes[0], 4);
  const factor = pixels[7 * 3] / 70; // (7, 0) is (70, 0, 7)
  assert(factor >= 0.79 && factor <= 1.21 && factor !== 1);
  assertAlmostEquals(pixels[3 * 3] / 30, factor, 0.03);
});

/** A batch of all crops of a set. */
async function batchOf(options: AugmentationOptions, seed: number): Promise<Batch> {
  const set = noiseCrops(8);
  const batch = emptyBatch(16, set.size);
  const rows = Array.from({ length: 16 }, (_, i) => i);
  await fillBatch(batch, set.arrays, rows, augmentation(options), new RandomStream(seed));
  return batch;
}

Deno.test("a batch holds planes in grey levels, labels, families, sources, pairs and masks", async () => {
  const set = noiseCrops(8);
  const batch = await batchOf({ flip: { probability: 0 } }, 0);
  for (let row = 0; row < 16; row++) {
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < 256; i++) {
        const expected = set.arrays.pixels[(row * 256 + i) * 3 + c];
        assertEquals(batch.images[(row * 3 + c) * 256 + i], expected);
      }
    }
    assertEquals([...batch.masks.subarray(row * 256, (row + 1) * 256)], [...set.mask(row)]);
  }
  assertEquals([...batch.labels], [...set.arrays.labels]);
  assertEquals([...batch.families], [...set.arrays.families]);
  assertEquals([...batch.sources], [...set.arrays.sources]);
  assertEquals([...batch.pairs], [...set.arrays.pairs]);
  assertEquals([...batch.hasMask], [...set.arrays.hasMask]);
  assertEquals([...batch.rows], [...Array(16).keys()]);
});

Deno.test("twins are changed alike", async () => {
  const set = noiseCrops(8);
  set.arrays.pixels.copyWithin(768, 0, 768); // row 1 shows what row 0 shows
  const batch = emptyBatch(2, set.size);
  const all = augmentation({
    crop: { probability: 0.5 },
    colour: { probability: 0.5 },
    blur: { probability: 0.5 },
    jpeg: { probability: 0.5 },
  });
  for (let seed = 0; seed < 10; seed++) {
    await fillBatch(batch, set.arrays, [0, 1], all, new RandomStream(seed));
    assertEquals([...batch.images.subarray(0, 768)], [...batch.images.subarray(768)]);
  }
});

Deno.test("MixUp blends images, masks and labels by one share", async () => {
  const plain = await batchOf({ flip: { probability: 0 } }, 3);
  const mixed = await batchOf(
    { flip: { probability: 0 }, mixUp: { probability: 1, alpha: 1 } },
    3,
  );
  for (let i = 0; i < 16; i++) {
    const line = mixed.images.subarray(i * 768, (i + 1) * 768);
    // The partner and the share are the ones that explain every pixel.
    const explained = Array.from({ length: 16 }, (_, j) => j).some((j) => {
      const own = plain.images.subarray(i * 768, (i + 1) * 768);
      const other = plain.images.subarray(j * 768, (j + 1) * 768);
      const at = own.findIndex((value, k) => Math.abs(value - other[k]) > 100);
      const share = at < 0 ? 1 : (line[at] - other[at]) / (own[at] - other[at]);
      const label = share * plain.labels[i] + (1 - share) * plain.labels[j];
      return line.every((value, k) =>
        Math.abs(value - (share * own[k] + (1 - share) * other[k])) < 0.05
      ) && Math.abs(mixed.labels[i] - label) < 1e-3 &&
        mixed.hasMask[i] === Math.min(plain.hasMask[i], plain.hasMask[j]);
    });
    assert(explained, `crop ${i}`);
  }
});

Deno.test("CutMix pastes one square of a partner; the label counts its area", async () => {
  const plain = await batchOf({ flip: { probability: 0 } }, 6);
  const mixed = await batchOf(
    { flip: { probability: 0 }, cutMix: { probability: 1 } },
    6,
  );
  for (let i = 0; i < 16; i++) {
    const explained = Array.from({ length: 16 }, (_, j) => j).some((j) => {
      let pasted = 0;
      for (let k = 0; k < 256; k++) {
        const same = (crop: number) =>
          [0, 1, 2].every((c) =>
            mixed.images[i * 768 + c * 256 + k] === plain.images[crop * 768 + c * 256 + k]
          );
        if (same(i)) continue;
        if (!same(j)) return false;
        pasted++;
      }
      const label = plain.labels[i] + pasted / 256 * (plain.labels[j] - plain.labels[i]);
      return Number.isInteger(Math.sqrt(pasted)) && Math.abs(mixed.labels[i] - label) < 1e-6;
    });
    assert(explained, `crop ${i}`);
  }
});

Deno.test("options outside their range are refused, all at once", () => {
  assertThrows(
    () => augmentation({ flip: { probability: 2 }, jpeg: { quality: [0, 101] } }),
    ConfigError,
    "flip.probability must be from 0 to 1, but is 2; jpeg.quality",
  );
  assertThrows(() => augmentation({ blur: { sigma: [1, 0.5] } }), ConfigError, "blur.sigma");
  assertThrows(() => augmentation({ mixUp: { alpha: 3 } }), ConfigError, "mixUp.alpha");
  assertThrows(() => augmentation({ crop: { padding: -1 } }), ConfigError, "crop.padding");
});
