// Walking through a folder without holding its contents, and without walking in circles.

import { join } from "node:path";
import type { DataProblem } from "./problem.ts";

/** One file that was come across. */
export interface WalkedFile {
  /** Path of its folder. */
  readonly folder: string;
  /** The folder's path from the root, in levels. */
  readonly parts: readonly string[];
  /** Its name. */
  readonly name: string;
}

/** A folder to be listed. */
interface Pending {
  readonly path: string;
  readonly parts: readonly string[];
}

/**
 * Gives the files below a folder, in the order of the file system; links are followed, each folder is entered once.
 *
 * Names that begin with a dot are passed over, and so is what is neither file nor folder: reading a pipe might never end.
 * @param onProblem Told of what cannot be listed, links that lead nowhere and loops.
 */
export async function* walkFiles(
  root: string,
  onProblem: (problem: DataProblem) => void,
): AsyncGenerator<WalkedFile> {
  const entered = new Map<string, string>();
  const pending: Pending[] = [{ path: root, parts: [] }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { path, parts } = next;
    const id = await folderId(path, onProblem);
    if (id === undefined) continue;
    const before = entered.get(id);
    if (before !== undefined) {
      onProblem({
        path,
        what: isBelow(path, before)
          ? `a loop: this folder leads back to ${before}; it was not entered again`
          : `the same folder as ${before}; it was not read twice`,
        loses: false,
      });
      continue;
    }
    entered.set(id, path);
    try {
      for await (const { name, isDirectory, isFile, isSymlink } of Deno.readDir(path)) {
        if (name.startsWith(".")) continue;
        if (isFile) yield { folder: path, parts, name };
        else if (isDirectory) pending.push({ path: join(path, name), parts: [...parts, name] });
        else if (isSymlink) {
          const target = await Deno.stat(join(path, name)).catch(() => undefined);
          if (target?.isFile) yield { folder: path, parts, name };
          else if (target?.isDirectory) {
            pending.push({ path: join(path, name), parts: [...parts, name] });
          } else if (target === undefined) {
            onProblem({
              path: join(path, name),
              what: "a link that leads nowhere",
              loses: true,
            });
          }
        }
      }
    } catch (cause) {
      onProblem({
        path,
        what: `the folder cannot be listed (${(cause as Error).message})`,
        loses: true,
      });
    }
  }
}

/** What tells a folder from all others; undefined where it cannot be told. */
async function folderId(
  path: string,
  onProblem: (problem: DataProblem) => void,
): Promise<string | undefined> {
  try {
    const { dev, ino } = await Deno.stat(path);
    return ino ? `${dev} ${ino}` : await Deno.realPath(path);
  } catch (cause) {
    // A link that leads to itself ends here too.
    onProblem({
      path,
      what: `the folder cannot be entered (${(cause as Error).message})`,
      loses: true,
    });
    return undefined;
  }
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(join(above, "/"));
}
