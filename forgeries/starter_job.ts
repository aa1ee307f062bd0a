// Making many pairs: inline, or shared out among workers. The bytes are the same either way.

import type { CropSetArrays } from "../data/crop_set.ts";
import { DataError } from "../errors.ts";
import { type GeneratorFiles, loadGenerators } from "./generators.ts";
import type { Source } from "./starter_crop.ts";
import { makePair, type PairPlan } from "./starter_pair.ts";
import type { WorkerAnswer } from "./starter_worker.ts";

/** Everything that making the pairs of a split needs; survives `postMessage`, its arrays lie in shared memory. */
export interface PairJob {
  /** The plans, one a pair. */
  readonly plans: readonly PairPlan[];
  /** The decoded photographs of the split. */
  readonly sources: readonly Source[];
  /** The benchmark's seed. */
  readonly seed: number;
  /** Weights of the networks that the families need. */
  readonly generators: GeneratorFiles;
  /** Where the pairs go. */
  readonly arrays: CropSetArrays;
  /** One shared integer: the next pair that nobody has taken. */
  readonly next: Int32Array<SharedArrayBuffer>;
}

/** Called when a pair is done, with its two recipe lines. */
type PairDone = (pair: number, lines: [string, string]) => void;

/** Takes pairs until none is left. One at a time: more in flight only add threads that wait for a core. */
export async function runPairJob(job: PairJob, done: PairDone): Promise<void> {
  const generators = await loadGenerators(job.generators);
  for (;;) {
    const pair = Atomics.add(job.next, 0, 1);
    if (pair >= job.plans.length) return;
    const { plans, sources, seed, arrays } = job;
    done(pair, await makePair(plans[pair], pair, sources, seed, arrays, generators));
  }
}

/**
 * Runs a job on `workers` threads (0: on this one).
 *
 * @throws {DataError} when a worker fails.
 */
export async function shareOutPairJob(
  job: PairJob,
  workers: number,
  done: PairDone,
): Promise<void> {
  if (workers === 0) return await runPairJob(job, done);
  const started: Worker[] = [];
  const ends = Array.from({ length: workers }, () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL("./starter_worker.ts", import.meta.url), {
        type: "module",
      });
      started.push(worker);
      worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => {
        if (data.kind === "recipes") done(data.pair, [...data.lines]);
        else if (data.kind === "finished") resolve();
        else reject(new DataError(`a worker that makes forgeries failed: ${data.message}`));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new DataError(`a worker that makes forgeries stopped: ${event.message}`));
      };
      worker.postMessage(job);
    }).catch((error) => {
      Atomics.store(job.next, 0, job.plans.length); // the others finish their pair and stop
      throw error;
    }));
  const outcomes = await Promise.allSettled(ends);
  for (const worker of started) worker.terminate();
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason;
}
