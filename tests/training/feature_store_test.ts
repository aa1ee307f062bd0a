// Features of frozen blocks on disk: computed once, gone on with after an interruption, keyed by all they depend on.

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { CoritDetector } from "../../corit/mod.ts";
import { CropSet } from "../../data/mod.ts";
import { InterruptedError } from "../../errors.ts";
import { tune, VisionTransformer } from "../../nn/mod.ts";
import { tensor } from "../../tensor/mod.ts";
import { parseTrainingConfig } from "../../training/config.ts";
import { FeatureStore } from "../../training/feature_store.ts";
import { FeatureFeed, unchanged, viewsToKeep } from "../../training/feed.ts";
import { inFolder } from "../end_to_end/command.ts";
import { syntheticSplits } from "./synthetic.ts";

const splits = syntheticSplits({
  size: 32,
  families: ["swap", "upsample"],
  pairs: { train: 40, validation: 6, test: 6 },
});
const views = viewsToKeep(parseTrainingConfig({ backbone: "clip-vit-b16", views: 2 }));

/** A detector on a small encoder; the seed makes the encoder. */
function detectorOf(way: "probe" | "last", seed = 1): CoritDetector {
  const backbone = VisionTransformer.create({
    preset: "tiny",
    imageSize: 32,
    patchSize: 16,
    width: 12,
    depth: 3,
    heads: 2,
    classes: 0,
    seed,
  });
  const detector = CoritDetector.create({
    backbone,
    seed: 0,
    maskLossWeight: way === "probe" ? 0 : 1,
  });
  tune(detector, { way, ...(way === "last" ? { blocks: 1 } : {}) });
  return detector;
}

/** A store of the training crops. */
function storeOf(
  folder: string,
  way: "probe" | "last",
  changes: Partial<{ fingerprint: string; seed: number; views: typeof views; set: CropSet }> = {},
): FeatureStore {
  const detector = detectorOf(way);
  const part = detector.frozenPart()!;
  const request = { detector, part, set: splits.train, views, seed: 0, fingerprint: "a", folder };
  return new FeatureStore({ ...request, ...changes });
}

for (const way of ["probe", "last"] as const) {
  Deno.test(`features kept for ${way} score crops and their mirror images as the pixels do`, () =>
    inFolder(async (folder) => {
      using store = storeOf(folder, way);
      assertEquals(await store.present(), 0);
      await store.complete(() => {});
      assertEquals(await store.present(), 160);
      const files = await Array.fromAsync(Deno.readDir(store.path));
      assertEquals(files.map(({ name }) => name).sort(), ["000000.f32", "000001.f32"]);
      const sizes = files.map(({ name }) => Deno.statSync(`${store.path}/${name}`).size);
      assertEquals(sizes.reduce((a, b) => a + b), store.bytes);
      const detector = detectorOf(way);
      // Row 7 as it is, row 3 mirrored, row 30 mirrored from the second file.
      const batch = store.batch([7, 80 + 3, 80 + 70]);
      const found = detector.probabilities(batch).dataSync();
      assertEquals([...batch.labels.dataSync()], [1, 1, 0]);
      const planes = [[7, false], [3, true], [70, true]].flatMap(([row, flipped]) => {
        const { data } = splits.train.image(Number(row));
        return [0, 1, 2].flatMap((channel) =>
          Array.from({ length: 32 * 32 }, (_, pixel) => {
            const x = pixel % 32, y = pixel >> 5;
            return data[3 * (32 * y + (flipped ? 31 - x : x)) + channel];
          })
        );
      });
      const wanted = detector.probabilities(tensor(planes, { shape: [3, 3, 32, 32] })).dataSync();
      found.forEach((value, at) => assert(Math.abs(value - wanted[at]) < 1e-6, `crop ${at}`));
      if (way === "last") assertEquals(batch.masks!.shape, [3, 2, 2]);
    }));
}

Deno.test("features of crops that are read from other files are kept apart", () =>
  inFolder((folder) => {
    const pathOf = (name: string, parent: string): string => {
      const { arrays, familyNames, sourceNames } = splits.train;
      const { length } = arrays.labels;
      const names = Array.from({ length }, (_, at) => `${name}${String(at).padStart(3, "0")}`);
      const set = new CropSet({
        ...arrays,
        pixels: new Uint8Array(),
        fileBytes: new TextEncoder().encode(names.join("")),
        fileStarts: Int32Array.from({ length: length + 1 }, (_, at) => at * (name.length + 3)),
        fileFolders: new Int32Array(length),
        folderPaths: [parent],
      }, { familyNames, sourceNames, recipeLines: [] });
      using store = storeOf(folder, "probe", { set });
      return store.path;
    };
    const paths = [pathOf("a", "/one"), pathOf("b", "/one"), pathOf("a", "/two")];
    assertEquals(new Set(paths).size, 3);
    assertEquals(pathOf("a", "/one"), paths[0]);
    return Promise.resolve();
  }));

Deno.test("an interruption keeps the files that were written, and what is there is not computed again", () =>
  inFolder(async (folder) => {
    const controller = new AbortController();
    using store = storeOf(folder, "probe");
    const stopped = store.complete(({ done }) => {
      if (done > 128) controller.abort();
    }, controller.signal);
    // 160 views in two files: the last batch of the second is reported when it is done already.
    await stopped;
    await Deno.remove(`${store.path}/000000.f32`);
    assertEquals(await store.present(), 32);
    const aborted = new AbortController();
    aborted.abort();
    await assertRejects(
      () => store.complete(() => {}, aborted.signal),
      InterruptedError,
      "those that were written are kept",
    );
    const before = Deno.statSync(`${store.path}/000001.f32`).mtime;
    const told: number[] = [];
    await store.complete(({ done }) => told.push(done));
    assertEquals(told, [32, 64, 96, 128, 160]);
    assertEquals(Deno.statSync(`${store.path}/000001.f32`).mtime, before);
    // A file that was cut off does not count.
    await Deno.truncate(`${store.path}/000000.f32`, 1000);
    assertEquals(await store.present(), 32);
  }));

Deno.test("the key changes with weights, views, seed and what is kept", () => {
  const paths = [
    storeOf("x", "probe"),
    storeOf("x", "last"),
    storeOf("x", "probe", { fingerprint: "b" }),
    storeOf("x", "probe", { seed: 1 }),
    storeOf("x", "probe", { views: [unchanged] }),
  ].map(({ path }) => path);
  assertEquals(new Set(paths).size, paths.length);
  assertEquals(storeOf("x", "probe").path, paths[0]);
  assertNotEquals(paths[0], "x");
});

Deno.test("a feed deals each view of each pair once an epoch, twins together, and goes on from a state", () =>
  inFolder(async (folder) => {
    const stores = { train: storeOf(folder, "probe") };
    await stores.train.complete(() => {});
    const others = { validation: stores.train, test: stores.train };
    using feed = new FeatureFeed({ batchPairs: 8, seed: 3, twins: true }, splits.train, {
      ...stores,
      ...others,
    });
    assertEquals(feed.batchSize, 16);
    const first = await feed.next();
    assertEquals([...first.labels.dataSync()], Array.from({ length: 16 }, (_, at) => at % 2));
    // 40 pairs in two views make ten batches of 8.
    for (let batch = 1; batch < 10; batch++) await feed.next();
    assertEquals(feed.state, { epoch: 1, position: 0 });
    feed.restore({ epoch: 0, position: 0 });
    const again = await feed.next();
    assertEquals([...again.pooled!.dataSync()], [...first.pooled!.dataSync()]);
  }));
