// The thread beside training that fills batches in shared memory, one request after another.

import { parentPort } from "node:worker_threads";
import { RandomStream } from "../tensor/random.ts";
import type { Augmentation } from "./augment.ts";
import { type Batch, fillBatch } from "./batch.ts";
import type { CropSetArrays } from "./crop_set.ts";
import type { DataProblem } from "./problem.ts";
import { type PackedArrays, unpackArrays } from "./shared_arrays.ts";

/** The first message: what the worker works on. All arrays lie in shared memory. */
export interface LoaderWorkerSetup {
  /** The set. */
  readonly arrays: PackedArrays;
  /** How crops are changed. */
  readonly augmentation: Augmentation;
  /** Batches that are filled in turn. */
  readonly slots: readonly PackedArrays[];
}

/** One batch to fill. */
export interface LoaderRequest {
  /** Number of the request, given back in the answer. */
  readonly ticket: number;
  /** Which of the slots to fill. */
  readonly slot: number;
  /** The crops. */
  readonly rows: readonly number[];
  /** State of the stream that the augmentations draw from. */
  readonly random: RandomStream["state"];
}

/** A filled batch, or why it could not be filled. */
export interface LoaderAnswer {
  /** Number of the request. */
  readonly ticket: number;
  /** Why filling failed, if it did: an error's class does not survive the way to another thread. */
  readonly failure?: string;
  /** Files that could not be read and were replaced by others. */
  readonly skipped?: readonly DataProblem[];
}

const port = parentPort;
if (port) {
  port.once("message", (setup: LoaderWorkerSetup) => {
    const arrays = unpackArrays<CropSetArrays>(setup.arrays);
    const slots = setup.slots.map((slot) => unpackArrays<Batch>(slot));
    const answer = async (request: LoaderRequest): Promise<LoaderAnswer> => {
      const { ticket, slot, rows, random } = request;
      try {
        const stream = RandomStream.fromState(random);
        const skipped = await fillBatch(slots[slot], arrays, rows, setup.augmentation, stream);
        return skipped.length > 0 ? { ticket, skipped } : { ticket };
      } catch (error) {
        return { ticket, failure: error instanceof Error ? error.message : String(error) };
      }
    };
    // In order: a slot that an abandoned request still fills is filled again only afterwards.
    let queue = Promise.resolve();
    port.on("message", (request: LoaderRequest) => {
      queue = queue.then(async () => port.postMessage(await answer(request)));
    });
  });
}
