// Reading a data set: families, pairs, videos and parts; broken files, each named, skipped or not, and nothing that hangs.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { zlibSync } from "fflate";
import { evaluationBatches, Loader } from "../../data/loader.ts";
import { encodeJpeg } from "../../data/image.ts";
import { openData, type OpenOptions, readData, type ReadOptions } from "../../data/read_data.ts";
import { DataError } from "../../errors.ts";
import { grow, numbered, treeOf } from "./tree.ts";

/** Forty names with a real and a forged picture each. */
const pairs = [
  ...numbered(40, (i) => `real/${i}.png`),
  ...numbered(40, (i) => `fake/${i % 2 ? "swap" : "blend"}/${i}.png`),
];

async function read(root: string, options: OpenOptions & ReadOptions = {}) {
  return await readData(await openData(root, options), { size: 8, ...options });
}

Deno.test("pictures come with class, family, pair and file, in parts that share no source", async () => {
  const root = await treeOf(pairs);
  const { train, validation, test } = await read(root);
  const sets = [train, validation, test];
  assertEquals(sets.reduce((sum, { count }) => sum + count, 0), 80);
  const names = sets.map(({ sourceNames }) => sourceNames);
  assertEquals(new Set(names.flat()).size, 40);
  for (const set of sets) {
    for (let row = 0; row < set.count; row++) {
      const forged = set.arrays.labels[row] === 1, number = Number(set.source(row));
      assertEquals(set.family(row), forged ? (number % 2 ? "swap" : "blend") : "real");
      const twin = [...set.arrays.pairs].findIndex((pair, i) =>
        i !== row && pair === set.arrays.pairs[row]
      );
      assertEquals(set.source(twin), set.source(row));
      assertEquals(set.arrays.labels[twin], forged ? 0 : 1);
      assertEquals(
        set.recipe(row).file,
        join(root, forged ? `fake/${set.family(row)}` : "real", `${number}.png`),
      );
      assertEquals(set.video(row), "");
    }
  }
});

Deno.test("without one forged picture for each real one there are no pairs", async () => {
  const { train } = await read(
    await treeOf([...pairs, ...numbered(5, (i) => `fake/swap/more ${i}.png`)]),
  );
  assert(train.arrays.pairs.every((pair) => pair === -1));
});

Deno.test("a video's frames stay together, and say which video they are of", async () => {
  const frames = (top: string) => numbered(90, (i) => `${top}/v${Math.floor(i / 3)}/${i % 3}.png`);
  const { train, validation, test } = await read(
    await treeOf([...frames("real"), ...frames("fake/swap")]),
  );
  const parts = [train, validation, test].map((set) =>
    new Set(Array.from({ length: set.count }, (_, row) => set.video(row).split("/").at(-1)))
  );
  assertEquals(parts.reduce((sum, { size }) => sum + size, 0), 30);
  assertEquals(train.video(0).split("/").slice(-2), ["swap", [...parts[0]][0]]);
  for (const set of [train, test]) {
    assertEquals(set.sourceNames.length, new Set(set.sourceNames).size);
  }
});

Deno.test("real pictures of a generator stand against it alone, unless a generator has none", async () => {
  const paths = ["a", "b"].flatMap((name) =>
    ["0_real", "1_fake"].flatMap((label) => numbered(30, (i) => `${name}/${label}/${name}${i}.png`))
  );
  const { train } = await read(await treeOf(paths));
  const { labels, against } = train.arrays;
  for (let row = 0; row < train.count; row++) {
    const family = train.familyNames[against![row]];
    assertEquals(family, labels[row] ? "real" : train.source(row)[0]);
  }
  const shared = await read(await treeOf([...paths, ...numbered(30, (i) => `c/1_fake/c${i}.png`)]));
  assert(shared.train.arrays.against!.every((family) => family === 0));
});

/** A data set with every kind of damage; gives its root and what is damaged. */
async function damaged(): Promise<{ root: string; broken: string[] }> {
  const root = await treeOf([...pairs, ...numbered(40, (i) => `real/an album – 写真/ü ${i}.png`)]);
  const data = new Uint8Array(64 * 64 * 3).map((_, i) => (i * i) % 251);
  const jpeg = await encodeJpeg({ width: 64, height: 64, data }, {
    quality: 95,
    chromaSubsampling: "4:4:4",
  });
  const broken: string[] = [];
  const add = async (name: string, bytes: Uint8Array): Promise<void> => {
    await Deno.writeFile(join(root, name), bytes);
    broken.push(name);
  };
  // Five in a hundred are cut off.
  for (let i = 0; i < 6; i++) {
    await add(`real/cut off ${i}.jpg`, jpeg.subarray(0, jpeg.length * (i + 2) / 10));
  }
  await add("fake/swap/empty.png", new Uint8Array());
  await add("fake/swap/text.jpg", new TextEncoder().encode("no picture"));
  await add("real/huge.png", hugePng(20_000));
  await Deno.symlink(join(root, "gone.png"), join(root, "real/dangling.png"));
  broken.push("real/dangling.png");
  await Deno.symlink(join(root, "fake"), join(root, "fake/swap/loop"));
  await Deno.symlink(join(root, "real/itself"), join(root, "real/itself"));
  broken.push("real/itself");
  return { root, broken };
}

Deno.test("every broken file is named before training; nothing is read twice through a loop", async () => {
  const { root, broken } = await damaged();
  const error = await assertRejects(() => read(root), DataError);
  for (const name of broken) assertStringIncludes(error.message, name);
  assertStringIncludes(error.message, `${broken.length} files cannot be read`);
  assertStringIncludes(error.message, "20000 x 20000 pixels are more than");
  assertStringIncludes(error.message, "--skip-broken");
  const { problems, list } = await openData(root);
  const loop = problems.find(({ what }) => what.startsWith("a loop"));
  assert(loop?.path.endsWith("fake/swap/loop") && !loop.loses);
  assertEquals(list.count, 80 + 40 + broken.length - 2);
});

Deno.test("with skipBroken the rest is read, the names with spaces and other scripts among it", async () => {
  const { root, broken } = await damaged();
  const { train, validation, test, skipped } = await read(root, { skipBroken: true });
  assertEquals(skipped.length, broken.length);
  assertEquals(train.count + validation.count + test.count, 120);
  const files = [train, validation, test].flatMap((set) =>
    Array.from({ length: set.count }, (_, row) => String(set.recipe(row).file))
  );
  assert(files.includes(join(root, "real/an album – 写真/ü 7.png")));
});

Deno.test("it stops on what cannot be skipped: a missing folder, an empty class, a class all broken", async () => {
  const root = await treeOf(pairs);
  await assertRejects(
    () => read(join(root, "gone"), { skipBroken: true }),
    DataError,
    "no such folder",
  );
  const empty = await treeOf(numbered(40, (i) => `real/${i}.png`));
  await Deno.mkdir(join(empty, "fake"));
  await assertRejects(() => read(empty, { skipBroken: true }), DataError, "found no forged ones");
  for (let i = 0; i < 40; i++) {
    await Deno.writeFile(join(empty, "fake", `${i}.png`), new Uint8Array(9));
  }
  await assertRejects(
    () => read(empty, { skipBroken: true }),
    DataError,
    "no forged picture falls into",
  );
});

Deno.test("crops read from their files while training are those held in memory", async () => {
  const root = await treeOf(pairs);
  const held = await read(root), streamed = await read(root, { memory: 0 });
  assertEquals(streamed.train.arrays.pixels.length, 0);
  for (const worker of [false, true]) {
    using a = new Loader(held.train, { batchSize: 8, worker });
    using b = new Loader(streamed.train, { batchSize: 8, worker });
    // Two epochs: in the second one crops come from the store.
    for (let batch = 0; batch < 2 * a.batchesPerEpoch; batch++) {
      const [one, other] = [await a.next(), await b.next()];
      assertEquals(one.images, other.images);
      assertEquals(one.labels, other.labels);
      assertEquals(one.rows, other.rows);
    }
  }
  const batches = await Promise.all(
    [held.test, streamed.test].map((set) => Array.fromAsync(evaluationBatches(set))),
  );
  assertEquals(batches[0].at(-1)!.images, batches[1].at(-1)!.images);
  assertEquals((await streamed.test.load(1)).data, held.test.image(1).data);
  assertEquals(streamed.test.recipe(1), held.test.recipe(1));
});

Deno.test("a file that breaks while training ends it by name, or is replaced by one of its class", async () => {
  const root = await treeOf(pairs);
  const strict = await read(root, { memory: 0 });
  const lenient = await read(root, { memory: 0, skipBroken: true });
  const path = String(strict.train.recipe(0).file);
  await Deno.writeFile(path, new Uint8Array(5));
  using loader = new Loader(strict.train, { batchSize: strict.train.count });
  await assertRejects(() => loader.next(), DataError, path);
  const skipped: string[] = [];
  using other = new Loader(lenient.train, {
    batchSize: lenient.train.count,
    onSkip: (problem) => skipped.push(problem.path),
  });
  const { labels, rows } = await other.next();
  assertEquals(skipped, [path]);
  assert(!rows.includes(0));
  assertEquals(labels.reduce((sum, label) => sum + label), rows.length / 2);
});

Deno.test("the sets that are scored again and again are checked before, though they are not held", async () => {
  const root = await treeOf(pairs);
  const path = String((await read(root)).validation.recipe(0).file);
  await Deno.writeFile(path, new Uint8Array(5));
  await assertRejects(() => read(root, { memory: 0 }), DataError, path);
  const { validation } = await read(root, { memory: 0, skipBroken: true });
  assert(
    Array.from({ length: validation.count }, (_, row) => validation.recipe(row).file).every((
      file,
    ) => file !== path),
  );
});

Deno.test("hidden files and other endings are passed over and counted", async () => {
  const root = await treeOf(["real/1.png", "fake/2.png"]);
  await grow(root, ["real/._1.png", "outside.png"]);
  await Deno.writeTextFile(join(root, "real/notes.txt"), "");
  const { list, ignored } = await openData(root);
  assertEquals(list.count, 2);
  assertEquals(ignored, { ".txt": 1, ".png": 1 });
});

/** A whole black PNG of one bit a pixel, `side` pixels wide and high. */
function hugePng(side: number): Uint8Array {
  const crcTable = Int32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n;
  });
  const chunk = (name: string, content: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(12 + content.length), view = new DataView(bytes.buffer);
    view.setUint32(0, content.length);
    bytes.set(new TextEncoder().encode(name), 4);
    bytes.set(content, 8);
    let crc = -1;
    for (const byte of bytes.subarray(4, 8 + content.length)) {
      crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
    }
    view.setInt32(8 + content.length, ~crc);
    return bytes;
  };
  const header = new Uint8Array(13), view = new DataView(header.buffer);
  view.setUint32(0, side);
  view.setUint32(4, side);
  header[8] = 1;
  const rows = zlibSync(new Uint8Array(side * (1 + side / 8)), { level: 1 });
  const parts = [
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", header),
    chunk("IDAT", rows),
    chunk("IEND", new Uint8Array()),
  ];
  const png = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    png.set(part, at);
    at += part.length;
  }
  return png;
}
