// The options of a training run, a row each: what is allowed, the default, one line of help. The
// defaults are the recipe for the starter benchmark.

import { z } from "zod";
import type { ProxySource } from "../corit/gradient_proxy.ts";
import { ConfigError } from "../errors.ts";
import { forgeryFamilyNames, starterFamilyNames } from "../forgeries/families.ts";
import { backboneChoices, backboneSizes, sizesOf, tuneChoices } from "./backbone_names.ts";
import type { TrainingConfig } from "./config.ts";
import {
  computed,
  type ComputedDefault,
  defineOptions,
  group,
  hint,
  type OptionDefinition,
  row,
} from "./options.ts";

/** The proxy's sources by name, so that the compiler misses none and the engine is not loaded. */
const proxySources = {
  attention: "attention",
  prototype: "prototype",
  neighbour: "neighbour",
  view: "view",
  text: "text",
} as const satisfies { [Source in ProxySource]: Source };

const probability = z.number().min(0).max(1);
const fraction = z.number().min(0).lt(1);
const count = z.int().min(1);
const countOrOff = z.int().min(0);
const seed = z.int().min(0).max(0xffff_ffff);
const positive = z.number().positive();
const share = positive.max(1);
const amount = z.number().min(0);
const text = z.string().min(1);

/** A default that is another one for the head alone on a pretrained encoder. */
function ofProbe(usual: number, probe: number): ComputedDefault<number> {
  return computed(
    `${usual}; of a probe ${probe}`,
    (values) => sizesOf(values) && values.tune === "probe" ? probe : usual,
  );
}

/** A default that is another one on a pretrained encoder. */
function onBackbone<Value>(usual: Value, pretrained: Value): ComputedDefault<Value> {
  return computed(
    `${usual}; on a backbone ${pretrained}`,
    (values) => sizesOf(values) ? pretrained : usual,
  );
}

/** Families of the starter benchmark that are trained on where nothing else is said. */
const starterFamilies = ["swap", "self-blend", "upsample"];

/** The table behind `deno task train`: its flags, its configuration file, its help. */
export const trainingOptions: OptionDefinition<TrainingConfig> = defineOptions<TrainingConfig>({
  name: "train",
  summary: [
    "Trains a detector to tell real photographs from forged ones, and reports how well it does.",
    "With sharpness-aware minimization (SAM), each step first climbs to the worst weights within a",
    "radius rho and descends from there; past a critical radius the detector collapses to guessing.",
    "A run is a folder: config.json, metrics.jsonl, checkpoints/, summary.json, report.html.",
  ].join("\n"),
  examples: [
    {
      command: "deno task train",
      does: "CoRIT under SAM on the starter benchmark, in a few minutes",
    },
    {
      command: "deno task train --families swap,upsample --test-families spectral --rho 0.02",
      does: "two families trained on, one never seen, a wider radius",
    },
    {
      command: "deno task train --backbone clip-vit-b16",
      does: "a linear probe on CLIP's image encoder, its weights pulled before",
    },
    {
      command: "deno task train --resume runs/first",
      does: "goes on where an interrupted run stopped",
    },
  ],
  rows: {
    ...group("Detector", {
      detector: row(z.enum(["corit", "vit"]), "corit", "CoRIT, or the transformer alone"),
      preset: row(
        z.enum(["starter", "tiny", "small", "base", "large"]),
        "starter",
        "size of a transformer trained from nothing",
      ),
      imageSize: row(
        z.int().min(8),
        computed("64; on a backbone 112 or so", (values) => sizesOf(values)?.imageSize ?? 64),
        "side of the input, in pixels",
      ),
      patchSize: row(
        count,
        computed("8; the backbone's", (values) => sizesOf(values)?.patchSize ?? 8),
        "side of a patch, in pixels",
      ),
      patchInputs: row(
        z.array(z.enum(["log-dct", "high-pass"])),
        computed("log-dct; on a backbone none", (values) => sizesOf(values) ? [] : ["log-dct"]),
        "fixed inputs of a patch beside its RGB values",
      ),
      pooling: row(
        z.enum(["mean", "class"]),
        onBackbone<"mean" | "class">("mean", "class"),
        "what the head reads of the tokens",
      ),
      dropout: row(fraction, 0, "drop rate inside the blocks"),
      dropPath: row(fraction, 0, "drop rate of whole branches at the last block"),
    }),
    ...group("Pretrained encoder", {
      backbone: row(
        z.enum(backboneChoices),
        "none",
        "encoder to build on; its weights are pulled where they are not here",
      ),
      tune: row(z.enum(tuneChoices), "probe", "what of it learns beside the head"),
      tuneBlocks: row(
        count,
        2,
        "of norms, low-rank (LoRA), effort and last: in how many of the last blocks",
      ),
      loraRank: row(count, 4, "rank of the updates of low-rank"),
      loraTargets: row(
        z.array(z.enum(["qkv", "proj", "fc1", "fc2"])).min(1),
        ["qkv", "proj"],
        "layers that low-rank updates",
      ),
      views: row(count, 2, "fixed views of each training crop that pass the frozen blocks, once"),
    }),
    ...group("CoRIT", {
      cgp: row(
        z.enum(proxySources),
        "attention",
        "source of the contrastive gradient proxy",
      ),
      textDirections: row(
        z.string(),
        "",
        'safetensors file for cgp text: "directions" [2, width], real then forged',
      ),
      rrm: row(z.boolean(), false, "region refinement mask"),
      rsi: row(z.boolean(), false, "regional signal injection"),
      rsiAlpha: row(amount, 0.1, "norm of the injected signal relative to the token's"),
      hri: row(z.boolean(), true, "hierarchical representation integration"),
      taps: row(z.array(count), [], "blocks the hierarchy reads, from 1; empty: by preset"),
    }),
    ...group("Data", {
      data: row(text, "starter", "starter, or a data set: folder, manifest, DeepfakeBench JSON"),
      trainOn: row(
        z.string(),
        "",
        "one family to train on; it and all others are tested on, one by one",
      ),
      families: row(
        z.array(text),
        computed(
          `${starterFamilies.join(",")}; of a data set: all`,
          ({ data, trainOn }) =>
            trainOn !== "" ? [trainOn as string] : data === "starter" ? [...starterFamilies] : [],
        ),
        "families trained on; docs/forgeries.md tells those of starter",
      ),
      testFamilies: row(
        z.array(text),
        computed("the rest", ({ data, families }) => {
          if (data !== "starter") return [];
          const trained = families as string[];
          return starterFamilyNames.filter((family) => !trained.includes(family));
        }),
        "families never trained on, for the cross-domain scores",
      ),
      splitSeed: row(seed, 0, "seed of the split by photograph"),
      trainPairs: row(
        count,
        onBackbone(10_000, 800),
        "real crops to train on, each with a forged twin",
      ),
      validationPairs: row(count, onBackbone(600, 200), "pairs to choose the best checkpoint by"),
      testPairs: row(
        count,
        onBackbone(1600, 480),
        "pairs for the final scores, shared by all families",
      ),
      twins: row(z.boolean(), true, "real crops and their forged twins in one batch"),
      skipBroken: row(z.boolean(), false, "leave out pictures that cannot be read"),
      frames: row(count, 32, "frames of each video, evenly spaced"),
      videos: row(
        z.enum(["auto", "folders", "none"]),
        "auto",
        "whether folders of numbered pictures are videos",
      ),
      compression: row(z.string(), "", "of FaceForensics++: c23, raw, c40; empty: c23 if there"),
      dataMemory: row(count, 1024, "MB of crops held in memory; more are read while training"),
    }),
    ...group("Augmentation", {
      flip: row(probability, 0.5, "probability of a horizontal flip"),
      crop: row(probability, 0, "probability of a random crop"),
      colour: row(probability, 0, "probability of a change of colours"),
      blur: row(probability, 0, "probability of a blur"),
      jpeg: row(probability, 0, "probability of another JPEG compression"),
      mixup: row(amount, 0, "MixUp's Beta parameter; 0: off"),
      cutmix: row(amount, 0, "CutMix's Beta parameter; 0: off"),
    }),
    ...group("Optimization", {
      steps: row(count, 560, "optimizer steps"),
      batchPairs: row(count, 32, "real crops in a batch, with as many forged ones"),
      accumulate: row(count, 1, "batches averaged into one step"),
      optimizer: row(z.enum(["adamw", "sgd"]), "adamw", "the optimizer, or the one inside SAM"),
      learningRate: row(positive, ofProbe(0.001, 0.01), "peak learning rate"),
      warmup: row(probability, 0.07, "fraction of the steps in which it climbs"),
      finalLearningRate: row(probability, 0, "what the cosine ends at, as a fraction of the peak"),
      weightDecay: row(amount, ofProbe(0.05, 1), "decoupled weight decay"),
      betas: row(z.tuple([fraction, fraction]), [0.9, 0.98], "decay of AdamW's moments"),
      momentum: row(fraction, 0.9, "momentum of SGD"),
      clipNorm: row(amount, 1, "largest norm of the gradient; 0: off"),
      layerDecay: row(positive.max(1), 1, "learning rate's factor from block to block; 1: off"),
      ema: row(fraction, 0, "decay of the averaged weights that are scored; 0: off"),
      maskLossWeight: row(amount, ofProbe(1, 0), "weight of the loss on the forged region"),
      labelSmoothing: row(fraction, 0, "part of the label spread over both classes"),
    }),
    ...group("Sharpness-aware minimization", {
      sam: row(z.boolean(), true, "climb to the worst nearby weights before each step"),
      samRule: row(
        z.enum(["sam", "asam", "gsam", "look-sam", "friendly-sam", "esam", "cor-guided"]),
        "sam",
        "who climbs; cor-guided keeps to a share of the local critical radius",
      ),
      rho: row(amount, 0.01, "radius of the climb; the recipe collapses from about 0.05 on"),
      rhoSchedule: row(
        z.enum(["constant", "linear", "cosine", "learning-rate"]),
        "constant",
        "how the radius moves from rho to rho-end",
      ),
      rhoEnd: row(amount, 0, "where its schedule ends, or its smallest (learning-rate)"),
      samStart: row(probability, 0, "fraction of the steps before the first climb"),
      perturb: row(
        z.enum(["all", "head", "blocks", "embedding"]),
        "all",
        "parameters that climb; the rest stay where they are",
      ),
      gsamAlpha: row(amount, 0.1, "weight of GSAM's surrogate gap (Zhuang et al., 2022)"),
      lookSamEvery: row(count, 5, "steps between climbs of LookSAM (Liu et al., 2022)"),
      lookSamAlpha: row(amount, 0.7, "weight of what LookSAM uses again in between"),
      friendlySigma: row(amount, 1, "part of the mean that F-SAM removes (Li et al., 2024)"),
      friendlyDecay: row(fraction, 0.9, "share of that mean that is kept at each step"),
      esamBeta: row(share, 0.5, "probability to climb of a parameter in ESAM (Du et al., 2022)"),
      esamGamma: row(share, 0.5, "share of a batch in ESAM's second pass"),
      corFraction: row(positive, 0.5, "radius as a share of the critical one (cor-guided)"),
      corEvery: row(count, 50, "steps between estimates of the critical radius"),
      corPairs: row(z.int().min(2), 32, "twin pairs that each of them uses"),
      corMaximum: row(positive, 0.05, "largest radius, also where the critical one is infinite"),
      corBlocks: row(z.boolean(), false, "a radius for each block, by its own critical one"),
    }),
    ...group("Along the way", {
      evaluateEvery: row(count, 100, "steps between validations"),
      checkpointEvery: row(count, 100, "steps between checkpoints"),
      gsnrEvery: row(
        countOrOff,
        onBackbone(140, 0),
        "steps between gradient signal-to-noise ratios; 0: off",
      ),
      gsnrPairs: row(z.int().min(2), 200, "twin pairs that each of them uses"),
      gsnrEstimateEvery: row(
        countOrOff,
        25,
        "steps between running estimates of it from consecutive batches; 0: off",
      ),
      onCollapse: row(
        z.enum(["warn", "stop", "lower", "off"]),
        "warn",
        "what to do when training collapses to guessing; lower: halve rho",
      ),
      collapseWindow: row(z.int().min(4), 50, "steps that a collapse is judged by"),
      earlyStopping: row(countOrOff, 0, "validations without progress before stopping; 0: off"),
      maxSeconds: row(amount, 0, "seconds after which training stops; 0: off"),
    }),
    ...group("Run", {
      out: row(
        text,
        computed("runs/TIME-DETECTOR", ({ detector }) => `runs/${timestamp()}-${detector}`),
        "the run's folder",
      ),
      resume: row(z.string(), "", "a run to go on with"),
      seed: row(seed, 0, "seed of weights, batches, augmentation and dropout"),
      device: row(
        z.enum(["auto", "wasm", "reference", "webgpu"]),
        "auto",
        "where to compute; auto: on a graphics processor where there is one",
      ),
      precision: row(
        z.enum(["full", "mixed"]),
        "full",
        "mixed: products of float16, summed in float32, the loss scaled; on webgpu",
      ),
      threads: row(countOrOff, 0, "threads to compute with; 0: CORIT_THREADS, or all"),
      tensorboard: row(z.boolean(), false, "write the metrics for TensorBoard as well"),
      profile: row(z.boolean(), false, "time every operation; leave a trace in the run's folder"),
      explainPlan: row(
        z.boolean(),
        false,
        "tell what the planned steps do, operation by operation",
      ),
    }),
  },
  check: checkTogether,
});

/** What no field can tell alone: names that exist, sizes that divide, lists that do not overlap. */
function checkTogether(config: TrainingConfig): void {
  const { data, trainOn, families, testFamilies, imageSize, patchSize } = config;
  const known: readonly string[] = forgeryFamilyNames;
  if (data === "starter") {
    if (families.length === 0) {
      throw new ConfigError(
        `families is empty; name at least one of ${known.join(", ")} to train on`,
      );
    }
    for (const family of [...families, ...testFamilies]) {
      if (known.includes(family)) continue;
      throw new ConfigError(
        `the starter benchmark has no family "${family}", only ${known.join(", ")}` +
          hint(family, known),
      );
    }
  }
  if (trainOn !== "" && (families.length !== 1 || families[0] !== trainOn)) {
    throw new ConfigError(
      `trainOn ${trainOn} trains on that family alone, but families is ${families.join(", ")}: ` +
        `give one of the two`,
    );
  }
  for (const list of [families, testFamilies]) {
    const repeated = list.find((family, index) => list.indexOf(family) < index);
    if (repeated) throw new ConfigError(`family "${repeated}" is named twice`);
  }
  const shared = testFamilies.find((family) => families.includes(family));
  if (shared) {
    throw new ConfigError(
      `family "${shared}" cannot be trained on and held back for the cross-domain test: ` +
        `leave it out of families or of testFamilies`,
    );
  }
  checkSam(config);
  if ((config.cgp === "text") !== (config.textDirections !== "")) {
    throw new ConfigError(
      `cgp text and textDirections go together, but cgp is ${config.cgp} and textDirections is ` +
        `"${config.textDirections}"`,
    );
  }
  if (config.backbone !== "none") checkBackbone(config);
  if (imageSize % patchSize !== 0) {
    throw new ConfigError(
      `imageSize ${imageSize} is not a multiple of patchSize ${patchSize}: ` +
        `try ${Math.max(1, Math.round(imageSize / patchSize)) * patchSize}`,
    );
  }
}

/** What a pretrained encoder fixes. */
function checkBackbone(config: TrainingConfig): void {
  const { backbone, patchSize, patchInputs, tuneBlocks, mixup, cutmix } = config;
  const { patchSize: own, depth } = backboneSizes[backbone as keyof typeof backboneSizes];
  if (patchSize !== own || patchInputs.length > 0) {
    throw new ConfigError(
      `${backbone} reads the colours of patches of ${own} pixels; leave patchSize and patchInputs out`,
    );
  }
  if (tuneBlocks > depth) {
    throw new ConfigError(`tuneBlocks is ${tuneBlocks}, but ${backbone} has ${depth} blocks`);
  }
  if (mixup > 0 || cutmix > 0) {
    throw new ConfigError(
      "mixup and cutmix mix pixels, but what the frozen blocks make of a crop is computed once; " +
        "leave them out on a backbone",
    );
  }
}

/** What a rule of SAM's family does not go with. */
function checkSam(config: TrainingConfig): void {
  const { sam, samRule, perturb, accumulate, esamGamma, rhoSchedule, onCollapse } = config;
  if (onCollapse === "lower" && !sam) {
    throw new ConfigError("onCollapse lower lowers SAM's radius, but sam is false");
  }
  if (samRule === "esam" && esamGamma < 1 && accumulate > 1) {
    throw new ConfigError(
      "samRule esam compares the samples of one batch; set accumulate to 1, or esamGamma to 1",
    );
  }
  if (samRule === "cor-guided" && (perturb !== "all" || rhoSchedule !== "constant")) {
    throw new ConfigError(
      "samRule cor-guided finds its radius by itself, over all parameters; leave perturb and " +
        "rhoSchedule out",
    );
  }
}

/** The local date and time as a folder's name: `2026-11-24-171500`. */
function timestamp(): string {
  const now = new Date();
  const digits = (value: number): string => String(value).padStart(2, "0");
  const day = [now.getFullYear(), digits(now.getMonth() + 1), digits(now.getDate())].join("-");
  return `${day}-${[now.getHours(), now.getMinutes(), now.getSeconds()].map(digits).join("")}`;
}
