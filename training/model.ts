// A run's detector and optimizer, as its configuration says.

import { CoritDetector } from "../corit/detector.ts";
import {
  adamW,
  type AveragingOptimizer,
  clipNorm,
  ema,
  layerDecay,
  type ParameterGroup,
  type Schedule,
  sgd,
  warmupCosine,
} from "../optim/mod.ts";
import type { VisionTransformer } from "../nn/mod.ts";
import { ConfigError, FormatError } from "../errors.ts";
import { decodeSafetensors, type Tensor } from "../tensor/mod.ts";
import type { TrainingConfig } from "./config.ts";
import { fileError } from "./files.ts";
import { type Climbing, samAround, type SamHooks } from "./sam_rule.ts";

/**
 * Makes the detector; its weights follow from the seed, those of a pretrained encoder are its own.
 *
 * @param backbone The pretrained encoder, where the configuration names one.
 * @throws {ConfigError} where its options contradict each other.
 * @throws {FileError | FormatError} where the text directions cannot be read.
 */
export function makeDetector(
  config: TrainingConfig,
  backbone?: VisionTransformer,
): CoritDetector {
  if ((config.backbone !== "none") !== (backbone !== undefined)) {
    throw new ConfigError(
      `makeDetector: the configuration's backbone is ${config.backbone}, which takes ` +
        `${config.backbone === "none" ? "no encoder" : "an encoder with its weights"}`,
    );
  }
  const { detector: kind, preset, seed, imageSize, patchSize, patchInputs } = config;
  const { pooling, dropout, dropPath, maskLossWeight, labelSmoothing } = config;
  const { cgp: proxy, rrm, rsi, rsiAlpha, hri, taps } = config;
  const transformer = backbone ? { backbone } : {
    preset,
    imageSize,
    patchSize,
    inputs: ["rgb" as const, ...patchInputs],
    pooling: pooling === "class" ? "token" as const : "mean" as const,
    dropout,
    dropPath,
  };
  return CoritDetector.create({
    ...transformer,
    kind,
    seed,
    maskLossWeight,
    labelSmoothing,
    ...(kind === "corit" ? { proxy, rrm, rsi, rsiAlpha, hri, taps } : {}),
    ...(kind === "corit" && proxy === "text"
      ? { textDirections: readDirections(config.textDirections) }
      : {}),
  });
}

/** The class directions in a safetensors file. */
function readDirections(path: string): Tensor {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    throw fileError("read", path, error);
  }
  let directions: Tensor | undefined;
  try {
    ({ directions } = decodeSafetensors(bytes).tensors);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FormatError(`${path}: ${cause.message}`, { cause });
  }
  if (directions === undefined) {
    throw new FormatError(`${path}: there is no tensor "directions" in it, [2, width]`);
  }
  return directions;
}

/** The optimizer of a run, and the average of the weights where there is one. */
export interface RunOptimizer extends Climbing {
  /** What steps, where it averages. */
  readonly average?: AveragingOptimizer;
}

/**
 * Makes the optimizer: SGD or AdamW, its gradient clipped, SAM's family around it, the average around that.
 *
 * @throws {ConfigError} where the rule of SAM's family needs a hook that is not there.
 */
export function makeOptimizer(
  config: TrainingConfig,
  depth: number,
  hooks: SamHooks = {},
): RunOptimizer {
  const { weightDecay, clipNorm: limit, ema: decay } = config;
  const groups: ParameterGroup[] = config.layerDecay === 1 ? [] : [{
    match: () => true,
    learningRateScale: layerDecay({ depth, decay: config.layerDecay }),
  }];
  const options = { learningRate: schedule(config), weightDecay, groups };
  const base = config.optimizer === "adamw"
    ? adamW({ ...options, betas: config.betas })
    : sgd({ ...options, momentum: config.momentum });
  const clipped = limit === 0 ? base : clipNorm(base, limit);
  const climbing = samAround(clipped, config, hooks);
  if (decay === 0) return climbing;
  const average = ema(climbing.optimizer, { decay, warmup: true });
  return { ...climbing, optimizer: average, average };
}

/** A linear rise from the first step on, then half a cosine. */
function schedule({ steps, warmup, learningRate, finalLearningRate }: TrainingConfig): Schedule {
  const rise = Math.round(warmup * steps);
  return warmupCosine({
    learningRate,
    total: steps,
    warmup: rise,
    // So that the first step learns as well, and no two steps of the rise have the same rate.
    warmupStart: learningRate / (rise + 1),
    minimum: finalLearningRate * learningRate,
  });
}
