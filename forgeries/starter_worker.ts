// A worker that makes pairs of the starter benchmark into shared memory.

import { setThreads } from "../tensor/mod.ts";
import { type PairJob, runPairJob } from "./starter_job.ts";

/** What a worker tells the thread that started it. */
export type WorkerAnswer =
  | { readonly kind: "recipes"; readonly pair: number; readonly lines: readonly [string, string] }
  | { readonly kind: "finished" }
  | { readonly kind: "failed"; readonly message: string };

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<PairJob>) => void) | null;
  postMessage(answer: WorkerAnswer): void;
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = async ({ data: job }) => {
  try {
    setThreads(1); // the workers share the cores already
    await runPairJob(job, (pair, lines) => scope.postMessage({ kind: "recipes", pair, lines }));
    scope.postMessage({ kind: "finished" });
  } catch (error) {
    scope.postMessage({ kind: "failed", message: String(error) });
  }
};
