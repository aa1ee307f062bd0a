// A training from its configuration to its report, or from where it was interrupted.

import { dirname, join } from "node:path";
import type { CoritDetector } from "../corit/detector.ts";
import { DeviceError, InterruptedError, NumericError } from "../errors.ts";
import type { CollapseEvidence } from "../instruments/collapse_monitor.ts";
import type { GroupGsnr } from "../instruments/gsnr.ts";
import type { RunningEstimate } from "../instruments/running_gsnr.ts";
import { startWebGpu } from "../tensor/device.ts";
import { startProfile, stopProfile } from "../tensor/profile.ts";
import {
  type BestValidation,
  loadBest,
  readCheckpoint,
  writeBest,
  writeCheckpoint,
} from "./checkpoint.ts";
import { makeRunDetector } from "./backbone.ts";
import type { TrainingConfig } from "./config.ts";
import { type Computing, useDevice } from "./device.ts";
import type { TrainingListener } from "./events.ts";
import { type FeatureProgress, FeatureStore } from "./feature_store.ts";
import { FeatureFeed, type Feed, ImageFeed, unchanged, viewsToKeep } from "./feed.ts";
import { writeFileAtomically } from "./files.ts";
import { GsnrProbe, hasTwins } from "./gsnr_probe.ts";
import { MetricsLog, type TrainingRow } from "./metrics_log.ts";
import { testDetector, type TrainingSummary, writeResults } from "./results.ts";
import { RunFolder } from "./run_folder.ts";
import { Session } from "./session.ts";
import { countSplit, dataNotesOf, familiesOf, makeSplits, type Splits } from "./splits.ts";
import type { TensorBoardLog } from "./tensorboard.ts";
import { recordedChoices, recordKernels } from "./tuned_choices.ts";

/** What a training takes beside its configuration. */
export interface TrainOptions {
  /** Told what happens. */
  readonly onEvent?: TrainingListener;
  /** Aborted to end training after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Data to train on instead of those that the configuration names. */
  readonly splits?: Splits;
}

/** What may differ from the stored configuration when a run goes on: nothing that changes a bit of the result. */
export type ResumeOptions = TrainOptions & Partial<Pick<TrainingConfig, "threads" | "maxSeconds">>;

/** What a training came to. */
export interface TrainingResult {
  /** The run's folder. */
  readonly folder: RunFolder;
  /** What `summary.json` says. */
  readonly summary: TrainingSummary;
}

/**
 * Trains a new run.
 *
 * @throws {FileError} where the run's folder is taken or the disk is full.
 * @throws {InterruptedError} where the signal was aborted; what was done can be gone on with.
 * @throws {NumericError} where a number became infinite or NaN; the last checkpoint is kept.
 * @throws {ConfigError | DataError | DeviceError} where the configuration does not fit data or machine.
 *
 * @example
 * ```ts
 * import { CropSet, emptyCropSetArrays } from "@corit/corit/data";
 * import { parseTrainingConfig, train } from "@corit/corit/training";
 * import { assertEquals } from "@std/assert";
 *
 * // Noise, to see a run from its beginning to its end; leave `splits` out for the starter benchmark.
 * const arrays = emptyCropSetArrays(16, 16, 0);
 * crypto.getRandomValues(new Uint8Array(arrays.pixels.length)).forEach((byte, at) => arrays.pixels[at] = byte);
 * for (let row = 0; row < 16; row++) {
 *   arrays.labels[row] = arrays.families[row] = row % 2;
 *   arrays.pairs[row] = arrays.sources[row] = row >> 1;
 * }
 * const sourceNames = Array.from({ length: 8 }, (_, number) => `photograph ${number}`);
 * const recipeLines = new Array(16).fill("{}");
 * const set = new CropSet(arrays, { familyNames: ["real", "swap"], sourceNames, recipeLines });
 *
 * const folder = await Deno.makeTempDir();
 * const config = parseTrainingConfig({
 *   out: `${folder}/run`,
 *   families: ["swap"],
 *   testFamilies: [],
 *   imageSize: 16,
 *   batchPairs: 2,
 *   steps: 2,
 *   gsnrEvery: 0,
 * });
 * const { summary } = await train(config, { splits: { train: set, validation: set, test: set } });
 * assertEquals(summary.steps, 2);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function train(
  config: TrainingConfig,
  options: TrainOptions = {},
): Promise<TrainingResult> {
  await RunFolder.reserve(config.out);
  return await run(config, config.out, undefined, options);
}

/**
 * Goes on with a run where it was interrupted, to the same bits as if it had not been. A run that is done stays as it is.
 *
 * @throws {FileError} where there is no run.
 * @throws {FormatError} where its newest checkpoint is damaged; the message names the file.
 *
 * @example
 * ```ts
 * import { resume } from "@corit/corit/training";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => resume("runs/none"), Error, "there is no run in runs/none");
 * ```
 */
export async function resume(path: string, options: ResumeOptions = {}): Promise<TrainingResult> {
  const folder = await RunFolder.open(path);
  using _lock = await folder.lock();
  const summary = await folder.readSummary();
  if (summary) return { folder, summary };
  const { threads = folder.config.threads, maxSeconds = folder.config.maxSeconds } = options;
  return await run({ ...folder.config, threads, maxSeconds }, path, folder, options);
}

/** Both of the above. */
async function run(
  asked: TrainingConfig,
  path: string,
  existing: RunFolder | undefined,
  options: TrainOptions,
): Promise<TrainingResult> {
  const { onEvent = () => {}, signal } = options;
  await existing?.removeUnfinished();
  const newest = (await existing?.checkpoints())?.at(-1);
  const checkpoint = existing && newest !== undefined
    ? await existing.explainingDamage(newest, () => readCheckpoint(existing.checkpointPath(newest)))
    : undefined;
  const computing = await useDevice(asked);
  if (existing && computing.device === "webgpu") await useRecordedKernels(existing);
  // What was chosen stands in config.json, so that the run is gone on with where it began.
  const config = { ...asked, device: computing.device };
  const { detector, tuned, origin, fingerprint } = await orInterrupted(
    makeRunDetector(config, {
      onProgress: (line) => onEvent({ kind: "weights", line }),
      onBytes: (done, total) => onEvent({ kind: "data", what: "weights, bytes", done, total }),
    }),
    signal,
  );
  onEvent({
    kind: "plan",
    folder: path,
    config,
    computing,
    parameters: detector.parameterCount({ trainedOnly: true }),
    flops: detector.summary().flops,
    taps: detector.parts?.hri ? detector.parts.taps : [],
    from: checkpoint?.state.step ?? 0,
    tuned,
    origin,
  });
  const dataNotes: string[] = [];
  const splits = options.splits ??
    await orInterrupted(
      makeSplits(config, (part) => onEvent({ kind: "data", ...part }), {
        onReport: (report) => {
          dataNotes.push(...dataNotesOf(report));
          onEvent({ kind: "found", report });
        },
        onSkipped: (problems) => {
          dataNotes.push(`${problems.length} pictures that cannot be read were left out.`);
          onEvent({ kind: "skipped", problems });
        },
      }),
      signal,
    );
  const feed = await orInterrupted(
    makeFeed(config, splits, detector, fingerprint, { onEvent, signal }),
    signal,
  );
  using session = new Session(config, splits, detector, { feed, fingerprint });
  if (checkpoint) session.restore(checkpoint);
  const twins = hasTwins(splits.train);
  if (config.sam && config.samRule === "cor-guided" && twins) {
    session.guideBy(await GsnrProbe.create(splits.train, config.corPairs, config.seed, 4));
  }
  const probe = config.gsnrEvery > 0 && twins
    ? await GsnrProbe.create(splits.train, config.gsnrPairs, config.seed)
    : undefined;
  const counts = {
    train: countSplit(splits.train),
    validation: countSplit(splits.validation),
    test: countSplit(splits.test),
  };

  // A folder's families are known once it is read; what was trained on must stand in config.json.
  const settled = {
    ...config,
    families: config.families.length > 0 ? config.families : familiesOf(splits.train),
  };
  const folder = existing ?? await RunFolder.create(path, settled);
  using _lock = existing ? undefined : await folder.lock();
  await folder.prune();
  onEvent({ kind: "ready", counts, hasTwins: twins });
  const course = new Course(
    config,
    folder,
    session,
    probe,
    checkpoint?.state.seconds ?? 0,
    options,
  );
  const profile = config.profile ? startProfile() : undefined;
  try {
    await course.runToEnd();
  } finally {
    stopProfile();
  }
  if (config.explainPlan) onEvent({ kind: "planned", text: session.explainPlan() });
  if (profile) {
    const trace = join(folder.path, "trace.json");
    await writeFileAtomically(trace, profile.chromeTrace());
    onEvent({ kind: "profile", profile, trace });
  }
  const summary = await finish(folder, splits, session, course, computing, dataNotes, options);
  return { folder, summary };
}

/** The loop over the steps. */
class Course {
  readonly #earlier: number;
  readonly #began = performance.now();

  constructor(
    readonly config: TrainingConfig,
    readonly folder: RunFolder,
    readonly session: Session,
    readonly probe: GsnrProbe | undefined,
    earlierSeconds: number,
    readonly options: TrainOptions,
  ) {
    this.#earlier = earlierSeconds;
  }

  /** Seconds of training, over all sittings. */
  get seconds(): number {
    return this.#earlier + (performance.now() - this.#began) / 1000;
  }

  /** Trains until the steps are done, or something ends it. */
  async runToEnd(): Promise<void> {
    const { config, folder, session, options: { signal } } = this;
    using log = await MetricsLog.open(folder.metricsPath, session.step);
    using board = await boardOf(folder, session.step);
    while (session.step < config.steps && session.stopped === "") {
      const last = await this.#explained(async () => {
        await this.#advance(log, board);
        const { step, stopped } = session;
        const last = step === config.steps || stopped !== "";
        if (last || signal?.aborted || step % config.checkpointEvery === 0) await this.#save(log);
        return last;
      });
      if (signal?.aborted && !last) throw this.#interrupted();
    }
  }

  /** One step, what is measured after it, and its line. */
  async #advance(log: MetricsLog, board: TensorBoardLog | undefined): Promise<void> {
    const { config, session, options: { onEvent = () => {} } } = this;
    const began = performance.now();
    const result = await session.advance();
    const stepSeconds = (performance.now() - began) / 1000;
    if (config.maxSeconds > 0 && this.seconds >= config.maxSeconds) {
      session.stopped = `the ${config.maxSeconds} seconds it was given are over`;
    }
    const { step, sighting: { collapse, gsnrEstimate } } = result;
    if (collapse) this.#collapsed(collapse);
    const last = step === config.steps || session.stopped !== "";
    const validation = last || step % config.evaluateEvery === 0
      ? await this.#validate()
      : undefined;
    const gsnr = this.probe && (last || step % config.gsnrEvery === 0)
      ? this.probe.measure(session.detector)
      : undefined;
    if (gsnr) onEvent({ kind: "gsnr", step, groups: gsnr });
    const row: TrainingRow = {
      step,
      loss: result.loss,
      classificationLoss: result.classificationLoss,
      maskLoss: result.maskLoss,
      gradientNorm: result.gradientNorm,
      learningRate: result.learningRate,
      ...(result.lossScale === undefined ? {} : { lossScale: result.lossScale }),
      imagesPerSecond: session.imagesPerStep / stepSeconds,
      seconds: this.seconds,
      ...(result.radius === undefined ? {} : { radius: result.radius }),
      ...(validation === undefined ? {} : { auc: validation }),
      ...(collapse === undefined ? {} : { collapse: collapse.text }),
      ...(gsnrEstimate === undefined ? {} : estimateColumns(gsnrEstimate)),
      ...(gsnr === undefined ? {} : gsnrColumns(gsnr)),
    };
    log.append(row);
    board?.append(row);
    onEvent({ kind: "step", row });
  }

  /** Tells of a collapse, and does about it what the configuration says. */
  #collapsed(evidence: CollapseEvidence): void {
    const { config, session, options: { onEvent = () => {} } } = this;
    const actions: Readonly<Record<TrainingConfig["onCollapse"], string>> = {
      off: "",
      warn: "training goes on; try a smaller --rho, or --on-collapse stop or lower",
      stop: "training ends here",
      lower: "every radius is half of what it was from here on",
    };
    if (config.onCollapse === "stop") {
      session.stopped = `it collapsed to guessing: ${evidence.text}`;
    }
    onEvent({ kind: "collapse", evidence, action: actions[config.onCollapse] });
  }

  /** Validates, keeps the best weights, and sees whether to stop early. */
  async #validate(): Promise<number> {
    const { config, folder, session, options: { onEvent = () => {} } } = this;
    const { auc, isBest } = await session.validate();
    const { step, best } = session;
    if (isBest) await writeBest(folder.bestPath(step), await session.scoredWeights(), best!);
    onEvent({ kind: "validation", step, auc, isBest });
    if (config.earlyStopping > 0 && session.withoutProgress >= config.earlyStopping) {
      session.stopped = `no better validation AUC for ${session.withoutProgress} validations`;
    }
    return auc;
  }

  async #save(log: MetricsLog): Promise<void> {
    const { config, folder, session, options: { onEvent = () => {} } } = this;
    const path = folder.checkpointPath(session.step);
    await log.sync();
    await writeCheckpoint(path, session.save(this.seconds));
    if (config.device === "webgpu") {
      await recordKernels(folder.kernelsPath, await startWebGpu());
    }
    await folder.prune();
    onEvent({ kind: "checkpoint", step: session.step, path });
  }

  /** A number that is not finite or a device that fails ends the run; its user must learn what is left of it. */
  async #explained<Result>(body: () => Promise<Result>): Promise<Result> {
    try {
      return await body();
    } catch (cause) {
      if (!(cause instanceof NumericError) && !(cause instanceof DeviceError)) throw cause;
      const newest = (await this.folder.checkpoints()).at(-1);
      const kept = newest === undefined
        ? "no checkpoint had been written yet"
        : `the last good checkpoint is ${this.folder.checkpointPath(newest)}`;
      if (cause instanceof DeviceError) {
        throw new DeviceError(
          `${cause.message}. ${kept}; go on with: deno task train --resume ` +
            this.folder.path,
          { cause },
        );
      }
      throw new NumericError(
        `${cause.message}; ${kept}. Train anew with a smaller --learning-rate, a smaller --rho or ` +
          `a --clip-norm`,
        { cause },
      );
    }
  }

  #interrupted(): InterruptedError {
    const { folder, session, config } = this;
    return new InterruptedError(
      `interrupted after step ${session.step} of ${config.steps}; nothing is lost, go on with: ` +
        `deno task train --resume ${folder.path}`,
    );
  }
}

/** A run goes on with the kernels that it began with, tuned for since or not: they decide its bits. */
async function useRecordedKernels(folder: RunFolder): Promise<void> {
  const recorded = await recordedChoices(folder.kernelsPath);
  if (recorded) (await startWebGpu()).choices.override(recorded);
}

/** Tests the best weights and writes what the run came to. */
async function finish(
  folder: RunFolder,
  splits: Splits,
  session: Session,
  course: Course,
  computing: Computing,
  dataNotes: readonly string[],
  { onEvent = () => {} }: TrainOptions,
): Promise<TrainingSummary> {
  const { detector, stopped, step: steps } = session;
  // The last step always validates, so there is a best one.
  const best: BestValidation = session.best!;
  const { seconds } = course;
  onEvent({ kind: "trained", why: stopped, best });
  await loadBest(folder.bestPath(best.step), detector, session.fingerprint);
  onEvent({ kind: "phase", name: "test" });
  const scores = await session.scores("test");
  const result = await testDetector(detector, splits.test, folder.config, best.threshold, scores);
  onEvent({ kind: "phase", name: "report" });
  const facts = { folder, detector, best, stopped, steps, seconds, computing, dataNotes };
  const summary = await writeResults(result, splits.test, facts);
  using board = await boardOf(folder, steps);
  board?.appendSummary(summary);
  return summary;
}

/** A row's columns of a running estimate. */
function estimateColumns(
  estimates: Readonly<Record<string, RunningEstimate>>,
): Pick<TrainingRow, "gsnrEstimate" | "gsnrEstimateError"> {
  const entries = Object.entries(estimates);
  return {
    gsnrEstimate: Object.fromEntries(entries.map(([name, { gsnr }]) => [name, gsnr])),
    gsnrEstimateError: Object.fromEntries(
      entries.map(([name, { standardError }]) => [name, standardError]),
    ),
  };
}

/** A row's columns of a measurement. */
function gsnrColumns(groups: readonly GroupGsnr[]): Pick<TrainingRow, "gsnr" | "gsnrError"> {
  return {
    gsnr: Object.fromEntries(groups.map((group) => [group.name, group.gsnr])),
    gsnrError: Object.fromEntries(groups.map((group) => [group.name, group.standardError])),
  };
}

/** The run's TensorBoard file, where it is asked for; its library is loaded then. */
async function boardOf(
  { config, path }: RunFolder,
  step: number,
): Promise<TensorBoardLog | undefined> {
  if (!config.tensorboard) return undefined;
  const { TensorBoardLog } = await import("./tensorboard.ts");
  return await TensorBoardLog.open(path, step);
}

/** What a session trains on: pixels, or what the frozen blocks of a pretrained encoder make of them. */
async function makeFeed(
  config: TrainingConfig,
  splits: Splits,
  detector: CoritDetector,
  fingerprint: string,
  { onEvent, signal }: { readonly onEvent: TrainingListener; readonly signal?: AbortSignal },
): Promise<Feed> {
  const part = detector.pretrained ? detector.frozenPart() : undefined;
  if (!part) return new ImageFeed(config, splits);
  // Views are part of the data: a run with another seed finds them again.
  const request = { detector, part, fingerprint, seed: 0 };
  const stores = {
    train: new FeatureStore({ ...request, set: splits.train, views: viewsToKeep(config) }),
    validation: new FeatureStore({ ...request, set: splits.validation, views: [unchanged] }),
    test: new FeatureStore({ ...request, set: splits.test, views: [unchanged] }),
  };
  const all = Object.values(stores);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const total = sum(all.map(({ count }) => count));
  const kept = sum(await Promise.all(all.map((store) => store.present())));
  const bytes = sum(all.map((store) => store.bytes));
  onEvent({ kind: "features", part, total, kept, bytes, folder: dirname(stores.train.path) });
  let before = 0;
  for (const store of all) {
    const what = "features of frozen blocks";
    const report = ({ done }: FeatureProgress) =>
      onEvent({ kind: "data", what, done: before + done, total });
    await store.complete(report, signal);
    before += store.count;
  }
  return new FeatureFeed(config, splits.train, stores);
}

/** Waits for work that leaves nothing half-done when the process ends, unless the signal is aborted first. */
async function orInterrupted<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (!signal) return await work;
  const interrupted = Promise.withResolvers<never>();
  const stop = (): void =>
    interrupted.reject(
      new InterruptedError("interrupted before training began; the same command starts it anew"),
    );
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, interrupted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
