// Tests of the cache folder and of writing as a whole or not at all.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { cacheFolder, writeAtomically } from "../../data/cache.ts";
import { FileError } from "../../errors.ts";

Deno.test("the cache folder is CORIT_CACHE, else the platform's own place", () => {
  const home = { HOME: "/home/x", LOCALAPPDATA: "L" };
  assertEquals(cacheFolder({ ...home, CORIT_CACHE: "/c", XDG_CACHE_HOME: "/x" }, "linux"), "/c");
  assertEquals(cacheFolder({ ...home, XDG_CACHE_HOME: "/x" }, "linux"), join("/x", "corit"));
  assertEquals(cacheFolder(home, "linux"), join("/home/x", ".cache", "corit"));
  assertEquals(cacheFolder(home, "darwin"), join("/home/x", "Library", "Caches", "corit"));
  assertEquals(cacheFolder(home, "windows"), join("L", "corit"));
  assertThrows(() => cacheFolder({}, "linux"), FileError, "CORIT_CACHE");
});

Deno.test("a file appears whole; a failed write leaves the old file and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "below", "file");
  await writeAtomically(path, [new Uint8Array([1, 2]), new Uint8Array([3])]);
  assertEquals([...await Deno.readFile(path)], [1, 2, 3]);

  function* failing(): Generator<Uint8Array> {
    yield new Uint8Array([9]);
    throw new Error("no space left on device");
  }
  await assertRejects(() => writeAtomically(path, failing()), FileError, "no space left");
  assertEquals([...await Deno.readFile(path)], [1, 2, 3]);
  assertEquals([...Deno.readDirSync(join(folder, "below"))].map(({ name }) => name), ["file"]);
});
