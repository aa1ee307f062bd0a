// Tests of the starter benchmark: same bytes from same options, kept and checked on disk, nothing left to chance.

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { CropSet } from "../../data/crop_set.ts";
import type { Photograph } from "../../data/photographs.ts";
import { ConfigError, InterruptedError } from "../../errors.ts";
import { type ForgeryFamilyName, starterFamilyNames } from "../../forgeries/families.ts";
import {
  BENCHMARK_VERSION,
  type StarterBenchmarkOptions,
  type StarterProgress,
  starterSplit,
} from "../../forgeries/starter_benchmark.ts";
import { drawPair } from "../../forgeries/starter_pair.ts";
import { splitPhotographs } from "../../forgeries/starter_split.ts";
import { texture } from "./textures.ts";

/** One hash over everything in a set. */
function hashOf(set: CropSet): string {
  const hash = createHash("sha256");
  for (const values of Object.values(set.arrays)) {
    if (typeof values !== "number") {
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  return hash.update(JSON.stringify([set.familyNames, set.sourceNames, set.recipeLines]))
    .digest("hex");
}

const FEW: StarterBenchmarkOptions = {
  trainPairs: 16,
  validationPairs: 6,
  testPairs: 8,
  workers: 0,
  cache: false,
};

Deno.test("the bytes of a split depend on its options, not on the number of workers", async () => {
  const alone = hashOf(await starterSplit("train", FEW));
  assertEquals(hashOf(await starterSplit("train", { ...FEW, workers: 2 })), alone);
  assertNotEquals(hashOf(await starterSplit("train", { ...FEW, seed: 1 })), alone);
  assertNotEquals(hashOf(await starterSplit("train", { ...FEW, splitSeed: 1 })), alone);
});

Deno.test("what the code draws has not changed without a new version", () => {
  // Pixels before JPEG, so that the hash does not depend on the codec. When it changes, raise BENCHMARK_VERSION: prepared
  // splits in users' caches are then made anew.
  const sources = [1, 2, 3, 4].map((seed) => ({
    image: texture(160, seed),
    kind: seed % 2 ? "face" as const : "scene" as const,
  }));
  const hashOf = (families: readonly ForgeryFamilyName[]): string => {
    const hash = createHash("sha256");
    for (const family of families) {
      for (let index = 0; index < 8; index++) {
        const pair = drawPair({ split: "train", family, index }, sources, 64, 0);
        hash.update(pair.crop.image.data).update(pair.forgery.image.data);
        hash.update(
          JSON.stringify([pair.forgery.recipe, pair.encoding, pair.donor?.region ?? null]),
        );
      }
    }
    return hash.digest("hex").slice(0, 16);
  };
  assertEquals(BENCHMARK_VERSION, 1);
  assertEquals(hashOf(starterFamilyNames), "882e5fcbc6cac887");
  assertEquals(hashOf(["splice"]), "30eb9bf1cca3c4db");
});

Deno.test("a finished split is read again; a damaged or cut off file is made anew", async () => {
  const cache = await Deno.makeTempDir();
  const made = hashOf(await starterSplit("validation", { ...FEW, cache }));
  const [{ name }] = [...Deno.readDirSync(join(cache, "starter"))];
  const path = join(cache, "starter", name);
  const before = (await Deno.stat(path)).mtime;
  assertEquals(hashOf(await starterSplit("validation", { ...FEW, cache })), made);
  assertEquals((await Deno.stat(path)).mtime, before);

  const whole = await Deno.readFile(path);
  const changed = whole.slice();
  changed[changed.length >> 1] ^= 4;
  for (const damaged of [changed, whole.subarray(0, 1000), new Uint8Array()]) {
    await Deno.writeFile(path, damaged);
    assertEquals(hashOf(await starterSplit("validation", { ...FEW, cache })), made);
    assertEquals(await Deno.readFile(path), whole);
  }
  assertEquals([...Deno.readDirSync(join(cache, "starter"))].length, 1);
});

Deno.test("training draws families by weight, validation and test share equally", async () => {
  const families = ["upsample", "swap"];
  const options = { ...FEW, families, trainPairs: 60, testFamilies: ["spectral", "swap"] };
  const count = (set: CropSet): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let row = 0; row < set.count; row++) {
      counts[set.family(row)] = (counts[set.family(row)] ?? 0) + 1;
    }
    return counts;
  };
  const train = count(await starterSplit("train", { ...options, workers: 2 }));
  assertEquals(train.real, 60);
  assertEquals(Object.keys(train).sort(), ["real", "swap", "upsample"]);
  // 0.35 : 0.15 gives swap 70 %; four standard deviations of a draw of 60.
  assert(Math.abs(train.swap - 42) < 4 * Math.sqrt(60 * 0.21));
  assertEquals(count(await starterSplit("validation", options)), { real: 6, swap: 3, upsample: 3 });
  assertEquals(count(await starterSplit("test", options)), { real: 8, swap: 4, spectral: 4 });
});

Deno.test("a family's test pairs are the same whatever else is tested", async () => {
  const of = async (testFamilies: string[], testPairs: number) => {
    const set = await starterSplit("test", { ...FEW, testFamilies, testPairs });
    return Array.from({ length: set.count }, (_, row) => row)
      .filter((row) => set.family(row) === "swap").map((row) => set.recipeLines[row]);
  };
  assertEquals(await of(["swap"], 3), await of(["swap", "upsample", "spectral"], 9));
});

Deno.test("twins share source, cut and encoding; masks and labels fit the family", async () => {
  const set = await starterSplit("test", FEW);
  assertEquals([set.size, set.count], [64, 16]);
  for (let row = 0; row < set.count; row += 2) {
    const { forgery, donor, ...twin } = set.recipe(row + 1);
    assertEquals(twin, set.recipe(row));
    assert(forgery !== undefined);
    assertEquals(donor !== undefined, set.family(row + 1) === "swap");
    assertEquals([set.arrays.labels[row], set.arrays.labels[row + 1]], [0, 1]);
    assertEquals([set.arrays.pairs[row], set.arrays.pairs[row + 1]], [row / 2, row / 2]);
    assertEquals(set.encoding(row), set.encoding(row + 1));
    assertEquals(set.source(row), set.source(row + 1));
    assertEquals(twin.source, set.arrays.sources[row]);
    assert(set.mask(row).every((share) => share === 0));
    const local = ["swap", "self-blend"].includes(set.family(row + 1));
    assertEquals([set.arrays.hasMask[row], set.arrays.hasMask[row + 1]], [1, local ? 1 : 0]);
    assertEquals(set.mask(row + 1).every((share) => share === 1), !local);
    assertNotEquals([...set.image(row).data], [...set.image(row + 1).data]);
  }
});

Deno.test("photographs are dealt 60 : 15 : 25 by name, each kind alike, whatever their order", () => {
  const photographs = Array.from({ length: 100 }, (_, i): Photograph => ({
    id: `photograph ${i}`,
    kind: i < 60 ? "face" : "scene",
    path: "",
  }));
  const splits = splitPhotographs(photographs, 0);
  const sizes = (kind: string) =>
    Object.values(splits).map((part) => part.filter((one) => one.kind === kind).length);
  assertEquals(sizes("face"), [36, 9, 15]);
  assertEquals(sizes("scene"), [24, 6, 10]);
  assertEquals(new Set(Object.values(splits).flat().map(({ id }) => id)).size, 100);
  assertEquals(splitPhotographs(photographs.toReversed(), 0), splits);
  assertNotEquals(splitPhotographs(photographs, 1), splits);
});

Deno.test("an aborted making throws the signal's reason soon and keeps nothing", async () => {
  const cache = await Deno.makeTempDir();
  for (const workers of [0, 2]) {
    const controller = new AbortController();
    let done = 0;
    const onProgress = (progress: StarterProgress) => {
      done = progress.done;
      if (done === 2) controller.abort(new InterruptedError("enough"));
    };
    const options = { ...FEW, trainPairs: 500, cache, workers, signal: controller.signal };
    await assertRejects(
      () => starterSplit("train", { ...options, onProgress }),
      InterruptedError,
      "enough",
    );
    assert(done < 50, `${done} pairs were made`);
  }
  await assertRejects(() => Deno.stat(join(cache, "starter")), Deno.errors.NotFound);
});

Deno.test("options out of range are refused before anything is made", async () => {
  const bad: [StarterBenchmarkOptions, string][] = [
    [{ families: ["swop"] }, '"swop"'],
    [{ testFamilies: [] }, "none"],
    [{ size: 40 }, "multiple of 16"],
    [{ trainPairs: 0 }, "train pairs"],
    [{ testPairs: 1.5 }, "test pairs"],
  ];
  for (const [options, words] of bad) {
    await assertRejects(() => starterSplit("train", options), ConfigError, words);
  }
});
