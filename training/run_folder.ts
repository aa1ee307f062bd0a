// A run is a folder: which files it holds, and where.

import { dirname } from "node:path";
import { CoritError, FileError, FormatError } from "../errors.ts";
import type { TrainingSummary } from "./results.ts";
import { parseTrainingConfig, type TrainingConfig } from "./config.ts";
import {
  fileError,
  readJsonIfThere,
  removeFolderWhole,
  removeUnfinished,
  writeFileAtomically,
  writeFolderAtomically,
} from "./files.ts";

/** How many checkpoints stay, counted from the newest. */
const keptCheckpoints = 2;

/**
 * The folder of a run:
 *
 * - `config.json`: the configuration, written when the run begins;
 * - `metrics.jsonl`: a line for every step;
 * - `kernels.json`: on WebGPU, the kernels that were chosen where there are several;
 * - `checkpoints/step-N/`: everything that goes on from step N, the last two;
 * - `best/step-N/`: the weights with the best validation AUC so far;
 * - `summary.json` and `report.html`: the results, when the run is done.
 */
export class RunFolder {
  private constructor(
    /** Where it is. */
    readonly path: string,
    /** What the run was told. */
    readonly config: TrainingConfig,
  ) {}

  /**
   * Throws unless a new run can be made here, so that nobody waits for data in vain.
   *
   * @throws {FileError} where the place is taken, or its parent cannot be made.
   */
  static async reserve(path: string): Promise<void> {
    if (await exists(path)) {
      throw new FileError(
        `${path} is there already; choose another folder with --out, or go on with the run in it ` +
          `by --resume ${path}`,
      );
    }
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
    } catch (error) {
      throw fileError("make", dirname(path), error);
    }
  }

  /**
   * Makes the folder of a new run, with its configuration.
   *
   * @throws {FileError} where the place is taken, the disk is full or it cannot be written.
   */
  static async create(path: string, config: TrainingConfig): Promise<RunFolder> {
    await RunFolder.reserve(path);
    await writeFolderAtomically(path, async (temporary) => {
      await Deno.writeTextFile(`${temporary}/config.json`, `${JSON.stringify(config, null, 2)}\n`);
      await Deno.mkdir(`${temporary}/checkpoints`);
      await Deno.mkdir(`${temporary}/best`);
    });
    return new RunFolder(path, config);
  }

  /**
   * Opens the folder of a run that exists.
   *
   * @throws {FileError} where there is none; the message names runs nearby.
   * @throws {FormatError} where its configuration is damaged.
   */
  static async open(path: string): Promise<RunFolder> {
    const file = `${path}/config.json`;
    let text: string;
    try {
      text = await Deno.readTextFile(file);
    } catch (error) {
      const missing = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory;
      if (!missing) throw fileError("read", file, error);
      throw new FileError(
        `there is no run in ${path}: it has no config.json${await others(path)}`,
        { cause: error },
      );
    }
    try {
      return new RunFolder(path, parseTrainingConfig(JSON.parse(text)));
    } catch (cause) {
      if (!(cause instanceof CoritError) && !(cause instanceof SyntaxError)) throw cause;
      throw new FormatError(
        `${file}: not a configuration that this version can read (${cause.message})`,
        { cause },
      );
    }
  }

  /** Where the metrics are. */
  get metricsPath(): string {
    return `${this.path}/metrics.jsonl`;
  }

  /** Where the kernels of a run on WebGPU are named. */
  get kernelsPath(): string {
    return `${this.path}/kernels.json`;
  }

  /** Where the summary is. */
  get summaryPath(): string {
    return `${this.path}/summary.json`;
  }

  /** Where the report is. */
  get reportPath(): string {
    return `${this.path}/report.html`;
  }

  /** Where the checkpoint of a step is. */
  checkpointPath(step: number): string {
    return `${this.path}/checkpoints/step-${step}`;
  }

  /** Where the weights of a step that was once the best are. */
  bestPath(step: number): string {
    return `${this.path}/best/step-${step}`;
  }

  /** The steps that have a checkpoint, rising. */
  async checkpoints(): Promise<number[]> {
    return await stepsIn(`${this.path}/checkpoints`);
  }

  /** Removes what a killed process left half-written. */
  async removeUnfinished(): Promise<void> {
    for (const folder of [this.path, `${this.path}/checkpoints`, `${this.path}/best`]) {
      await removeUnfinished(folder);
    }
  }

  /** The step whose weights the newest checkpoint calls the best; undefined before the first validation. */
  async bestStep(): Promise<number | undefined> {
    const newest = (await this.checkpoints()).at(-1);
    return newest === undefined ? undefined : bestUntil(newest, await this.#bests());
  }

  /**
   * Removes all checkpoints but the last two, and all best weights that none of them refers to: a checkpoint's best
   * weights are the newest that are not newer than it.
   */
  async prune(): Promise<void> {
    const steps = await this.checkpoints();
    const kept = steps.slice(-keptCheckpoints);
    for (const step of steps.slice(0, -keptCheckpoints)) {
      await removeFolderWhole(this.checkpointPath(step));
    }
    const bests = await this.#bests();
    const referred = kept.map((step) => bestUntil(step, bests));
    for (const step of bests) {
      if (!referred.includes(step)) await removeFolderWhole(this.bestPath(step));
    }
  }

  async #bests(): Promise<number[]> {
    return await stepsIn(`${this.path}/best`);
  }

  /**
   * Reads something of a checkpoint; where it is damaged, the error says what can be done.
   *
   * @throws {FileError | FormatError} as `read` does.
   */
  async explainingDamage<Result>(step: number, read: () => Promise<Result>): Promise<Result> {
    try {
      return await read();
    } catch (cause) {
      if (!(cause instanceof FormatError || cause instanceof FileError)) throw cause;
      const before = (await this.checkpoints()).filter((each) => each < step).at(-1);
      const advice = before === undefined
        ? `there is no older checkpoint: train anew`
        : `remove the folder ${this.checkpointPath(step)} to go on from step ${before}`;
      const Kind = cause instanceof FormatError ? FormatError : FileError;
      throw new Kind(`${cause.message}; ${advice}`, { cause });
    }
  }

  /**
   * Keeps other processes from working on this run; the lock ends with the process.
   *
   * @throws {FileError} where another process holds it.
   */
  async lock(): Promise<Disposable> {
    const path = `${this.path}/config.json`;
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path, { read: true, write: true });
    } catch (error) {
      throw fileError("open", path, error);
    }
    if (!await file.tryLock(true)) {
      file.close();
      throw new FileError(`another process is training the run in ${this.path}; let it end first`);
    }
    return { [Symbol.dispose]: () => file.close() };
  }

  /** Writes the results; the summary last, so that a run with one is complete. */
  async writeResults(summary: unknown, report: string): Promise<void> {
    await writeFileAtomically(this.reportPath, report);
    await writeFileAtomically(this.summaryPath, `${JSON.stringify(summary, null, 2)}\n`);
  }

  /**
   * The results, or undefined where the run is not done.
   *
   * @throws {FormatError} where the file is damaged.
   */
  async readSummary(): Promise<TrainingSummary | undefined> {
    const advice = `remove it, and --resume ${this.path} makes it anew`;
    return await readJsonIfThere(this.summaryPath, advice);
  }
}

/** The newest of some steps that is not after another. */
function bestUntil(step: number, bests: readonly number[]): number | undefined {
  return bests.findLast((best) => best <= step);
}

/** The N of all folders `step-N`, rising. */
async function stepsIn(folder: string): Promise<number[]> {
  const steps: number[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const match = /^step-(\d+)$/.exec(name);
      if (match) steps.push(Number(match[1]));
    }
  } catch (error) {
    throw fileError("read", folder, error);
  }
  return steps.sort((a, b) => a - b);
}

/** Runs that may be meant, for a message: `; did you mean runs/first?`. */
async function others(path: string): Promise<string> {
  const parent = dirname(path);
  const runs: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(parent)) {
      if (isDirectory && await exists(`${parent}/${name}/config.json`)) runs.push(name);
    }
  } catch {
    return "";
  }
  if (runs.length === 0) return "";
  const newest = runs.sort().slice(-5).map((name) => `${parent}/${name}`);
  return `; runs beside it: ${newest.join(", ")}`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw fileError("look at", path, error);
  }
}
