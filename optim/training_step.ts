// The training step: passes, each in a scope of its own, and the optimizer that asks for them.

import { ConfigError, GradientError, NumericError } from "../errors.ts";
import { gradients } from "../autograd/gradients.ts";
import { input } from "../kernels/expression/expression.ts";
import { isFinite, where } from "../kernels/expression/functions.ts";
import type { Module } from "../nn/module.ts";
import { apply } from "../tensor/apply.ts";
import { tensor } from "../tensor/create.ts";
import type { RandomState } from "../tensor/random.ts";
import { recordingOn, withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import { showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { update } from "../tensor/update.ts";
import { type Measured, Measurements } from "./measurements.ts";
import { writeGlobalNorm } from "./global_norm.ts";
import type { LossScaler } from "./loss_scaler.ts";
import type { Optimizer, Pass } from "./optimizer.ts";
import { ParameterArena } from "./parameters.ts";
import { PassPlans } from "./pass_plans.ts";
import { Scalars } from "./scalars.ts";
import { type BatchPart, splitRows } from "./split_batch.ts";

/**
 * What a training step of a model takes unless its loss function says otherwise: what the model's own `loss` takes, or
 * its `forward`.
 */
export type BatchOf<Model> = Model extends { loss(batch: infer Batch, ...others: never[]): Tensor }
  ? Batch
  : Model extends { forward(x: infer Input, ...others: never[]): Tensor } ? Input
  : unknown;

/** The loss of a model on a batch: a scalar. */
export type LossFunction<Model extends Module, Batch> = (model: Model, batch: Batch) => Tensor;

/** Options of {@linkcode trainStep}. */
export interface TrainStepOptions<Batch> {
  /**
   * Gradient accumulation: the number of parts into which a batch is split along the first axis, or a function that
   * splits it into parts of equal weight. The gradient is that of the mean over the whole batch, in SAM's passes too.
   */
  readonly accumulate?: number | ((batch: Batch) => readonly Batch[]);
  /**
   * Whether passes are planned: recorded in their first two runs, and replayed from then on, bit for bit the same.
   * True by default. A loss that decides on values, or makes tensors of a batch's numbers itself, runs as written.
   */
  readonly plan?: boolean;
  /**
   * Multiplies the loss before it is differentiated and divides the gradient afterwards, where products of float16 would
   * lose what is small. A step whose gradient is not finite is then left out and its scale lowered, instead of an error.
   */
  readonly lossScaler?: LossScaler;
  /**
   * Steps whose losses and norms are gathered on the device and read together, unless somebody asks for a number of a
   * {@linkcode StepResult} sooner; 1 by default. With more, reading does not hold up the device: a loss that is not finite
   * is noticed up to so many steps later, where the weights have stayed as before the step that had it. Optimizers that
   * decide on numbers ask at every step, as a loss scaler does.
   */
  readonly readEvery?: number;
  /**
   * Called once a pass with the flat gradient, before its norm is taken: where data-parallel training averages it
   * over machines, in place. The first pass of a step is 0.
   */
  readonly reduceGradients?: (gradient: Tensor, pass: number) => void | Promise<void>;
}

/** What one training step did. */
export interface StepResult {
  /** Number of the step; the first is 1. */
  readonly step: number;
  /** The loss before the step. */
  readonly loss: number;
  /** The gradient's global norm before the step, not clipped. */
  readonly gradientNorm: number;
  /** The learning rate of the step. */
  readonly learningRate: number;
  /** The loss of each pass: under SAM the second is that at the top of the climb. */
  readonly losses: readonly number[];
  /** The gradient's global norm in each pass. */
  readonly gradientNorms: readonly number[];
  /** Present where the step was left out, its scaled gradient not being finite: weights and `steps` are as before. */
  readonly skipped?: true;
}

/** A training step that is ready to be called, one call at a time. */
export interface TrainStep<Batch, Result> {
  /**
   * Makes one step.
   *
   * @throws {NumericError} The loss or the gradient is NaN or infinite; the weights are as before the step.
   */
  (batch: Batch): Result;
  /** Where the trained parameters lie. */
  readonly arena: ParameterArena;
  /** The plans of the passes in words, and why a pass has none. */
  readonly explainPlan: () => string;
  /** Bytes that the plans keep for what their passes make on the way. */
  readonly temporaryBytes: () => number;
  /**
   * Reads the numbers of all steps so far.
   *
   * @throws {NumericError} One is not finite; the weights are as before its step.
   */
  readonly settle: () => Promise<void>;
}

/**
 * Binds a model, an optimizer and a loss to a function that makes one training step and tells what it did.
 *
 * What is frozen may change between steps. A module's `afterFirstPass` is called in the first pass only, and the
 * passes of one step draw the same random numbers.
 *
 * @throws {ConfigError} Nothing is trained.
 *
 * @example
 * ```ts
 * import { crossEntropy, tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { adamW, sam, trainStep } from "@corit/corit/optim";
 * import { assert } from "@std/assert";
 *
 * const model = new Linear(2, 2, { random: 0 });
 * const optimizer = sam(adamW({ learningRate: 0.05 }), { radius: 0.01 });
 * const step = trainStep(model, optimizer, (model, batch: { x: number[][]; y: number[] }) =>
 *   crossEntropy(model.forward(tensor(batch.x)), tensor(Int32Array.from(batch.y))));
 * const batch = { x: [[1, 0], [0, 1]], y: [0, 1] };
 * const { loss } = await step(batch);
 * assert((await step(batch)).loss < loss);
 * ```
 */
export function trainStep<Model extends Module, Batch = BatchOf<Model>>(
  model: Model,
  optimizer: Optimizer,
  loss: LossFunction<Model, Batch>,
  options: TrainStepOptions<Batch> = {},
): TrainStep<Batch, Promise<StepResult>> {
  const trainer = new Trainer(model, optimizer, loss, options);
  const step = async (batch: Batch): Promise<StepResult> => {
    const run = trainer.begin(batch);
    try {
      while (!run.finished && !run.skipped) {
        run.differentiate();
        await run.reduce();
        run.measure();
        if (trainer.measurements) run.proceedUnread(trainer.measurements);
        else run.proceed(await run.measurement.data());
      }
      if (trainer.handOver(run)) await trainer.measurements!.read();
      return run.result();
    } finally {
      run.end();
    }
  };
  return Object.assign(step, trainer.views());
}

/**
 * {@linkcode trainStep} without promises, where nothing has to be waited for.
 *
 * @throws {ConfigError} Nothing is trained; at a step: `reduceGradients` returned a promise.
 */
export function trainStepSync<Model extends Module, Batch = BatchOf<Model>>(
  model: Model,
  optimizer: Optimizer,
  loss: LossFunction<Model, Batch>,
  options: TrainStepOptions<Batch> = {},
): TrainStep<Batch, StepResult> {
  const trainer = new Trainer(model, optimizer, loss, options);
  const step = (batch: Batch): StepResult => {
    const run = trainer.begin(batch);
    try {
      while (!run.finished && !run.skipped) {
        run.differentiate();
        if (run.reduce() instanceof Promise) {
          throw new ConfigError("trainStepSync: reduceGradients returned a promise; use trainStep");
        }
        run.measure();
        if (trainer.measurements) run.proceedUnread(trainer.measurements);
        else run.proceed(run.measurement.dataSync());
      }
      if (trainer.handOver(run)) trainer.measurements!.readSync();
      return run.result();
    } finally {
      run.end();
    }
  };
  return Object.assign(step, trainer.views());
}

/** Of whether all was finite so far, the loss and the norm: whether all is still, and the scale that follows from it. */
const soundExpressions = (() => {
  const [sound, loss, norm] = [input(0), input(1), input(2)];
  const isSound = where(isFinite(loss), where(isFinite(norm), sound, 0), 0);
  return [isSound, where(isSound, 1, Infinity)];
})();

/** What all steps share. */
class Trainer<Model extends Module, Batch> {
  readonly arena: ParameterArena;
  /**
   * The loss, the gradient's norm, and the scale 1 that a gradient has before clipping; the loss's scale and its inverse.
   */
  readonly scalars = new Scalars(["loss", "norm", "scale", "lossScale", "lossUnscale"]);
  readonly plans: PassPlans | undefined;
  /** Absent where every step is read at once. */
  readonly measurements: Measurements | undefined;
  /** 1 for as long as every loss and norm was finite, a scalar on the device. */
  readonly soundness = new Scalars(["sound"]);
  running = false;

  constructor(
    readonly model: Model,
    readonly optimizer: Optimizer,
    readonly loss: LossFunction<Model, Batch>,
    readonly options: TrainStepOptions<Batch>,
  ) {
    const { accumulate = 1, readEvery = 1 } = options;
    if (!(Number.isInteger(readEvery) && readEvery >= 1)) {
      throw new ConfigError(
        `trainStep: readEvery is a whole number of at least 1, but is ${readEvery}`,
      );
    }
    if (typeof accumulate === "number" && !(Number.isInteger(accumulate) && accumulate >= 1)) {
      throw new ConfigError(
        `trainStep: accumulate is a whole number of at least 1 or a function, but is ${accumulate}`,
      );
    }
    this.arena = new ParameterArena(model);
    this.plans = options.plan === false ? undefined : new PassPlans();
    const isRead = readEvery === 1 || options.lossScaler !== undefined;
    this.measurements = isRead ? undefined : new Measurements(readEvery);
    this.#attach();
  }

  #attach(): void {
    const { values } = this.arena;
    this.scalars.attach(values);
    if (this.measurements) {
      this.measurements.attach(this.scalars.block);
      this.soundness.attach(values);
      this.soundness.set({ sound: 1 });
    }
    this.optimizer.attach(this.arena);
  }

  /** Lets the device go on with a step whose numbers wait there; whether as many wait as may. */
  handOver({ number }: StepRun<Model, Batch>): boolean {
    if (!this.measurements) return false;
    this.arena.values.storage.executor.flush?.();
    return this.measurements.isFull(number);
  }

  /** What a training step shows besides being called. */
  views(): Pick<
    TrainStep<Batch, unknown>,
    "arena" | "explainPlan" | "temporaryBytes" | "settle"
  > {
    return {
      arena: this.arena,
      explainPlan: () => this.plans?.explain() ?? "planning is off",
      temporaryBytes: () => this.plans?.temporaryBytes() ?? 0,
      settle: async () => await this.measurements?.read(),
    };
  }

  begin(batch: Batch): StepRun<Model, Batch> {
    if (this.running) {
      throw new ConfigError("trainStep: the step before has not ended; await it first");
    }
    if (this.arena.refresh()) this.#attach();
    if (!this.model.training) this.model.train();
    return new StepRun(this, batch);
  }
}

/** One step on its way. */
class StepRun<Model extends Module, Batch> {
  finished = false;
  skipped = false;
  readonly #step: Generator<void, void, Pass>;
  /** The first step is 1. */
  readonly number: number;
  readonly #learningRate: number;
  readonly #randomStates: Record<string, RandomState>;
  readonly #passes: Measured[] = [];

  constructor(readonly trainer: Trainer<Model, Batch>, readonly batch: Batch) {
    const { model, optimizer, arena } = trainer;
    this.number = optimizer.steps + 1;
    this.#learningRate = optimizer.learningRate;
    this.#randomStates = model.randomStates();
    this.#step = optimizer.step({ arena });
    this.#resume(() => this.#step.next());
    trainer.running = true;
  }

  /** The loss, the gradient's norm and 1, once {@linkcode measure} has been called. */
  get measurement(): Tensor {
    return this.trainer.scalars.block;
  }

  /** Takes the gradient of the loss at the weights of the moment. */
  differentiate(): void {
    const { model, loss, arena, scalars, plans, options: { lossScaler } } = this.trainer;
    const first = this.#passes.length === 0;
    // Every pass of a step sees the same dropped values.
    if (!first) model.restoreRandomStates(this.#randomStates);
    const lossScale = lossScaler?.scale ?? 1;
    scalars.set({ loss: 0, norm: 0, scale: 1, lossScale, lossUnscale: 1 / lossScale });
    const [total, , , scale, unscale] = scalars.tensors;
    scoped(() => {
      this.#parts().forEach(({ batch, share }, at) => {
        const pass = (): void =>
          scoped(() => {
            const value = recordingOn(() => loss(model, batch));
            if (value.size !== 1) {
              throw new GradientError(
                `trainStep: the loss must be a scalar, but has shape ${showShape(value.shape)}`,
              );
            }
            const scaled = lossScaler ? recordingOn(() => value.reshape([]).mul(scale)) : value;
            arena.gatherGradients(gradients(scaled, arena.parameters), { share, add: at > 0 });
            const weight = tensor(share, { device: total.device, dtype: total.dtype });
            const scalar = value.reshape([]);
            update([total], [input(0).add(input(1).mul(input(2)))], [total, scalar, weight]);
            if (first) this.#afterFirstPass();
          });
        const kind = `${first ? "first" : "later"} pass, share ${share}${at > 0 ? ", added" : ""}`;
        if (plans) plans.run(kind, model, arena.values, batch, pass);
        else pass();
      });
      if (!lossScaler) return;
      update([arena.gradient], [input(0).mul(input(1))], [arena.gradient, unscale]);
    });
  }

  /** Hands the gradient to whoever reduces it over machines. */
  reduce(): void | Promise<void> {
    const { options: { reduceGradients }, arena } = this.trainer;
    return reduceGradients?.(arena.gradient, this.#passes.length);
  }

  /** Measures the gradient on the device. */
  measure(): void {
    const { arena, scalars } = this.trainer;
    const [, norm] = scalars.tensors;
    scoped(() => withoutRecording(() => writeGlobalNorm(norm, arena.gradient)));
  }

  /** Goes on with the optimizer's step, unless a number is not finite. */
  proceed(measurement: ArrayLike<number>): void {
    const { arena, scalars, options: { lossScaler } } = this.trainer;
    const loss = measurement[0];
    const gradientNorm = measurement[1];
    this.#passes.push({ loss, gradientNorm });
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      if (!lossScaler || !Number.isFinite(loss) || lossScaler.isExhausted) {
        throw new NumericError(this.#complaint(loss, gradientNorm));
      }
      lossScaler.update(true);
      this.skipped = true;
      return;
    }
    const [, norm, scale] = scalars.tensors;
    const pass: Pass = { gradient: arena.gradient, norm, scale, loss, gradientNorm };
    this.#resume(() => this.#step.next(pass));
    if (this.finished) lossScaler?.update(false);
  }

  /**
   * Goes on with the optimizer's step without reading the numbers. From the first that is not finite on, the gradient's
   * scale is infinite, with which no optimizer changes a weight.
   */
  proceedUnread(measurements: Measurements): void {
    const { arena, scalars, soundness } = this.trainer;
    const [loss, norm, scale] = scalars.tensors;
    const [sound] = soundness.tensors;
    const measured = scoped(() =>
      withoutRecording(() => {
        update([sound, scale], soundExpressions, [sound, loss, norm]);
        return measurements.note(scalars.block, this.number, this.#passes.length + 1);
      })
    );
    this.#passes.push(measured);
    const pass: Pass = {
      ...{ gradient: arena.gradient, norm, scale },
      get loss(): number {
        return measured.loss;
      },
      get gradientNorm(): number {
        return measured.gradientNorm;
      },
    };
    this.#resume(() => this.#step.next(pass));
  }

  /** What the finished step did. */
  result(): StepResult {
    const passes = this.#passes;
    return {
      step: this.number,
      learningRate: this.#learningRate,
      get loss(): number {
        return passes[0].loss;
      },
      get gradientNorm(): number {
        return passes[0].gradientNorm;
      },
      get losses(): number[] {
        return passes.map(({ loss }) => loss);
      },
      get gradientNorms(): number[] {
        return passes.map(({ gradientNorm }) => gradientNorm);
      },
      ...(this.skipped ? { skipped: true } : {}),
    };
  }

  /** Ends the step; one that has not finished puts the weights back. */
  end(): void {
    this.trainer.running = false;
    if (this.finished) return;
    scoped(() => withoutRecording(() => this.#step.return()));
  }

  #resume(next: () => IteratorResult<void, void>): void {
    const asked = scoped(() => withoutRecording(next));
    this.finished = asked.done === true;
  }

  #parts(): readonly BatchPart<Batch>[] {
    const { accumulate = 1 } = this.trainer.options;
    if (accumulate === 1) return [{ batch: this.batch, share: 1 }];
    if (typeof accumulate === "number") {
      return withoutRecording(() => splitRows(this.batch, accumulate));
    }
    const parts = accumulate(this.batch);
    return parts.map((batch) => ({ batch, share: 1 / parts.length }));
  }

  #afterFirstPass(): void {
    withoutRecording(() => {
      for (const module of this.trainer.model.namedModules().values()) module.afterFirstPass?.();
    });
  }

  /** Names the step, the pass, and the first parameter that is not finite or has a gradient that is not. */
  #complaint(loss: number, gradientNorm: number): string {
    const pass = this.#passes.length === 1 ? "" : `, pass ${this.#passes.length}`;
    const where = this.#firstNonFinite();
    const what = Number.isFinite(loss)
      ? `the gradient's norm is ${gradientNorm}`
      : `the loss is ${loss}`;
    return `step ${this.number}${pass}: ${what}${where ? `; ${where}` : ""}; the weights are as ` +
      "before the step";
  }

  #firstNonFinite(): string | undefined {
    const { arena } = this.trainer;
    const kinds: readonly (readonly [string, Tensor])[] = [
      ["the weight", arena.values],
      ["the gradient of", arena.gradient],
    ];
    return scoped(() =>
      withoutRecording(() => {
        for (const [kind, flat] of kinds) {
          for (const entry of arena.entries) {
            const view = arena.view(flat, entry);
            const index = apply("findNonFinite", [view], {}).dataSync()[0];
            if (index >= 0) {
              return `${kind} ${entry.name} ${showShape(entry.shape)} has its first NaN or ` +
                `infinity at element ${index}`;
            }
          }
        }
      })
    );
  }
}
