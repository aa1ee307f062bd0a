// Computes the cells that are not done yet, shared out among processes.

import { DataError } from "../errors.ts";
import type { Cell } from "./cell.ts";
import { cellText } from "./cell.ts";
import type { CellStore } from "./cell_store.ts";
import type { CellAnswer } from "./cell_worker.ts";
import { linesOf } from "./lines.ts";

/** How cells are run. */
export interface RunCellsOptions {
  /** Where results are kept. */
  readonly store: CellStore;
  /** Processes that work at once, each with one thread. */
  readonly processes: number;
  /** Told how many of all cells are done: at the beginning, and after each. */
  readonly onProgress?: (done: number, total: number, cell?: Cell) => void;
  /** Aborted to end: cells under way are lost, finished ones are kept, and its reason is thrown. */
  readonly signal?: AbortSignal;
}

/**
 * Computes cells in processes of their own, in the order given. Finished cells are read from the store, so that a run
 * that was interrupted goes on where it stood.
 *
 * @throws {DataError} A cell fails; the message names it.
 */
export async function runCells(cells: readonly Cell[], options: RunCellsOptions): Promise<void> {
  const { store, processes, onProgress = () => {}, signal } = options;
  const finished = await store.done(cells);
  const known = new Set(finished.map(({ cell }) => cell));
  const waiting = cells.filter((cell) => !known.has(cell));
  let done = finished.length;
  onProgress(done, cells.length);
  if (waiting.length === 0) return;
  const ending = new AbortController();
  const stop = (): void => ending.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  const work = async (): Promise<void> => {
    const worker = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", new URL("./cell_worker.ts", import.meta.url).href],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      signal: ending.signal,
    }).spawn();
    const input = worker.stdin.getWriter();
    const answers = linesOf(worker.stdout);
    try {
      for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
        await input.write(new TextEncoder().encode(`${JSON.stringify(cell)}\n`));
        const { value } = await answers.next();
        signal?.throwIfAborted();
        const answer: CellAnswer = value === undefined
          ? { failure: "its process ended" }
          : JSON.parse(value);
        if ("failure" in answer) throw new DataError(`${cellText(cell)}: ${answer.failure}`);
        await store.write(cell, answer.result);
        onProgress(++done, cells.length, cell);
      }
      await input.close();
      await answers.return(undefined);
    } catch (error) {
      ending.abort(error);
      signal?.throwIfAborted();
      throw error;
    }
    await worker.status;
  };
  try {
    const count = Math.min(processes, waiting.length);
    const ends = await Promise.allSettled(Array.from({ length: count }, work));
    signal?.throwIfAborted();
    const failed = ends.find((end) => end.status === "rejected");
    if (failed) throw failed.reason;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
