// Crops once decoded, in a file that nobody else sees and that is gone with the process.

import { join } from "node:path";
import { cacheFolder } from "./cache.ts";

/**
 * Room on disk for crops of one size; the system keeps the parts that are used in memory that it can take back.
 *
 * A full disk ends the storing, not the reading: what is not stored is decoded again.
 */
export class CropStore {
  readonly #bytes: number;
  readonly #stored: Uint8Array;
  #file: Deno.FsFile | undefined;

  /** Makes room for `count` crops of `bytes` bytes. */
  constructor(count: number, bytes: number) {
    this.#bytes = bytes;
    this.#stored = new Uint8Array(count);
    this.#file = openUnnamed();
  }

  /** Reads a crop into `target`; false where it is not stored. */
  read(index: number, target: Uint8Array): boolean {
    if (!this.#stored[index] || !this.#file) return false;
    this.#file.seekSync(index * this.#bytes, Deno.SeekMode.Start);
    for (let done = 0; done < target.length;) {
      const read = this.#file.readSync(target.subarray(done));
      if (read === null) return false;
      done += read;
    }
    return true;
  }

  /** Stores a crop. */
  write(index: number, pixels: Uint8Array): void {
    if (!this.#file) return;
    try {
      this.#file.seekSync(index * this.#bytes, Deno.SeekMode.Start);
      for (let done = 0; done < pixels.length;) {
        done += this.#file.writeSync(pixels.subarray(done));
      }
      this.#stored[index] = 1;
    } catch {
      // Most likely the disk is full: what is stored stays readable, the rest is decoded whenever it is needed.
      this.#stored[index] = 0;
    }
  }
}

/** A file that is removed as soon as it is open; undefined where it cannot be made, or not be removed while open. */
function openUnnamed(): Deno.FsFile | undefined {
  let path = "";
  try {
    const folder = join(cacheFolder(), "crops");
    Deno.mkdirSync(folder, { recursive: true });
    path = Deno.makeTempFileSync({ dir: folder });
    const file = Deno.openSync(path, { read: true, write: true });
    Deno.removeSync(path);
    return file;
  } catch {
    return undefined;
  }
}
