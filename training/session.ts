// A training under way: everything that moves from step to step, and how it is saved and restored.

import { setImmediate } from "node:timers/promises";
import type { CoritDetector, DetectorBatch } from "../corit/detector.ts";
import type { FrozenBatch } from "../corit/frozen.ts";
import { ConfigError, FormatError, NumericError } from "../errors.ts";
import { STARTER_FAMILY_WEIGHTS } from "../evaluation/protocol.ts";
import {
  type GuidedGroup,
  type LossFunction,
  LossScaler,
  type RadiusContext,
  type StepResult,
  type TrainStep,
  trainStep,
} from "../optim/mod.ts";
import {
  add,
  copyInto,
  decodeSafetensors,
  encodeSafetensors,
  keep,
  recordingOn,
  scoped,
  stack,
  type Tensor,
  withoutRecording,
  zeros,
  zerosLike,
} from "../tensor/mod.ts";
import type { BestValidation, Checkpoint, CheckpointState } from "./checkpoint.ts";
import type { TrainingConfig } from "./config.ts";
import { criticalRadiusOf } from "./cor_guide.ts";
import { type GsnrProbe, hasTwins } from "./gsnr_probe.ts";
import { type Feed, ImageFeed } from "./feed.ts";
import { makeDetector, makeOptimizer, type RunOptimizer } from "./model.ts";
import { explainNonFinite } from "./non_finite.ts";
import type { SamHooks } from "./sam_rule.ts";
import { decodeDetector, encodeDetector } from "./saved_weights.ts";
import { scoredSamples, validate, type Validation } from "./scoring.ts";
import type { Splits } from "./splits.ts";
import { type Sighting, TrainingWatch } from "./watch.ts";

/** What one step did. */
export interface SessionStep extends StepResult {
  /** The classification part of the loss. */
  readonly classificationLoss: number;
  /** The part that asks each token whether it was forged, before its weight. */
  readonly maskLoss: number;
  /** Length of the climb; undefined without SAM. */
  readonly radius: number | undefined;
  /** What was seen beside the loss. */
  readonly sighting: Sighting;
  /** What the loss was multiplied by before it was differentiated, where products are of float16. */
  readonly lossScale?: number;
}

/** The parts of one step's batch, each with its own backward pass. */
type Parts = readonly (DetectorBatch | FrozenBatch)[];

/** What a session takes on a pretrained encoder. */
export interface SessionOptions {
  /** Where batches come from; the crops' pixels by default. The session ends it. */
  readonly feed?: Feed;
  /** The encoder's weights by their hash; empty by default. */
  readonly fingerprint?: string;
}

/** A detector in training. */
export class Session implements Disposable {
  /** The detector. */
  readonly detector: CoritDetector;
  /** The best validation so far. */
  best: BestValidation | null = null;
  /** Validations since then. */
  withoutProgress = 0;
  /** Why training ends before its steps are done; empty where it does not. */
  stopped = "";
  readonly #config: TrainingConfig;
  readonly #splits: Splits;
  readonly #optimizer: RunOptimizer;
  readonly #feed: Feed;
  readonly #fingerprint: string;
  readonly #step: TrainStep<Parts, Promise<StepResult>>;
  /** Where products are of float16. */
  readonly #lossScaler: LossScaler | undefined;
  /** Classification and mask loss of a pass, summed over the parts of its batch: [2], on the device. */
  readonly #lossParts: Tensor;
  /** The same of the first pass of the step under way. */
  #firstLossParts: ArrayLike<number> = [];
  /** The batch of the step under way. */
  #batch: Parts = [];
  readonly #watch: TrainingWatch;
  #criticalRadius: SamHooks["criticalRadius"];

  /** Makes detector, optimizer and loader at step 0; `makeDetector(config)` gives the detector. */
  constructor(
    config: TrainingConfig,
    splits: Splits,
    detector: CoritDetector = makeDetector(config),
    options: SessionOptions = {},
  ) {
    this.#config = config;
    this.#splits = splits;
    this.detector = detector;
    const factor = { value: 1 };
    this.#optimizer = makeOptimizer(config, this.detector.backbone.config.depth, {
      factor,
      criticalRadius: (context, group) => this.#critical(context, group),
    });
    this.#feed = options.feed ?? new ImageFeed(config, splits);
    this.#fingerprint = options.fingerprint ?? "";
    this.#lossScaler = config.precision === "mixed" ? new LossScaler() : undefined;
    this.#step = trainStep(
      this.detector,
      this.#optimizer.optimizer,
      this.#lossFunction(),
      {
        accumulate: (parts) => parts.map((part) => [part]),
        lossScaler: this.#lossScaler,
        reduceGradients: async (gradient, pass) => {
          this.#afterPass(pass);
          if (pass === 0) await this.#watch.observe(gradient);
        },
      },
    );
    const { device, dtype } = this.#step.arena.values;
    this.#lossParts = keep(zeros([2], { device, dtype }));
    // Twins of one batch are one unit: their gradients nearly cancel.
    const crops = config.twins && hasTwins(splits.train) ? 1 : 2;
    const units = crops * config.batchPairs * config.accumulate;
    this.#watch = new TrainingWatch(config, this.#step.arena, units, factor);
  }

  /** Lets COR-guided SAM estimate its radius on a probe's pairs. */
  guideBy(probe: GsnrProbe): void {
    const { corMaximum, corFraction, learningRate } = this.#config;
    this.#criticalRadius = criticalRadiusOf(this.detector, probe, {
      maximum: corMaximum / corFraction,
      smallestRate: learningRate / 10,
    });
  }

  /** Steps done. */
  get step(): number {
    return this.#optimizer.optimizer.steps;
  }

  /** What the planned passes of a step do, in words. */
  explainPlan(): string {
    return this.#step.explainPlan();
  }

  /** Crops in a step. */
  get imagesPerStep(): number {
    return this.#feed.batchSize * this.#config.accumulate;
  }

  /**
   * Makes one step. Batches whose gradient overflows float16 are left out.
   *
   * @throws {NumericError} The loss or the gradient is not finite; the weights are as before the step.
   */
  async advance(): Promise<SessionStep> {
    for (;;) {
      const lossScale = this.#lossScaler?.scale;
      const step = await this.#tryBatch();
      if (!step.skipped) return lossScale === undefined ? step : { ...step, lossScale };
    }
  }

  async #tryBatch(): Promise<SessionStep> {
    // Signals are heard between steps, even where every batch was ready.
    await setImmediate();
    const parts: Parts = await this.#nextParts();
    this.#batch = parts;
    try {
      scoped(() => copyInto(this.#lossParts, zerosLike(this.#lossParts)));
      const result = await this.#step(parts);
      const [classification, mask] = Array.from(this.#firstLossParts);
      const classificationLoss = classification / parts.length;
      return {
        ...result,
        classificationLoss,
        maskLoss: mask / parts.length,
        radius: this.#optimizer.sam?.lastRadius,
        sighting: this.#watch.after(result.step, classificationLoss),
      };
    } finally {
      for (const part of parts) tensorsOf(part).forEach((tensor) => tensor.release());
    }
  }

  /** Validates, and says whether this was the best so far. */
  async validate(): Promise<Validation & { readonly isBest: boolean }> {
    const { validation } = this.#splits;
    const scores = await this.#averaged(() => this.#feed.scores(this.detector, "validation"));
    const weights = this.#config.data === "starter" ? STARTER_FAMILY_WEIGHTS : undefined;
    const result = validate(scoredSamples(scores, validation), weights);
    this.#watch.validated(result.auc);
    const isBest = this.best === null || result.auc > this.best.auc;
    if (isBest) this.best = { step: this.step, ...result };
    this.withoutProgress = isBest ? 0 : this.withoutProgress + 1;
    return { ...result, isBest };
  }

  /** The encoder's weights by their hash; empty without a pretrained one. */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  /** P(forged) of each crop of a split by the detector as it stands. */
  async scores(split: "validation" | "test"): Promise<Float64Array> {
    return await this.#feed.scores(this.detector, split);
  }

  /** The weights that are scored, as a safetensors file. */
  async scoredWeights(): Promise<Uint8Array> {
    return await this.#averaged(() => encodeDetector(this.detector, this.#fingerprint));
  }

  /** Everything that goes on from here to the same bits. */
  save(seconds: number): Checkpoint {
    const { tensors, numbers, watch } = scoped(() => {
      const { tensors, numbers } = this.#optimizer.optimizer.state();
      const { tensors: watched, state: watch } = this.#watch.state();
      return { tensors: encodeSafetensors({ ...tensors, ...watched }), numbers, watch };
    });
    const state: CheckpointState = {
      version: 1,
      step: this.step,
      optimizer: { ...numbers, ...this.#lossScaler?.state() },
      loader: this.#feed.state,
      random: this.detector.randomStates(),
      best: this.best,
      withoutProgress: this.withoutProgress,
      seconds,
      stopped: this.stopped,
      watch,
    };
    const weights = encodeDetector(this.detector, this.#fingerprint);
    return { weights, optimizer: tensors, state };
  }

  /**
   * Goes to where a checkpoint was saved.
   *
   * @throws {StateError | ConfigError | FormatError} where it is another configuration's.
   */
  restore({ weights, optimizer, state }: Checkpoint): void {
    if (state.version !== 1) {
      throw new FormatError(
        `the checkpoint's version is ${state.version}, but this program reads version 1`,
      );
    }
    decodeDetector(weights, this.detector, this.#fingerprint);
    scoped(() => {
      const { tensors } = decodeSafetensors(optimizer);
      const watched = Object.entries(tensors).filter(([name]) => name.startsWith("watch."));
      const own = Object.entries(tensors).filter(([name]) => !name.startsWith("watch."));
      this.#optimizer.optimizer.restore({
        tensors: Object.fromEntries(own),
        numbers: state.optimizer,
      });
      if (state.watch) this.#watch.restore(Object.fromEntries(watched), state.watch);
    });
    this.detector.restoreRandomStates(state.random);
    this.#feed.restore(state.loader);
    this.#lossScaler?.restore(state.optimizer);
    this.best = state.best;
    this.withoutProgress = state.withoutProgress;
    this.stopped = state.stopped;
  }

  /** Ends what gives the batches. */
  [Symbol.dispose](): void {
    this.#feed[Symbol.dispose]();
    this.#lossParts.release();
  }

  /** Runs a function with the averaged weights in place, where the run keeps an average. */
  async #averaged<Result>(body: () => Result | PromiseLike<Result>): Promise<Result> {
    const { average } = this.#optimizer;
    return average ? await average.withAverages(body) : await body();
  }

  async #nextParts(): Promise<Parts> {
    const parts: Parts[number][] = [];
    for (let part = 0; part < this.#config.accumulate; part++) {
      const batch = await this.#feed.next();
      tensorsOf(batch).forEach(keep);
      parts.push(batch);
    }
    return parts;
  }

  #loss(detector: CoritDetector, batch: Parts[number]): Tensor {
    const { total, classification, mask } = detector.losses(batch);
    // Nothing is read here, so that the pass can be planned.
    withoutRecording(() =>
      copyInto(this.#lossParts, add(this.#lossParts, stack([classification, mask])))
    );
    return total;
  }

  /** The loss of a batch; under ESAM, of those of its samples that rise most in the second pass. */
  #lossFunction(): LossFunction<CoritDetector, Parts> {
    const total = (detector: CoritDetector, [batch]: Parts): Tensor => this.#loss(detector, batch);
    const { esam } = this.#optimizer;
    if (!esam) return total;
    return esam.lossOf((detector: CoritDetector, [batch]: Parts) => {
      if ("images" in batch) return detector.sampleLosses(batch);
      throw new ConfigError(
        "samRule esam compares crops by their pixels, but what the frozen blocks make of them " +
          "is trained on; take another rule",
      );
    }, total);
  }

  #critical(context: RadiusContext, group: GuidedGroup): number {
    if (this.#criticalRadius) return this.#criticalRadius(context, group);
    throw new ConfigError(
      "samRule cor-guided estimates the critical radius on twin pairs, but the training crops " +
        "have no twins; take another rule",
    );
  }

  /** Reads the parts of the loss; where one is not finite, finds out which operation it comes from. */
  #afterPass(pass: number): void {
    const parts = this.#lossParts.dataSync();
    if (pass === 0) this.#firstLossParts = parts;
    scoped(() => {
      copyInto(this.#lossParts, zerosLike(this.#lossParts));
      if (parts.every(Number.isFinite)) return;
      // The weights are still those of the pass: at the top of SAM's climb in its second one.
      for (const batch of this.#batch) {
        const { total } = recordingOn(() => this.detector.losses(batch));
        const loss = total.item();
        if (Number.isFinite(loss)) continue;
        throw new NumericError(
          `step ${this.step + 1}: the loss is ${loss}: ` +
            `${explainNonFinite(total, this.detector)}; the weights are as before the step`,
        );
      }
    });
  }
}

/** Every tensor of a batch. */
function tensorsOf(batch: Parts[number]): Tensor[] {
  return Object.values(batch).filter((value) => value !== undefined);
}
