// A large folder is listed in bounded memory: some bytes a file, whatever the number of files.

import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { listData } from "../../data/list_data.ts";
import { inFolder } from "../end_to_end/command.ts";

Deno.test("a list takes less than 60 bytes a file, in columns, ordered by number", () =>
  inFolder(async (folder) => {
    const count = 3000;
    for (const name of ["real", "fake"]) await Deno.mkdir(join(folder, name));
    const first = join(folder, "real", "picture_0000000.png");
    await Deno.writeFile(first, new Uint8Array(1));
    await Promise.all(Array.from({ length: count - 1 }, (_, i) => {
      const name = `picture_${String(i + 1).padStart(7, "0")}.png`;
      return Deno.link(first, join(folder, i % 2 ? "real" : "fake", name));
    }));
    const { list } = await listData(folder);
    assertEquals(list.count, count);
    const columns = [
      list.names.bytes,
      list.names.starts,
      list.folders,
      list.kinds,
      list.sources,
      list.videos,
    ];
    const bytes = columns.reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert(bytes / count < 60, `${bytes / count} bytes a file`);
    assertEquals(list.folderPaths.length + list.kindTable.length + list.videoPaths.length, 4);
    assertEquals(list.name(0), "picture_0000001.png");
    assertEquals(list.name(count - 1), "picture_0002998.png");
  }));
