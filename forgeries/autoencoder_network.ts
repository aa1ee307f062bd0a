// A small convolutional autoencoder, and how it is trained and kept.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { writeAtomically } from "../data/cache.ts";
import { codecVersions, type Image } from "../data/image.ts";
import type { Photograph } from "../data/photographs.ts";
import { FormatError } from "../errors.ts";
import { Conv2d, type LayerOptions, makeParameter, Module, type Parameter } from "../nn/mod.ts";
import { kaimingUniform, streamOf } from "../nn/initialize.ts";
import { adamW, trainStep, warmupCosine } from "../optim/mod.ts";
import {
  abs,
  convTranspose2d,
  decodeSafetensors,
  encodeSafetensors,
  leakyRelu,
  mean,
  RandomStream,
  scoped,
  type Tensor,
  tensor,
  withoutRecording,
} from "../tensor/mod.ts";
import { drawCrop, type Source } from "./starter_crop.ts";

/** Where it is trained and run, so that the same photographs give the same weights everywhere. */
const device = "wasm";

/** A transposed convolution that doubles a picture: 4 x 4, in steps of 2. */
export class Doubling extends Module {
  /** [inputs, outputs, 4, 4]. */
  readonly weight: Parameter;
  /** [outputs]. */
  readonly bias: Parameter;

  /** From `inputs` to `outputs` channels. */
  constructor(inputs: number, outputs: number, options: LayerOptions) {
    super();
    this.weight = makeParameter("weight", [inputs, outputs, 4, 4], kaimingUniform(), options);
    this.bias = makeParameter("bias", [outputs], () => new Float32Array(outputs), options);
  }

  /** x [batch, inputs, height, width] -> [batch, outputs, 2 height, 2 width]. */
  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight.value, { bias: this.bias.value, stride: 2, padding: 1 });
  }
}

/**
 * A convolution down to half the size and a code of 6 numbers for 2 x 2 pixels, a transposed convolution up again; 7 k
 * parameters. Its step of 2 leaves the traces that generators with such layers leave (Odena, Dumoulin and Olah, 2016).
 */
export class AutoencoderNetwork extends Module {
  /** 3 -> 32 channels, half the size. */
  readonly down: Conv2d;
  /** To the code. */
  readonly code: Conv2d;
  /** From the code. */
  readonly open: Conv2d;
  /** 32 -> 3 channels, the whole size. */
  readonly up: Doubling;

  /** Draws initial weights from `random`. */
  constructor(random: RandomStream | number) {
    super();
    const stream = streamOf(random);
    const part = (name: string) => ({ random: stream.fork(name), device } as const);
    this.down = new Conv2d(3, 32, 4, { stride: 2, padding: 1, ...part("down") });
    this.code = new Conv2d(32, 6, 3, { padding: 1, ...part("code") });
    this.open = new Conv2d(6, 32, 3, { padding: 1, ...part("open") });
    this.up = new Doubling(32, 3, part("up"));
  }

  /** images [batch, 3, height, width], 0..255, sides even -> the same shape. */
  forward(images: Tensor): Tensor {
    const seen = leakyRelu(this.down.forward(images.div(127.5).sub(1)), 0.2);
    const opened = leakyRelu(this.open.forward(this.code.forward(seen)), 0.2);
    return this.up.forward(opened).add(1).mul(127.5);
  }

  /** The mean absolute difference to what it is given, in grey levels: what training lowers. */
  loss(images: Tensor): Tensor {
    return mean(abs(this.forward(images).sub(images)));
  }

  /** A picture made again. */
  remake({ width, height, data }: Image): Image {
    return withoutRecording(() =>
      scoped(() => {
        const pixels = tensor(Float32Array.from(data), { shape: [1, height, width, 3], device });
        const made = this.forward(pixels.permute([0, 3, 1, 2])).permute([0, 2, 3, 1]);
        const bytes = Uint8ClampedArray.from(made.reshape([-1]).dataSync());
        return { width, height, data: new Uint8Array(bytes.buffer) };
      })
    );
  }
}

/** How it is trained; kept with the weights. */
export interface AutoencoderRecipe {
  /** Seed of weights and crops. */
  readonly seed: number;
  /** Steps of AdamW. */
  readonly steps: number;
  /** Crops of 64 x 64 pixels a step. */
  readonly batch: number;
  /** Highest learning rate, after which half a cosine. */
  readonly learningRate: number;
}

/** The recipe of the starter benchmark. */
export const autoencoderRecipe: Omit<AutoencoderRecipe, "seed"> = {
  steps: 300,
  batch: 8,
  learningRate: 1e-2,
};

/** Names the network that the recipe gives: raise the number when its weights change for the same photographs. */
export const autoencoderVersion: string = JSON.stringify([1, autoencoderRecipe]);

/**
 * Trains an autoencoder on crops of photographs.
 *
 * @param onStep Called with each step's number and mean absolute error, grey levels.
 */
export async function trainAutoencoder(
  sources: readonly Source[],
  { seed, steps, batch, learningRate }: AutoencoderRecipe,
  onStep: (step: number, error: number) => void = () => {},
): Promise<AutoencoderNetwork> {
  const random = new RandomStream(seed).fork("autoencoder");
  const network = new AutoencoderNetwork(random.fork("weights"));
  const schedule = warmupCosine({
    learningRate,
    total: steps,
    warmup: Math.ceil(steps / 20),
    warmupStart: learningRate / 20,
    minimum: 0,
  });
  const step = trainStep(
    network,
    adamW({ learningRate: schedule, betas: [0.9, 0.98], weightDecay: 0 }),
    (model: AutoencoderNetwork, images: Tensor) => model.loss(images),
  );
  const crops = random.fork("crops");
  const every = sources.map((_, i) => i);
  for (let at = 1; at <= steps; at++) {
    const values = new Float32Array(batch * 3 * 64 * 64);
    for (let i = 0; i < batch; i++) {
      const { data } = drawCrop(sources, every, 64, crops.fork(at * batch + i)).image;
      for (let p = 0; p < 64 * 64; p++) {
        for (let c = 0; c < 3; c++) values[(i * 3 + c) * 64 * 64 + p] = data[p * 3 + c];
      }
    }
    const images = tensor(values, { shape: [batch, 3, 64, 64], device });
    onStep(at, (await step(images)).loss);
    images.release();
  }
  return network;
}

/** What {@linkcode cachedAutoencoder} is told. */
export interface CachedAutoencoderOptions {
  /** The cache folder. */
  readonly folder: string;
  /** Seed of weights and crops. */
  readonly seed: number;
  /** How it is trained; {@linkcode autoencoderRecipe}. */
  readonly recipe?: Omit<AutoencoderRecipe, "seed">;
  /** The photographs that may be learned from: those of the training split. */
  readonly photographs: readonly Photograph[];
  /** Decodes them; called where the network is not there yet. */
  readonly sources: () => Promise<readonly Source[]>;
  /** Called with each step's number, of how many. */
  readonly onStep?: (step: number, steps: number) => void;
  /** Ends the training when aborted: its reason is thrown. */
  readonly signal?: AbortSignal;
}

/**
 * The path of a trained autoencoder, trained where it is not there yet; the recipe and the photographs' names are in
 * the file.
 *
 * @throws {FileError} The cache folder cannot be written.
 */
export async function cachedAutoencoder(options: CachedAutoencoderOptions): Promise<string> {
  const { folder, seed, photographs, onStep = () => {}, signal } = options;
  const recipe = { ...(options.recipe ?? autoencoderRecipe), seed };
  const names = photographs.map(({ id }) => id);
  const told = JSON.stringify([autoencoderVersion, codecVersions(), recipe, names]);
  const hash = createHash("sha256").update(told).digest("hex").slice(0, 16);
  const path = join(folder, "starter", `autoencoder-${hash}.safetensors`);
  if (await Deno.stat(path).then(() => true, () => false)) return path;
  const network = await trainAutoencoder(await options.sources(), recipe, (step) => {
    signal?.throwIfAborted();
    onStep(step, recipe.steps);
  });
  const metadata = { recipe: JSON.stringify(recipe), photographs: JSON.stringify(names) };
  await writeAtomically(path, [encodeSafetensors(network.stateDict(), metadata)]);
  return path;
}

/**
 * Loads a trained autoencoder.
 *
 * @throws {FormatError} The file is damaged.
 */
export async function loadAutoencoder(path: string): Promise<AutoencoderNetwork> {
  const bytes = await Deno.readFile(path);
  const network = new AutoencoderNetwork(0);
  try {
    network.loadStateDict(decodeSafetensors(bytes, { device }).tensors);
  } catch (cause) {
    throw new FormatError(`${path}: it is damaged; remove it, and it is trained anew`, { cause });
  }
  return network;
}
