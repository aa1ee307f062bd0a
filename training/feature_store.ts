// What a detector's frozen blocks make of a set of crops, computed once and kept on disk.

import { createHash } from "node:crypto";
import { join } from "node:path";
import type { CoritDetector } from "../corit/detector.ts";
import type { FrozenBatch, FrozenPart } from "../corit/frozen.ts";
import { patchShare } from "../corit/grid.ts";
import type { Augmentation } from "../data/augment.ts";
import { emptyBatch, fillBatch, firstOf } from "../data/batch.ts";
import { cacheFolder, writeAtomically } from "../data/cache.ts";
import type { CropSet } from "../data/crop_set.ts";
import { FormatError, InterruptedError } from "../errors.ts";
import { RandomStream } from "../tensor/random.ts";
import { scoped, tensor } from "../tensor/mod.ts";
import { fileError } from "./files.ts";

/** Raised whenever the bytes of a store would differ. */
const version = 1;

/** Crops in a file: what an interruption loses at most. */
const cropsPerFile = 128;

/** Crops in one pass of the encoder. */
const batchSize = 32;

/** What is computed of what. */
export interface FeatureRequest {
  /** The detector, of which the frozen part is used. */
  readonly detector: CoritDetector;
  /** What of it is frozen, and kept. */
  readonly part: FrozenPart;
  /** The encoder's weights by their hash. */
  readonly fingerprint: string;
  /** The crops. */
  readonly set: CropSet;
  /** How each view of a crop is changed; every crop has as many views. */
  readonly views: readonly Augmentation[];
  /** Decides the views. */
  readonly seed: number;
  /** The folder of all stores; one in `cacheFolder()` where absent. */
  readonly folder?: string;
}

/** How far a store is. */
export interface FeatureProgress {
  /** Views of crops that are done. */
  readonly done: number;
  /** Views of all crops. */
  readonly total: number;
}

/** The floats of one view of one crop, one part behind the other. */
interface RecordLayout {
  readonly pooled: number;
  readonly tokens: number;
  readonly masks: number;
  readonly length: number;
}

/**
 * A folder of files of up to 128 crops' features, float32, each written as a whole or not at all. Its name is a hash of
 * everything that the numbers depend on: the encoder's weights, which blocks are read, the crops and how they are changed.
 */
export class FeatureStore implements Disposable {
  /** Views of crops. */
  readonly count: number;
  /** Where it is. */
  readonly path: string;
  readonly #request: FeatureRequest;
  readonly #layout: RecordLayout;
  readonly #files = new Map<number, Deno.FsFile>();

  /** Says what is wanted; {@linkcode complete} makes it. */
  constructor(request: FeatureRequest) {
    this.#request = request;
    this.#layout = layoutOf(request);
    this.count = request.set.count * request.views.length;
    const folder = request.folder ?? join(cacheFolder(), "features");
    this.path = join(folder, keyOf(request));
  }

  /** Bytes of all files. */
  get bytes(): number {
    return 4 * this.count * this.#layout.length;
  }

  /** Views of crops that are on disk. */
  async present(): Promise<number> {
    let present = 0;
    for (let file = 0; file < this.#fileCount; file++) {
      if (await this.#isWhole(file)) present += this.#cropsIn(file);
    }
    return present;
  }

  /**
   * Computes what is not on disk yet.
   *
   * @throws {FileError} The files cannot be written.
   * @throws {InterruptedError} The signal was aborted; what was done is kept.
   */
  async complete(
    onProgress: (progress: FeatureProgress) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { count: total } = this;
    let done = await this.present();
    if (done < total) onProgress({ done, total });
    for (let file = 0; file < this.#fileCount; file++) {
      if (await this.#isWhole(file)) continue;
      const records = new Float32Array(this.#cropsIn(file) * this.#layout.length);
      for (let at = 0; at < this.#cropsIn(file); at += batchSize) {
        if (signal?.aborted) {
          throw new InterruptedError(
            "interrupted while features were computed; those that were written are kept, and the " +
              "same command goes on",
          );
        }
        const count = Math.min(batchSize, this.#cropsIn(file) - at);
        await this.#compute(file * cropsPerFile + at, count, records, at);
        onProgress({ done: done + at + count, total });
      }
      await writeAtomically(this.#pathOf(file), [new Uint8Array(records.buffer)]);
      done += this.#cropsIn(file);
    }
  }

  /** Features of some views, by their numbers (view times crops plus row), with what the loss needs. */
  batch(numbers: ArrayLike<number>): FrozenBatch {
    const { set, part, detector } = this.#request;
    const { pooled, tokens, masks, length } = this.#layout;
    const count = numbers.length;
    const records = new Float32Array(count * length);
    for (let at = 0; at < count; at++) this.#read(numbers[at], records, at * length);
    const width = detector.backbone.config.width;
    const [rows, columns] = detector.grid;
    const column = (from: number, size: number, shape: number[]) => {
      if (size === 0) return undefined;
      const values = new Float32Array(count * size);
      for (let at = 0; at < count; at++) {
        const start = at * length + from;
        values.set(records.subarray(start, start + size), at * size);
      }
      return tensor(values, { shape: [count, ...shape] });
    };
    const of = (values: Uint8Array) =>
      tensor(Float32Array.from({ length: count }, (_, at) => values[numbers[at] % set.count]));
    const parts = {
      pooled: column(0, pooled, [part.taps.length, 2, width]),
      tokens: column(pooled, tokens, [tokens / width, width]),
      masks: column(pooled + tokens, masks, [rows, columns]),
      ...(masks > 0 ? { hasMask: of(set.arrays.hasMask) } : {}),
    };
    const present = Object.entries(parts).filter(([, value]) => value !== undefined);
    return { labels: of(set.arrays.labels), ...Object.fromEntries(present) };
  }

  /** Closes its files. */
  [Symbol.dispose](): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  get #fileCount(): number {
    return Math.ceil(this.count / cropsPerFile);
  }

  #cropsIn(file: number): number {
    return Math.min(cropsPerFile, this.count - file * cropsPerFile);
  }

  #pathOf(file: number): string {
    return join(this.path, `${String(file).padStart(6, "0")}.f32`);
  }

  async #isWhole(file: number): Promise<boolean> {
    try {
      const { size } = await Deno.stat(this.#pathOf(file));
      return size === 4 * this.#cropsIn(file) * this.#layout.length;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw fileError("look at", this.#pathOf(file), error);
    }
  }

  /** Computes views `first` to `first + count` into records from the one at `at` on. */
  async #compute(first: number, count: number, records: Float32Array, at: number): Promise<void> {
    const { set, views, seed, detector, part } = this.#request;
    const { length, pooled, tokens, masks } = this.#layout;
    // A batch may reach over the end of a view.
    for (let done = 0; done < count;) {
      const view = Math.floor((first + done) / set.count);
      const row = (first + done) % set.count;
      const taken = Math.min(count - done, set.count - row);
      const rows = Int32Array.from({ length: taken }, (_, each) => row + each);
      const batch = firstOf(emptyBatch(taken, set.size), taken);
      const random = new RandomStream(seed).fork("views").fork(view);
      await fillBatch(batch, set.arrays, rows, views[view], random);
      scoped(() => {
        const images = tensor(batch.images, { shape: [taken, 3, set.size, set.size] });
        const features = detector.passFrozen(images, part);
        const shares = masks > 0
          ? patchShare(tensor(batch.masks, { shape: [taken, set.size, set.size] }), detector.grid)
          : undefined;
        const put = (values: ArrayLike<number> | undefined, size: number, offset: number): void => {
          if (!values) return;
          for (let each = 0; each < taken; each++) {
            const start = (at + done + each) * length + offset;
            for (let i = 0; i < size; i++) records[start + i] = values[each * size + i];
          }
        };
        put(features.pooled?.dataSync(), pooled, 0);
        put(features.tokens?.dataSync(), tokens, pooled);
        put(shares?.dataSync(), masks, pooled + tokens);
      });
      done += taken;
    }
  }

  /** Reads one record. */
  #read(number: number, into: Float32Array, offset: number): void {
    const index = Math.floor(number / cropsPerFile);
    const path = this.#pathOf(index);
    try {
      let file = this.#files.get(index);
      if (!file) this.#files.set(index, file = Deno.openSync(path));
      const { length } = this.#layout;
      file.seekSync(4 * (number % cropsPerFile) * length, Deno.SeekMode.Start);
      const bytes = new Uint8Array(into.buffer, into.byteOffset + 4 * offset, 4 * length);
      for (let read = 0; read < bytes.length;) {
        const some = file.readSync(bytes.subarray(read));
        if (some === null) {
          throw new FormatError(`${path}: it ends too early; remove it, and it is made anew`);
        }
        read += some;
      }
    } catch (error) {
      if (error instanceof FormatError) throw error;
      throw fileError("read", path, error);
    }
  }
}

function layoutOf({ detector, part }: FeatureRequest): RecordLayout {
  const { width } = detector.backbone.config;
  const patches = detector.grid[0] * detector.grid[1];
  const pooled = part.taps.length * 2 * width;
  const tokens = part.tokens ? (detector.backbone.prefixTokens + patches) * width : 0;
  const masks = part.tokens && detector.maskHead ? patches : 0;
  return { pooled, tokens, masks, length: pooled + tokens + masks };
}

/** A hash of everything that the numbers depend on; of crops that are read from files, of these files' paths. */
function keyOf({ detector, part, fingerprint, set, views, seed }: FeatureRequest): string {
  const hash = createHash("sha256");
  const { device } = detector.head.weight.value;
  const masks = part.tokens && detector.maskHead !== undefined;
  hash.update(JSON.stringify([version, fingerprint, part, masks, device, views, seed, set.size]));
  const { pixels, pairs, maskIndex, maskStore } = set.arrays;
  const { fileBytes, fileStarts, fileFolders, folderPaths } = set.arrays;
  for (const array of [pixels, pairs, maskIndex, maskStore, fileBytes, fileStarts, fileFolders]) {
    if (array) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  if (folderPaths) hash.update(JSON.stringify(folderPaths));
  return hash.digest("hex").slice(0, 32);
}
