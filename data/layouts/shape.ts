// Looking at the upper levels of a folder, without listing what lies below.

import { join } from "node:path";
import { DataError } from "../../errors.ts";
import type { FolderShape } from "./layout.ts";

/** Levels of folders that are looked at. */
const LEVELS = 6;

/** Entries of one folder that are looked at: a folder of frames may hold a million. */
const ENTRIES = 1000;

/** Folders that are looked at in all. */
const FOLDERS = 5000;

/**
 * Looks at the upper levels of a folder.
 *
 * @throws {DataError} when there is no such folder.
 */
export async function shapeOfFolder(root: string): Promise<FolderShape> {
  const children = new Map<string, string[]>();
  const files: string[] = [];
  let queue: string[] = [""];
  for (let level = 0; level < LEVELS && queue.length > 0; level++) {
    const below: string[] = [];
    for (const folder of queue) {
      if (children.size >= FOLDERS) break;
      const names: string[] = [];
      let seen = 0;
      try {
        for await (const entry of Deno.readDir(join(root, folder))) {
          if (++seen > ENTRIES) break;
          if (entry.name.startsWith(".")) continue;
          if (entry.isDirectory || (entry.isSymlink && await leadsToFolder(root, folder, entry))) {
            names.push(entry.name);
          } else if (folder === "") files.push(entry.name);
        }
      } catch (cause) {
        if (folder === "") {
          throw new DataError(
            `${root}: no such folder; a data set is a folder with real/ and fake/ in it, or one of the ` +
              "layouts that docs/data.md lists",
            { cause },
          );
        }
      }
      children.set(folder, names.sort());
      below.push(...names.map((name) => (folder === "" ? name : `${folder}/${name}`)));
    }
    // Videos' folders by the thousand all look alike: a few of each parent's are enough.
    queue = below.length <= ENTRIES ? below : thinned(below);
  }
  return { root, children, files };
}

async function leadsToFolder(
  root: string,
  folder: string,
  { name }: Deno.DirEntry,
): Promise<boolean> {
  const target = await Deno.stat(join(root, folder, name)).catch(() => undefined);
  return target?.isDirectory ?? false;
}

/** At most eight folders of each parent. */
function thinned(folders: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return folders.filter((folder) => {
    const parent = folder.slice(0, Math.max(0, folder.lastIndexOf("/")));
    const count = (counts.get(parent) ?? 0) + 1;
    counts.set(parent, count);
    return count <= 8;
  });
}
