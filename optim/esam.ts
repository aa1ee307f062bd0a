// ESAM: SAM that perturbs some of the parameters and takes its second pass over some of the samples.

import { ConfigError, GradientError } from "../errors.ts";
import { constant } from "../kernels/expression/expression.ts";
import type { Module } from "../nn/module.ts";
import { type RandomSource, streamOf } from "../nn/initialize.ts";
import { apply } from "../tensor/apply.ts";
import { zeros } from "../tensor/create.ts";
import { argsort } from "../tensor/operations/indexing.ts";
import { narrow } from "../tensor/operations/layout.ts";
import { sub } from "../tensor/operations/pointwise.ts";
import { mean } from "../tensor/operations/reduce.ts";
import type { RandomStream } from "../tensor/random.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { showShape } from "../tensor/shape.ts";
import { untaped } from "../tensor/tape.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";
import { copyInto, update } from "../tensor/update.ts";
import type { Optimizer, Pass } from "./optimizer.ts";
import type { ParameterArena } from "./parameters.ts";
import { ScratchVector } from "./scratch_vector.ts";
import { type SamOptimizer, type SamOptions, SharpnessAware } from "./sharpness_aware.ts";
import { mapTensors } from "./split_batch.ts";
import type { LossFunction } from "./training_step.ts";

/** Options of {@linkcode esam}. */
export interface EsamOptions extends SamOptions {
  /** Probability with which a parameter takes part in a step's climb, in (0, 1]; 0.5 by default. */
  readonly beta?: number;
  /** Share of a batch's samples that the second pass is taken over, in (0, 1]; 0.5 by default. */
  readonly gamma?: number;
  /** Draws which parameters climb; 0 by default. */
  readonly random?: RandomSource;
  /** Says which parameters climb at a step (the first is 0), instead of chance. */
  readonly climbs?: (name: string, step: number) => boolean;
}

/** The optimizer that {@linkcode esam} makes. */
export interface EsamOptimizer extends SamOptimizer {
  /**
   * The loss to train with, from one that tells samples apart: in the first pass the mean over the batch, in the second
   * that over the samples whose loss has risen most. Batches are tensors of one first axis, in arrays and plain objects.
   *
   * @param samples Gives the loss of each sample, [samples].
   * @param total Gives the loss of a batch, where it is more than their mean; the first pass then takes one more forward.
   */
  lossOf<Model extends Module, Batch>(
    samples: (model: Model, batch: Batch) => Tensor,
    total?: LossFunction<Model, Batch>,
  ): LossFunction<Model, Batch>;
}

/**
 * Efficient SAM (Du et al., 2022). Each parameter climbs with probability beta, by rho / beta along the gradient of those
 * that do (stochastic weight perturbation); the second pass is taken over the gamma share of the samples whose loss
 * rises most from the first pass to the top (sharpness-sensitive data selection). With beta = gamma = 1 it is SAM.
 *
 * Where gamma is below 1, train with the loss that `lossOf` makes, and do not accumulate.
 *
 * @throws {ConfigError} An option is outside of its range; at a step: the loss is not from `lossOf`, or is accumulated.
 *
 * @example
 * ```ts
 * import { crossEntropy, tensor } from "@corit/corit";
 * import { Linear } from "@corit/corit/nn";
 * import { esam, sgd, trainStep } from "@corit/corit/optim";
 * import { assert } from "@std/assert";
 *
 * const optimizer = esam(sgd({ learningRate: 0.1 }), { radius: 0.05, beta: 1, gamma: 0.5 });
 * const loss = optimizer.lossOf((m: Linear, { x, y }: { x: ReturnType<typeof tensor>; y: ReturnType<typeof tensor> }) =>
 *   crossEntropy(m.forward(x), y, { reduction: "none" }));
 * const step = trainStep(new Linear(2, 2, { random: 0 }), optimizer, loss);
 * const batch = { x: tensor([[1, 0], [0, 1]]), y: tensor(Int32Array.of(0, 1)) };
 * const { losses: [before, top] } = await step(batch);
 * assert(top > before); // of the sample that rises most
 * ```
 */
export function esam(base: Optimizer, options: EsamOptions): EsamOptimizer {
  const { beta = 0.5, gamma = 0.5 } = options;
  for (const [name, value] of Object.entries({ beta, gamma })) {
    if (!(value > 0 && value <= 1)) {
      throw new ConfigError(`esam: ${name} lies in (0, 1], but is ${value}`);
    }
  }
  return new Esam(base, options, beta, gamma);
}

class Esam extends SharpnessAware implements EsamOptimizer {
  readonly #random: RandomStream;
  readonly #direction = new ScratchVector();
  /** Losses of the samples in the first pass, by their number. */
  readonly #before = new Map<number, Tensor>();
  #pass: "first" | "second" = "first";
  /** Whether the loss is from `lossOf`. */
  #sampled = false;
  /** Calls of the loss in the pass under way, as far as it is not replayed. */
  #calls = 0;

  constructor(
    base: Optimizer,
    override readonly options: EsamOptions,
    readonly beta: number,
    readonly gamma: number,
  ) {
    super("esam", base, options);
    this.#random = streamOf(options.random ?? 0).fork("esam");
  }

  override attach(arena: ParameterArena): void {
    super.attach(arena);
    this.#direction.attach(arena);
  }

  protected *passAt(
    rho: number,
    pass: Pass,
    arena: ParameterArena,
  ): Generator<void, Pass, Pass> {
    if (this.gamma < 1) this.#check();
    if (rho === 0) return pass;
    const direction = this.#direction.values;
    copyInto(direction, pass.gradient);
    const staying = arena.entries.filter(({ name }) => !this.#climbs(name));
    // The climb is along the rest alone; without a rest there is none.
    if (staying.length === arena.entries.length) return pass;
    for (const entry of staying) {
      const part = arena.view(direction, entry);
      update([part], [constant(0)], [part]);
    }
    this.#pass = "second";
    this.#calls = 0;
    try {
      const length = staying.length === 0 ? pass.norm : undefined;
      const top = yield* this.climb.top(arena, direction, [rho / this.beta], length);
      if (this.gamma < 1) this.#check();
      return top;
    } finally {
      this.#pass = "first";
    }
  }

  /** Drawn by step and name, so that a run that goes on draws the same. */
  #climbs(name: string): boolean {
    const { climbs } = this.options;
    if (climbs) return climbs(name, this.steps);
    return this.beta === 1 || this.#random.fork(this.steps).fork(name).uniform() < this.beta;
  }

  #check(): void {
    if (!this.#sampled) {
      throw new ConfigError("esam: with gamma below 1, train with the loss that lossOf makes");
    }
    const calls = this.#calls;
    this.#calls = 0;
    if (calls > 1) {
      throw new ConfigError(
        "esam: the samples of a batch are compared in one pass; do not accumulate, or set gamma to 1",
      );
    }
  }

  lossOf<Model extends Module, Batch>(
    samples: (model: Model, batch: Batch) => Tensor,
    total?: LossFunction<Model, Batch>,
  ): LossFunction<Model, Batch> {
    this.#sampled = true;
    const lossesOf = (model: Model, batch: Batch): Tensor => {
      const losses = samples(model, batch);
      if (losses.rank === 1) return losses;
      throw new GradientError(
        `esam: expected a loss for each sample, [samples], but found ${showShape(losses.shape)}`,
      );
    };
    const lossOf = total ?? ((model, batch) => mean(lossesOf(model, batch)));
    return (model, batch) => {
      this.#calls++;
      if (this.gamma === 1) return lossOf(model, batch);
      if (this.#pass === "first") {
        const losses = total
          ? withoutRecording(() => lossesOf(model, batch))
          : lossesOf(model, batch);
        copyInto(this.#beforeOf(losses), losses);
        return total ? total(model, batch) : mean(losses);
      }
      const chosen = withoutRecording(() => {
        const losses = lossesOf(model, batch);
        const rises = sub(losses, this.#beforeOf(losses));
        const count = Math.max(1, Math.floor(this.gamma * losses.size));
        const rows = narrow(argsort(rises, { descending: true }), 0, 0, count);
        return mapTensors(
          batch,
          (each) => apply("gather", [each, rows], { axis: 0, mode: "select" }),
        );
      });
      return lossOf(model, chosen);
    };
  }

  #beforeOf(samples: Tensor): Tensor {
    const known = this.#before.get(samples.size);
    if (known) return known;
    // Made once, in no plan: to the pass it is a tensor from outside.
    const made = untaped(() => keep(zeros([samples.size], samples)));
    this.#before.set(samples.size, made);
    return made;
  }
}
