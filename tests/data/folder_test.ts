// Tests of the real/ fake/ layout: families, pairs, stable splits, and clear errors.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { type FolderSplits, readFolder } from "../../data/folder.ts";
import { encodePng } from "../../data/image.ts";
import { DataError, FormatError } from "../../errors.ts";

/** Writes constant pictures of the given grey levels below a new folder. */
async function folderOf(files: Record<string, number>): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const [name, grey] of Object.entries(files)) {
    const path = join(folder, name);
    await Deno.mkdir(join(path, ".."), { recursive: true });
    const data = new Uint8Array(40 * 30 * 3).fill(grey);
    await Deno.writeFile(path, await encodePng({ width: 40, height: 30, data }));
  }
  return folder;
}

/** Forty names with a real and a forged picture each. */
function pairedFiles(): Record<string, number> {
  const files: Record<string, number> = { "real/notes.txt": 0 };
  for (let i = 0; i < 40; i++) {
    files[`real/${i}.png`] = i;
    files[`fake/${i % 2 ? "swap" : "blend"}/${i}.png`] = 100 + i;
  }
  return files;
}

/** Source names of each split. */
function names(splits: FolderSplits): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(splits).map(([split, set]) => [split, set.sourceNames.toSorted()]),
  );
}

Deno.test("pictures come with class, family and pair, in splits that share no name", async () => {
  const folder = await folderOf(pairedFiles());
  const splits = await readFolder(folder, { size: 16 });
  const all = Object.values(names(splits)).flat();
  assertEquals(all.length, 40);
  assertEquals(new Set(all).size, 40);
  for (const set of [splits.train, splits.validation, splits.test]) {
    for (let row = 0; row < set.count; row++) {
      const number = Number(set.source(row)), forged = set.arrays.labels[row] === 1;
      assertEquals(set.family(row), forged ? (number % 2 ? "swap" : "blend") : "real");
      assert(set.image(row).data.every((value) => value === (forged ? 100 : 0) + number));
      const twin = [...set.arrays.pairs].findIndex((pair, i) =>
        i !== row && pair === set.arrays.pairs[row]
      );
      assertEquals(set.source(twin), set.source(row));
      assertEquals(set.arrays.labels[twin], forged ? 0 : 1);
    }
  }
});

Deno.test("a picture's split does not change when others are added, but does with the seed", async () => {
  const files = pairedFiles();
  const before = names(await readFolder(await folderOf(files), { size: 16 }));
  files["real/more.png"] = 1;
  const folder = await folderOf(files);
  const after = names(await readFolder(folder, { size: 16 }));
  for (const split of Object.keys(before)) {
    assertEquals(after[split].filter((name) => name !== "more"), before[split]);
  }
  const other = names(await readFolder(folder, { size: 16, splitSeed: 1 }));
  assert(other.train.join() !== after.train.join());
});

Deno.test("without one forged picture for each real one there are no pairs", async () => {
  const files = pairedFiles();
  for (let i = 0; i < 30; i++) files[`fake/extra ${i}.png`] = i;
  const { train } = await readFolder(await folderOf(files), { size: 16 });
  assert(train.arrays.pairs.every((pair) => pair === -1));
  assert(train.familyNames.includes("fake"));
});

Deno.test("a missing folder, a missing or empty class and a damaged picture are named", async () => {
  const folder = await folderOf({ "real/a.png": 1 });
  await assertRejects(() => readFolder(join(folder, "x")), DataError, "real: no such folder");
  await assertRejects(() => readFolder(folder), DataError, "fake: no such folder");
  await Deno.mkdir(join(folder, "fake"));
  await assertRejects(() => readFolder(folder), DataError, "fake: expected pictures");
  const few = await folderOf({ "real/a.png": 1, "fake/a.png": 2 });
  await assertRejects(() => readFolder(few), DataError, "split");
  const damaged = await folderOf(pairedFiles());
  await Deno.writeFile(join(damaged, "real", "7.png"), new Uint8Array());
  await assertRejects(() => readFolder(damaged), FormatError, "7.png");
});
