// The loader: endless training batches, prepared beside the training step, resumable at any batch.

import { Worker } from "node:worker_threads";
import { ConfigError, DataError } from "../errors.ts";
import { RandomStream } from "../tensor/random.ts";
import { type Augmentation, augmentation, type AugmentationOptions } from "./augment.ts";
import { type Batch, emptyBatch, fillBatch, firstOf } from "./batch.ts";
import type { CropSet } from "./crop_set.ts";
import type { LoaderAnswer, LoaderRequest, LoaderWorkerSetup } from "./loader_worker.ts";
import type { DataProblem } from "./problem.ts";
import { packArrays } from "./shared_arrays.ts";
import { BalancedSampler, type SamplerOptions } from "./sampler.ts";

/** Options of a {@linkcode Loader}. */
export interface LoaderOptions extends Partial<SamplerOptions> {
  /** Decides order and augmentation; 0. */
  readonly seed?: number;
  /** How crops are changed; flips only. */
  readonly augment?: AugmentationOptions;
  /** Whether a worker prepares batches; true. The batches are the same without. */
  readonly worker?: boolean;
  /** Batches that the worker prepares ahead; 2. */
  readonly queueDepth?: number;
  /** Told of a file that could not be read, in whose place another was taken; a line on the standard error output. */
  readonly onSkip?: (problem: DataProblem) => void;
}

/** Where a loader stands: the batch that comes next. Every random draw follows from it and the loader's seed. */
export interface LoaderState {
  /** Epochs finished. */
  readonly epoch: number;
  /** Batches of this epoch already given. */
  readonly position: number;
}

/** A batch on its way. */
interface Pending {
  readonly slot: number;
  readonly ready: Promise<void>;
}

/**
 * Gives class-balanced batches of a crop set without end.
 *
 * A worker fills the next batches in shared memory while a step runs. Batches depend on the set, the options and their
 * number alone: not on the worker, nor on where a loader was restored. A batch's arrays are used again once the next batch
 * is asked for; `copyBatch` keeps one. The worker does not keep the process alive; `close()` (or `using`) ends it.
 *
 * @example
 * ```ts
 * import { CropSet, emptyCropSetArrays, Loader } from "@corit/corit/data";
 * import { assertEquals } from "@std/assert";
 *
 * const arrays = emptyCropSetArrays(32, 4, 0); // four black crops
 * arrays.labels.set([0, 1, 0, 1]);
 * arrays.pairs.set([0, 0, 1, 1]);
 * const set = new CropSet(arrays, {
 *   familyNames: ["real", "swap"],
 *   sourceNames: ["none"],
 *   recipeLines: ["{}", "{}", "{}", "{}"],
 * });
 * using loader = new Loader(set, { batchSize: 2, worker: false });
 * const batch = await loader.next();
 * assertEquals([...batch.labels], [0, 1]);
 * assertEquals(loader.state, { epoch: 0, position: 1 });
 * ```
 */
export class Loader implements AsyncIterable<Batch>, Disposable {
  /** Crops in a batch. */
  readonly batchSize: number;
  /** Batches in an epoch. */
  readonly batchesPerEpoch: number;
  readonly #set: CropSet;
  readonly #sampler: BalancedSampler;
  readonly #augmentation: Augmentation;
  readonly #random: RandomStream;
  readonly #slots: readonly Batch[];
  readonly #worker: Worker | undefined;
  readonly #onSkip: (problem: DataProblem) => void;
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>();
  #pending: Pending[] = [];
  #tickets = 0;
  #next = 0; // number of the next batch to be given
  #closed = false;

  /**
   * Prepares to load; the first batches are begun at once.
   *
   * @throws {ConfigError} when an option is out of range or does not fit the set.
   */
  constructor(set: CropSet, options: LoaderOptions = {}) {
    const { batchSize = 64, seed = 0, worker = true, queueDepth = 2 } = options;
    if (!(Number.isInteger(queueDepth) && queueDepth >= 1)) {
      throw new ConfigError(`loader: queueDepth must be at least 1, but found ${queueDepth}`);
    }
    this.#set = set;
    this.#onSkip = options.onSkip ??
      (({ path, what }) => console.error(`skipped ${path}: ${what}`));
    this.#sampler = new BalancedSampler(set.arrays, { ...options, batchSize }, seed);
    this.#augmentation = augmentation(options.augment);
    this.#random = new RandomStream(seed).fork("augmentation");
    this.batchSize = batchSize;
    this.batchesPerEpoch = this.#sampler.batchesPerEpoch;
    const depth = worker ? queueDepth : 0;
    this.#slots = Array.from({ length: depth + 1 }, () => emptyBatch(batchSize, set.size));
    this.#worker = worker ? this.#startWorker() : undefined;
    this.#prepareAhead();
  }

  /** Where the loader stands; JSON. */
  get state(): LoaderState {
    return {
      epoch: Math.floor(this.#next / this.batchesPerEpoch),
      position: this.#next % this.batchesPerEpoch,
    };
  }

  /**
   * Goes to where `state` was taken, of a loader with the same set and options.
   *
   * @throws {ConfigError} when the state does not fit the number of batches in an epoch.
   */
  restore({ epoch, position }: LoaderState): void {
    const whole = Number.isInteger(epoch) && Number.isInteger(position) && epoch >= 0;
    if (!whole || !(position >= 0 && position < this.batchesPerEpoch)) {
      throw new ConfigError(
        `loader: cannot go to epoch ${epoch}, batch ${position}: an epoch has ${this.batchesPerEpoch} batches`,
      );
    }
    this.#next = epoch * this.batchesPerEpoch + position;
    this.#pending = [];
    this.#waiting.clear(); // answers to abandoned requests find nobody waiting
    this.#prepareAhead();
  }

  /**
   * The next batch; its arrays stay as they are until `next` is called again.
   *
   * @throws {DataError} when the loader is closed or its worker failed.
   */
  async next(): Promise<Batch> {
    if (this.#closed) throw new DataError("loader: it was closed; no batch can be asked for");
    const number = this.#next;
    this.#prepareAhead();
    if (this.#worker === undefined) {
      const skipped = await fillBatch(
        this.#slots[0],
        this.#set.arrays,
        this.#rows(number),
        this.#augmentation,
        this.#random.fork(number),
      );
      skipped.forEach(this.#onSkip);
      this.#next = number + 1;
      return this.#slots[0];
    }
    const pending = this.#pending[0];
    this.#worker.ref(); // while somebody waits, the process must not end
    try {
      await pending.ready;
    } finally {
      this.#worker.unref();
    }
    this.#pending.shift();
    this.#next = number + 1;
    return this.#slots[pending.slot];
  }

  /** Batches without end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    while (!this.#closed) yield await this.next();
  }

  /** Ends the worker; no batch can be asked for afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { reject } of this.#waiting.values()) {
      reject(new DataError("loader: closed while a batch was being prepared"));
    }
    this.#waiting.clear();
    this.#worker?.terminate();
  }

  /** Same as {@linkcode Loader.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #rows(number: number): Int32Array<ArrayBuffer> {
    const epoch = Math.floor(number / this.batchesPerEpoch);
    return this.#sampler.rows(epoch, number % this.batchesPerEpoch);
  }

  /** Asks the worker for batches until the queue is full; the slot of the batch given last is free again. */
  #prepareAhead(): void {
    if (this.#worker === undefined) return;
    while (this.#pending.length < this.#slots.length - 1) {
      const number = this.#next + this.#pending.length;
      const ticket = this.#tickets++;
      const slot = ticket % this.#slots.length;
      const ready = new Promise<void>((resolve, reject) => {
        this.#waiting.set(ticket, { resolve, reject });
      });
      ready.catch(() => undefined); // an error is told by the `next` that awaits this batch
      this.#pending.push({ slot, ready });
      this.#worker.postMessage(
        {
          ticket,
          slot,
          rows: [...this.#rows(number)],
          random: this.#random.fork(number).state,
        } satisfies LoaderRequest,
      );
    }
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL("./loader_worker.ts", import.meta.url));
    worker.postMessage(
      {
        arrays: packArrays(this.#set.arrays),
        augmentation: this.#augmentation,
        slots: this.#slots.map(packArrays),
      } satisfies LoaderWorkerSetup,
    );
    worker.on("message", ({ ticket, failure, skipped = [] }: LoaderAnswer) => {
      skipped.forEach(this.#onSkip);
      const waiting = this.#waiting.get(ticket);
      this.#waiting.delete(ticket);
      if (failure === undefined) waiting?.resolve();
      else waiting?.reject(new DataError(`loader: a batch could not be prepared (${failure})`));
    });
    worker.on("error", (cause: Error) => {
      const error = new DataError(`loader: its worker stopped (${cause.message})`, { cause });
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
    worker.unref();
    return worker;
  }
}

/** Options of {@linkcode evaluationBatches}. */
export interface EvaluationOptions {
  /** Crops in a batch; 64. The last batch may be smaller. */
  readonly batchSize?: number;
  /** Seed of the order; 0. Batches mix the classes, so that nothing computed over a batch tells the class. */
  readonly seed?: number;
}

/** Gives every crop of a set once, unchanged, in a shuffled order; `rows` says which. Memory is used again. */
export async function* evaluationBatches(
  set: CropSet,
  { batchSize = 64, seed = 0 }: EvaluationOptions = {},
): AsyncGenerator<Batch, void, undefined> {
  const random = new RandomStream(seed).fork("evaluation");
  const order = random.permutation(set.count);
  const batch = emptyBatch(Math.min(batchSize, set.count), set.size);
  const unchanged = augmentation({ flip: { probability: 0 } });
  for (let first = 0; first < set.count; first += batchSize) {
    const rows = order.subarray(first, first + batchSize);
    const part = firstOf(batch, rows.length);
    await fillBatch(part, set.arrays, rows, unchanged, random);
    yield part;
  }
}
