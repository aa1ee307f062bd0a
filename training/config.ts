/**
 * What a training run is told: its options and how they are read.
 *
 * @module
 */

import type { ProxySource } from "../corit/gradient_proxy.ts";
import type { LowRankTarget, TuningWay } from "../nn/tune.ts";
import type { BackboneChoice } from "./backbone_names.ts";
import { trainingOptions } from "./config_table.ts";
import { readOptions } from "./options.ts";

/** Everything that determines a training run; stored in the run's `config.json`. */
export interface TrainingConfig {
  /** CoRIT around the vision transformer, or the vision transformer alone. */
  detector: "corit" | "vit";
  /** A pretrained encoder to build on, or `none`: a transformer trained from nothing. */
  backbone: BackboneChoice;
  /** What of the pretrained encoder learns, beside the head that reads it. */
  tune: TuningWay;
  /** In how many of its last blocks, where not all or none. */
  tuneBlocks: number;
  /** Rank of the updates of `low-rank`. */
  loraRank: number;
  /** Layers that `low-rank` updates. */
  loraTargets: LowRankTarget[];
  /** Fixed views of a training crop that pass the frozen blocks. */
  views: number;
  /** Size of a transformer trained from nothing: width, depth and heads. */
  preset: "starter" | "tiny" | "small" | "base" | "large";
  /** Side of the square input, in pixels. */
  imageSize: number;
  /** Side of a patch, in pixels; divides `imageSize`. */
  patchSize: number;
  /** Fixed inputs of a patch beside its RGB values. */
  patchInputs: ("log-dct" | "high-pass")[];
  /** What the head reads: the mean of the patch tokens, or the class token. */
  pooling: "mean" | "class";
  /** Drop rate inside the blocks. */
  dropout: number;
  /** Rate at which whole residual branches are dropped (stochastic depth), at the last block. */
  dropPath: number;

  /** Source of the contrastive gradient proxy. */
  cgp: ProxySource;
  /** Safetensors file with the class directions of the proxy `text`; empty for the other proxies. */
  textDirections: string;
  /** Region refinement mask: pool over the tokens where the proxy is strong and steady. */
  rrm: boolean;
  /** Regional signal injection: add the region's signal to its tokens. */
  rsi: boolean;
  /** Norm of the injected signal relative to the token's. */
  rsiAlpha: number;
  /** Hierarchical representation integration: the head reads several blocks. */
  hri: boolean;
  /** Blocks the hierarchy reads, counted from 1; empty for the preset's own choice. */
  taps: number[];

  /** `starter`, or a data set: a folder, a manifest, a DeepfakeBench JSON file. */
  data: string;
  /** The one family that is trained on, while every other is tested on; empty: `families` says. */
  trainOn: string;
  /** Forgery families trained on. */
  families: string[];
  /** Families never trained on, for the cross-domain scores. */
  testFamilies: string[];
  /** Seed of the split into training, validation and test photographs. */
  splitSeed: number;
  /** Real crops to train on, each with a forged twin. */
  trainPairs: number;
  /** Pairs that validation chooses the best checkpoint by. */
  validationPairs: number;
  /** Pairs for the final scores, shared equally by all families. */
  testPairs: number;
  /** Whether a real crop and its forged twin stand in one batch. */
  twins: boolean;
  /** Whether pictures that cannot be read are left out; else they end the training before it begins. */
  skipBroken: boolean;
  /** Frames of each video, evenly spaced. */
  frames: number;
  /** Whether folders of numbered pictures are videos, where the layout does not say. */
  videos: "auto" | "folders" | "none";
  /** The compression of FaceForensics++ that is read; empty: c23 where it is there. */
  compression: string;
  /** Megabytes of crops held in memory; of more, crops are read from their files while training. */
  dataMemory: number;

  /** Probability of a horizontal flip. */
  flip: number;
  /** Probability of a random crop, resized back. */
  crop: number;
  /** Probability of a change of brightness, contrast and saturation. */
  colour: number;
  /** Probability of a Gaussian blur. */
  blur: number;
  /** Probability of another JPEG compression. */
  jpeg: number;
  /** MixUp's Beta parameter; 0 is off. */
  mixup: number;
  /** CutMix's Beta parameter; 0 is off. */
  cutmix: number;

  /** Optimizer steps; a SAM step counts as one. */
  steps: number;
  /** Real crops in a batch; as many forged ones come with them. */
  batchPairs: number;
  /** Batches whose gradients are averaged into one step. */
  accumulate: number;
  /** The optimizer, or the one inside SAM. */
  optimizer: "adamw" | "sgd";
  /** Peak learning rate. */
  learningRate: number;
  /** Fraction of the steps over which the learning rate climbs; a cosine follows. */
  warmup: number;
  /** Learning rate at the end, as a fraction of the peak. */
  finalLearningRate: number;
  /** Decoupled weight decay. */
  weightDecay: number;
  /** Decay rates of AdamW's first and second moments. */
  betas: [number, number];
  /** Momentum of SGD. */
  momentum: number;
  /** Largest global norm of the gradient; 0 is off. */
  clipNorm: number;
  /** Factor on the learning rate from each block to the one below it; 1 is off. */
  layerDecay: number;
  /** Decay of the averaged weights that are scored; 0 scores the trained weights themselves. */
  ema: number;
  /** Weight of the loss that asks each token whether it was forged. */
  maskLossWeight: number;
  /** Part of the label's probability that is spread over both classes. */
  labelSmoothing: number;
  /** Sharpness-aware minimization. */
  sam: boolean;
  /** Which optimizer of SAM's family climbs. */
  samRule: "sam" | "asam" | "gsam" | "look-sam" | "friendly-sam" | "esam" | "cor-guided";
  /** Radius of SAM's perturbation. */
  rho: number;
  /** How the radius moves over the run; `learning-rate` follows the learning rate, as GSAM's authors have it. */
  rhoSchedule: "constant" | "linear" | "cosine" | "learning-rate";
  /** The radius that a schedule ends at, or its smallest. */
  rhoEnd: number;
  /** Fraction of the steps before the first climb: a warm start by the optimizer alone. */
  samStart: number;
  /** Which parameters climb: controls tell whether the read-out or the features fail. */
  perturb: "all" | "head" | "blocks" | "embedding";
  /** GSAM's weight of the surrogate gap. */
  gsamAlpha: number;
  /** LookSAM's steps from one climb to the next. */
  lookSamEvery: number;
  /** LookSAM's weight of what it uses again. */
  lookSamAlpha: number;
  /** How much of the running mean F-SAM takes away from the gradient. */
  friendlySigma: number;
  /** Share of the running mean that F-SAM keeps at each step. */
  friendlyDecay: number;
  /** Probability with which a parameter takes part in ESAM's climb. */
  esamBeta: number;
  /** Share of a batch that ESAM's second pass is taken over. */
  esamGamma: number;
  /** COR-guided SAM's radius as a share of the local critical one. */
  corFraction: number;
  /** Steps from one estimate of the critical radius to the next. */
  corEvery: number;
  /** Twin pairs that each estimate uses. */
  corPairs: number;
  /** The largest radius that COR-guided SAM takes. */
  corMaximum: number;
  /** Whether each block climbs by a radius of its own. */
  corBlocks: boolean;

  /** Steps between validations; the last step always validates. */
  evaluateEvery: number;
  /** Steps between checkpoints; the last step always writes one. */
  checkpointEvery: number;
  /** Steps between measurements of the gradient signal-to-noise ratio; 0 is off. */
  gsnrEvery: number;
  /** Twin pairs that each such measurement uses. */
  gsnrPairs: number;
  /** Steps between running estimates of that ratio from consecutive batches; 0 is off. */
  gsnrEstimateEvery: number;
  /** What is done when training collapses to guessing: a warning, an end, or half the radius. */
  onCollapse: "warn" | "stop" | "lower" | "off";
  /** Steps that a collapse is judged by; nothing is judged before twice as many. */
  collapseWindow: number;
  /** Validations without a better AUC after which training stops; 0 is off. */
  earlyStopping: number;
  /** Seconds after which training stops as if the steps were done; 0 is off. */
  maxSeconds: number;

  /** The run's folder. */
  out: string;
  /** A run to continue; empty to begin a new one. */
  resume: string;
  /** Seed of the weights, the batches, augmentation and dropout. */
  seed: number;
  /** Where to compute. */
  device: "auto" | "wasm" | "reference" | "webgpu";
  /** Whether products are of float32 numbers, or of factors rounded to float16 and summed in float32 (`mixed`). */
  precision: "full" | "mixed";
  /** Threads to compute with; 0 takes all. */
  threads: number;
  /** Write the metrics as a TensorBoard event file as well. */
  tensorboard: boolean;
  /** Whether to time every operation and leave a trace in the run's folder. */
  profile: boolean;
  /** Whether to tell what the planned steps do. */
  explainPlan: boolean;
}

/**
 * Reads a training configuration from a plain object; what is missing takes its default.
 *
 * @throws {ConfigError} on an unknown field, a value that is not allowed, or two that contradict
 * each other; the message names the field, the value and what is allowed.
 *
 * @example
 * ```ts
 * import { parseTrainingConfig } from "@corit/corit/training";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const config = parseTrainingConfig({ steps: 50, families: ["swap"] });
 * assertEquals(config.learningRate, 1e-3);
 * assertEquals(config.testFamilies, ["self-blend", "upsample", "spectral"]);
 * assertThrows(() => parseTrainingConfig({ step: 50 }), Error, "did you mean steps?");
 * ```
 */
export function parseTrainingConfig(object: Readonly<Record<string, unknown>>): TrainingConfig {
  return readOptions(trainingOptions, object);
}
