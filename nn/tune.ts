// Which parameters of a trained image encoder go on learning: one option, and an account of what it means.

import { ConfigError } from "../errors.ts";
import { addSingularComponent, mergeSingularComponents } from "./effort.ts";
import { type RandomSource, streamOf } from "./initialize.ts";
import { Linear } from "./linear.ts";
import { LowRankUpdate, mergeLowRank } from "./low_rank.ts";
import type { Module } from "./module.ts";
import { VisionTransformer } from "./vision_transformer.ts";

/**
 * A way to tune: only what reads the encoder (`probe`), also its layer norms (`norms`), low-rank updates beside its
 * weights (`low-rank`, LoRA), the last singular component of its attention's weights (`effort`), its last blocks
 * (`last`), or everything (`full`).
 */
export type TuningWay = "probe" | "norms" | "low-rank" | "effort" | "last" | "full";

/** All ways. */
export const tuningWays: readonly TuningWay[] = [
  "probe",
  "norms",
  "low-rank",
  "effort",
  "last",
  "full",
];

/** The linear layers of a block, as low-rank updates name them. */
export type LowRankTarget = "qkv" | "proj" | "fc1" | "fc2";

/** Options of {@linkcode tune}. */
export interface TuneOptions {
  /** What is trained. */
  readonly way: TuningWay;
  /**
   * Of `norms`, `low-rank`, `effort` and `last`: in how many of the last blocks; 2 of `last`, all of the others by
   * default. Below the first trained block nothing needs to be computed more than once.
   */
  readonly blocks?: number;
  /** Of `low-rank`: the rank; 4 by default. */
  readonly rank?: number;
  /** Of `low-rank`: multiplies the updates; 1 by default (LoRA's alpha over its rank). */
  readonly scale?: number;
  /** Of `low-rank`: which layers of these blocks; `qkv` and `proj`, those of the attention, by default. */
  readonly targets?: readonly LowRankTarget[];
  /** Of `low-rank`: seed or stream of the initial values; 0 by default. */
  readonly random?: RandomSource;
}

/** What is trained after {@linkcode tune}. */
export interface TunedParameters {
  /** Elements by name, in the model's order. */
  readonly trained: ReadonlyMap<string, number>;
  /** Elements that are trained. */
  readonly count: number;
  /** Elements of all parameters. */
  readonly total: number;
  /** A line for each trained parameter, and their sum. */
  toString(): string;
}

/** The encoder inside a model: its name with a point behind, and itself. */
function encoderOf(model: Module): [prefix: string, encoder: VisionTransformer] {
  const found = [...model.namedModules()].flatMap(([name, module]) =>
    module instanceof VisionTransformer ? [[name, module] as const] : []
  );
  if (found.length !== 1) {
    throw new ConfigError(
      `tune: expected a model with one vision transformer inside, but found ${found.length}`,
    );
  }
  const [[name, encoder]] = found;
  return [name === "" ? "" : `${name}.`, encoder];
}

function checkCount(what: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new ConfigError(`tune: ${what} must be a whole number of 1 to ${most}, but is ${value}`);
  }
}

const targetPaths: Readonly<Record<LowRankTarget, string>> = {
  qkv: "attn.qkv",
  proj: "attn.proj",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

/** Linear layers of the blocks from `first` on, by name; all are checked before any is changed. */
function linearsOf(
  encoder: VisionTransformer,
  first: number,
  paths: readonly string[],
): [name: string, layer: Linear][] {
  const modules = encoder.namedModules();
  const names = Array.from({ length: encoder.config.depth - first }, (_, at) => first + at)
    .flatMap((block) => paths.map((path) => `blocks.${block}.${path}`));
  return names.map((name) => {
    const layer = modules.get(name);
    if (!(layer instanceof Linear)) throw new ConfigError(`tune: ${name} is no linear layer`);
    if (layer.lowRank || layer.singular) {
      throw new ConfigError(`tune: ${name} is being tuned already; merge it first`);
    }
    return [name, layer];
  });
}

/** Gives linear layers of the blocks from `first` on their low-rank updates. */
function addUpdates(encoder: VisionTransformer, first: number, options: TuneOptions): void {
  const { rank = 4, scale = 1, targets = ["qkv", "proj"], random = 0 } = options;
  const unknown = targets.filter((target) => !Object.hasOwn(targetPaths, target));
  if (targets.length === 0 || unknown.length > 0) {
    throw new ConfigError(
      `tune: targets are one or more of ${Object.keys(targetPaths).join(", ")}, but found ` +
        `[${targets.join(", ")}]`,
    );
  }
  checkCount("rank", rank, encoder.config.width);
  const stream = streamOf(random).fork("low_rank");
  const paths = targets.map((target) => targetPaths[target]);
  for (const [name, layer] of linearsOf(encoder, first, paths)) {
    const [outputs, inputs] = layer.weight.shape;
    const { device } = layer.weight.value;
    layer.lowRank = new LowRankUpdate(inputs, outputs, rank, scale, {
      device,
      random: stream.fork(name),
    });
  }
}

/** Takes the last singular component out of each weight of the attention in the blocks from `first` on. */
function addComponents(encoder: VisionTransformer, first: number): void {
  const layers = linearsOf(encoder, first, [targetPaths.qkv, targetPaths.proj]);
  for (const [name, layer] of layers) {
    addSingularComponent(layer, name.endsWith(targetPaths.qkv) ? 3 : 1);
  }
}

const norms = /(^|\.)(norm1|norm2|norm|norm_pre|fc_norm)\.(weight|bias)$/;
/** What reads an encoder's features, though it belongs to it. */
const readOut = /^(head|visual_projection)\./;

/**
 * Freezes and unfreezes the parameters of a model that holds a vision transformer. Whatever is not the transformer, and
 * its own read-out, is trained in every way. Call it before an optimizer is made.
 *
 * @param model A vision transformer, or a model with one inside, such as a detector.
 * @returns What is trained, counted and listed.
 * @throws {ConfigError} An option is wrong, or the model holds no transformer, or several.
 *
 * @example
 * ```ts
 * import { tune, VisionTransformer } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const model = VisionTransformer.create({ preset: "tiny", depth: 4, seed: 0 });
 * assertEquals([...tune(model, { way: "probe" }).trained.keys()], ["head.weight", "head.bias"]);
 * // Rank 4 beside [576, 192] and [192, 192] in each of 4 blocks, and the head.
 * assertEquals(tune(model, { way: "low-rank" }).count, 4 * 4 * (576 + 192 + 192 + 192) + 386);
 * ```
 */
export function tune(model: Module, options: TuneOptions): TunedParameters {
  const { way } = options;
  if (!tuningWays.includes(way)) {
    throw new ConfigError(`tune: there is no way "${way}"; the ways are ${tuningWays.join(", ")}`);
  }
  const [prefix, encoder] = encoderOf(model);
  const { depth } = encoder.config;
  const blocks = options.blocks ?? (way === "last" ? Math.min(2, depth) : depth);
  checkCount("blocks", blocks, depth);
  const first = depth - blocks;
  if (way === "low-rank") addUpdates(encoder, first, options);
  if (way === "effort") addComponents(encoder, first);
  /** Whether a name belongs to the last blocks, or, where these are all, to no block. */
  const isHigh = (name: string): boolean => {
    const block = /^blocks\.(\d+)\./.exec(name)?.[1];
    if (block !== undefined) return Number(block) >= first;
    return first === 0 || /^(norm|fc_norm)\./.test(name);
  };
  const learns: Readonly<Record<TuningWay, (name: string) => boolean>> = {
    "probe": () => false,
    "norms": (name) => norms.test(name) && isHigh(name),
    "low-rank": (name) => name.includes(".low_rank."),
    "effort": (name) => name.includes(".singular."),
    "last": (name) =>
      isHigh(name) && (name.startsWith("blocks.") || /^(norm|fc_norm)\./.test(name)),
    "full": () => true,
  };
  const isTrained = (name: string) => {
    if (!name.startsWith(prefix)) return true;
    const own = name.slice(prefix.length);
    return readOut.test(own) || learns[way](own);
  };
  model.freeze((name) => !isTrained(name));
  model.unfreeze(isTrained);
  return account(model);
}

/**
 * How many blocks from the input on are frozen together with everything before them: their output never changes while
 * the model learns. The depth where nothing inside the encoder learns but what comes after its blocks; -1 where the
 * embedding itself learns.
 *
 * @example
 * ```ts
 * import { frozenBlocks, tune, VisionTransformer } from "@corit/corit/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const encoder = VisionTransformer.create({ preset: "tiny", depth: 4, seed: 0 });
 * tune(encoder, { way: "last", blocks: 1 });
 * assertEquals(frozenBlocks(encoder), 3);
 * tune(encoder, { way: "full" });
 * assertEquals(frozenBlocks(encoder), -1);
 * ```
 */
export function frozenBlocks(encoder: VisionTransformer): number {
  const trained = [...encoder.namedParameters()].filter(([, parameter]) => parameter.trained)
    .map(([name]) => name);
  if (trained.some((name) => /^(cls_token|reg_token|pos_embed|patch_embed|norm_pre)/.test(name))) {
    return -1;
  }
  const blocks = trained.flatMap((name) => /^blocks\.(\d+)\./.exec(name)?.[1] ?? []).map(Number);
  return Math.min(encoder.config.depth, ...blocks);
}

/** Makes low-rank updates and singular components part of their layers' weights; returns how many layers had one. */
export function mergeTuned(model: Module): number {
  return mergeLowRank(model) + mergeSingularComponents(model);
}

/** Counts and lists what is trained; a tied parameter counts once. */
function account(model: Module): TunedParameters {
  const trained = new Map<string, number>();
  const seen = new Set<unknown>();
  for (const [name, parameter] of model.namedParameters()) {
    if (!parameter.trained || seen.has(parameter)) continue;
    seen.add(parameter);
    trained.set(name, parameter.size);
  }
  const count = model.parameterCount({ trainedOnly: true });
  const total = model.parameterCount();
  return {
    trained,
    count,
    total,
    toString: () =>
      [
        ...[...trained].map(([name, size]) => `${name} ${size}`),
        `${count} of ${total} parameters are trained (${(100 * count / total).toFixed(2)} %)`,
      ].join("\n"),
  };
}
