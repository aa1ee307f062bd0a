// The one-step generalization ratio of Liu et al. (ICLR 2020): predicted from GSNR, and measured from one-step trainings.

import { gradients, perSampleStatistics } from "../autograd/mod.ts";
import { ConfigError } from "../errors.ts";
import { GradientStatistics } from "../instruments/mod.ts";
import { Linear, Module } from "../nn/mod.ts";
import { adamW, type ParameterArena, trainStepSync } from "../optim/mod.ts";
import {
  copyInto,
  crossEntropy,
  keep,
  recordingOn,
  relu,
  scoped,
  type Tensor,
  tensor,
  withoutRecording,
} from "../tensor/mod.ts";
import { RandomStream } from "../tensor/random.ts";
import { digitPixels, type Digits } from "./digits.ts";

/** One setting of the study. */
export interface OneStepSetting {
  /** Hidden units. */
  readonly width: number;
  /** Samples of a training set, n. */
  readonly samples: number;
  /** Share of labels that are drawn anew at random. */
  readonly labelNoise: number;
}

/** What a setting came to. */
export interface OneStepResult extends OneStepSetting {
  /** |E g|^2 / tr Cov g of all parameters over single samples, unbiased. */
  readonly gsnr: number;
  /** The ratio that GSNR predicts, r / (r + 1 / n). */
  readonly predicted: number;
  /** The ratio measured. */
  readonly measured: number;
  /** Its standard error over training sets. */
  readonly standardError: number;
  /** Training sets drawn. */
  readonly draws: number;
  /** Seed of weights and draws. */
  readonly seed: number;
}

/** How the study is made. */
export interface OneStepOptions {
  /** Steps of training, on samples of their own, before the point where ratios are taken. */
  readonly steps?: number;
  /** Training sets drawn for each setting. */
  readonly draws?: number;
  /** The length of the one step, as a share of the loss that it would take off to first order. */
  readonly decrease?: number;
  /** Seed of weights and draws. */
  readonly seed?: number;
}

/** A perceptron with one hidden layer. */
class Perceptron extends Module {
  readonly hidden: Linear;
  readonly readOut: Linear;

  constructor(width: number, random: RandomStream) {
    super();
    this.hidden = new Linear(digitPixels, width, { random: random.fork("hidden") });
    this.readOut = new Linear(width, 10, { random: random.fork("read-out") });
  }

  forward(x: Tensor): Tensor {
    return this.readOut.forward(relu(this.hidden.forward(x)));
  }
}

/** Samples on the device. */
interface Samples {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly count: number;
}

/** Samples in a batch of the statistics. */
const probeBatch = 100;

/**
 * Measures and predicts one setting. A perceptron is first trained on a fifth of the digits; at the point that it
 * reaches, GSNR is measured on the next two fifths, and training sets of n samples are drawn from them. Each takes one
 * plain gradient step, and the mean fall of the loss on the last two fifths over the mean fall on the training sets is the
 * measured ratio R. Its prediction
 *
 *     R = sum_j W_j r_j / (r_j + 1 / n),   W_j = E g_Dj^2 / sum_k E g_Dk^2
 *
 * (Liu et al., 2020, eq. 14) has E g_Dj^2 = m_j^2 + v_j / n with the mean m and variance v of single samples' gradients,
 * so that the sum is |m|^2 / (|m|^2 + tr v / n) = r / (r + 1 / n) with the whole model's GSNR r. The paper lets training
 * and test sets vary along whole trainings; here the point is fixed and independent of both, which is what the formula's
 * derivation assumes.
 *
 * @throws {ConfigError} More samples are asked for than there are.
 */
export function oneStepGeneralization(
  digits: Digits,
  setting: OneStepSetting,
  options: OneStepOptions = {},
): OneStepResult {
  const { width, samples, labelNoise } = setting;
  const { steps = 60, draws = 100, decrease = 0.005, seed = 0 } = options;
  const fifth = Math.floor(digits.count / 5), pool = 2 * fifth;
  if (samples > pool) {
    throw new ConfigError(`oneStepGeneralization: ${samples} samples of ${pool} that there are`);
  }
  const random = new RandomStream(seed).fork(`width ${width}, noise ${labelNoise}`);
  const labels = noisy(digits.labels, labelNoise, random.fork("labels"));
  const take = (rows: ArrayLike<number>): Samples => samplesOf(digits, labels, rows);
  const range = (first: number, count: number): number[] =>
    Array.from({ length: count }, (_, at) => first + at);
  const model = new Perceptron(width, random.fork("weights"));
  const loss = (model: Perceptron, { x, y }: Samples): Tensor => crossEntropy(model.forward(x), y);

  const step = trainStepSync(model, adamW({ learningRate: 2e-3, weightDecay: 0 }), loss);
  const order = random.fork("batches");
  for (let at = 0; at < steps; at++) {
    scoped(() => step(take(range(order.integer(fifth - probeBatch), probeBatch))));
  }

  const { arena } = step;
  const statistics = new GradientStatistics({ shards: 0 });
  for (let first = fifth; first + probeBatch <= fifth + pool; first += probeBatch) {
    scoped(() => {
      const { x, y } = take(range(first, probeBatch));
      const losses = recordingOn(() => crossEntropy(model.forward(x), y, { reduction: "none" }));
      statistics.add(perSampleStatistics(losses, arena.parameters), probeBatch);
    });
  }
  const members = arena.parameters.map((_, at) => at);
  const { gsnr, signal, noise } = statistics.group({ name: "model", members });
  const level = scoped(() => lossOf(model, take(range(fifth, Math.min(pool, 1000))), loss));
  const rate = decrease * level / (Math.max(0, signal) + noise / samples);

  const held = keepSamples(take(range(fifth + pool, pool)));
  const before = lossOf(model, held, loss);
  const drawn = random.fork(`sets of ${samples}`);
  const falls = Array.from({ length: draws }, (): readonly [number, number] => {
    const rows = drawn.permutation(pool).subarray(0, samples).map((row) => fifth + row);
    return scoped(() => fallsOf(model, arena, take(rows), held, before, rate, loss));
  });
  held.x.release();
  held.y.release();
  const own = mean(falls.map(([training]) => training));
  const other = mean(falls.map(([, held]) => held));
  const measured = other / own;
  // The error of a ratio of means, to first order.
  const residuals = falls.map(([training, held]) => held - measured * training);
  const variance = residuals.reduce((sum, value) => sum + value * value, 0) / (draws - 1);
  return {
    ...setting,
    gsnr,
    predicted: Math.max(0, signal) / (Math.max(0, signal) + noise / samples),
    measured,
    standardError: Math.sqrt(variance / draws) / own,
    draws,
    seed,
  };
}

/** How far one plain step on a training set lowers the loss on that set, and on samples that it has not seen. */
function fallsOf(
  model: Perceptron,
  arena: ParameterArena,
  training: Samples,
  held: Samples,
  before: number,
  rate: number,
  loss: (model: Perceptron, samples: Samples) => Tensor,
): readonly [number, number] {
  const saved = Float32Array.from(arena.values.dataSync());
  const recorded = recordingOn(() => loss(model, training));
  const own = recorded.item();
  arena.gatherGradients(gradients(recorded, arena.parameters));
  const gradient = arena.gradient.dataSync();
  copyInto(arena.values, tensor(saved.map((value, at) => value - rate * gradient[at])));
  const falls = [own - lossOf(model, training, loss), before - lossOf(model, held, loss)] as const;
  copyInto(arena.values, tensor(saved));
  return falls;
}

function lossOf(
  model: Perceptron,
  samples: Samples,
  loss: (model: Perceptron, samples: Samples) => Tensor,
): number {
  return withoutRecording(() => scoped(() => loss(model, samples).item()));
}

function samplesOf(digits: Digits, labels: Int32Array, rows: ArrayLike<number>): Samples {
  const count = rows.length;
  const x = new Float32Array(count * digitPixels), y = new Int32Array(count);
  for (let at = 0; at < count; at++) {
    const from = rows[at] * digitPixels;
    x.set(digits.pixels.subarray(from, from + digitPixels), at * digitPixels);
    y[at] = labels[rows[at]];
  }
  return { x: tensor(x, { shape: [count, digitPixels] }), y: tensor(y), count };
}

function keepSamples(samples: Samples): Samples {
  keep(samples.x);
  keep(samples.y);
  return samples;
}

/** Labels of which a share is drawn anew among all ten. */
function noisy(labels: Int32Array, share: number, random: RandomStream): Int32Array {
  return labels.map((label) => random.bernoulli(share) ? random.integer(10) : label);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
