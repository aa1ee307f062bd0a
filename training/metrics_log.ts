// A run's metrics.jsonl: a line for every step, appended as the steps are done, cut back on resume.

import { FormatError } from "../errors.ts";
import type { MetricsRow } from "../evaluation/report_data.ts";
import { fileError, writeFileAtomically } from "./files.ts";

/** One line of `metrics.jsonl`. */
export interface TrainingRow extends MetricsRow {
  /** The classification part of the loss. */
  readonly classificationLoss: number;
  /** The part that asks each token whether it was forged, before its weight. */
  readonly maskLoss: number;
  /** Norm of the gradient that the step was made with, before clipping. */
  readonly gradientNorm: number;
  /** What the loss was multiplied by before it was differentiated, where products are of float16. */
  readonly lossScale?: number;
  /** Seconds of training so far, over all sittings. */
  readonly seconds: number;
  /** Standard error of each `gsnr`, where it was measured. */
  readonly gsnrError?: Readonly<Record<string, number>>;
  /** Standard error of each `gsnrEstimate`. */
  readonly gsnrEstimateError?: Readonly<Record<string, number>>;
  /** Length of the step's climb, under SAM. */
  readonly radius?: number;
  /** Why the training was held for collapsed at this step. */
  readonly collapse?: string;
}

/**
 * The rows of a `metrics.jsonl`.
 *
 * A last line without its end was being written when the process was killed, and is left out.
 *
 * @throws {FileError} where the file cannot be read.
 * @throws {FormatError} where another line is not JSON; the message names file and line.
 */
export async function readMetrics(path: string): Promise<TrainingRow[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw fileError("read", path, error);
  }
  return text.split("\n").slice(0, -1).map((line, index) => {
    try {
      return JSON.parse(line) as TrainingRow;
    } catch (cause) {
      throw new FormatError(
        `${path}, line ${index + 1}: not JSON; the file was changed or damaged, so the run ` +
          `cannot be continued or reported`,
        { cause },
      );
    }
  });
}

/** An open `metrics.jsonl`. */
export class MetricsLog implements Disposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #length: number;

  private constructor(path: string, file: Deno.FsFile, length: number) {
    this.#path = path;
    this.#file = file;
    this.#length = length;
  }

  /**
   * Opens the log of a run that stands at a step: what was logged after it is cut off.
   *
   * @throws {FormatError} where rows up to the step are missing.
   * @throws {FileError} where the file cannot be read or written.
   */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const rows = step === 0 ? [] : await readMetrics(path);
    const kept = rows.filter((row) => row.step <= step);
    if (kept.length !== step || kept.some((row, index) => row.step !== index + 1)) {
      throw new FormatError(
        `${path}: expected a line for each of the steps 1 to ${step}, but found ${kept.length}; ` +
          `lines were removed or changed, so the run cannot be continued`,
      );
    }
    await writeFileAtomically(path, kept.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const file = await Deno.open(path, { write: true, append: true });
    return new MetricsLog(path, file, (await file.stat()).size);
  }

  /**
   * Adds a line.
   *
   * @throws {FileError} where the disk is full; no part of the line stays.
   */
  append(row: TrainingRow): void {
    const bytes = new TextEncoder().encode(`${JSON.stringify(row)}\n`);
    try {
      for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
      this.#length += bytes.length;
    } catch (error) {
      this.#file.truncateSync(this.#length);
      throw fileError("write", this.#path, error);
    }
  }

  /** Makes all lines last. */
  async sync(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      throw fileError("write", this.#path, error);
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}
