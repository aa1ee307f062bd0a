// The trained networks behind some families: made present on disk once, then loaded by every worker.

import type { Photograph } from "../data/photographs.ts";
import { type EsrganScale, installEsrgan, loadEsrgan } from "../weights/mod.ts";
import { cachedAutoencoder, loadAutoencoder } from "./autoencoder_network.ts";
import { forgeryFamilies, type ForgeryFamilyName } from "./families.ts";
import type { Generators } from "./forgery.ts";
import type { Source } from "./starter_crop.ts";

/** Where the weights of each network lie. */
export type GeneratorFiles = Partial<Record<keyof Generators, string>>;

/** The super-resolution network doubles. */
const scale: EsrganScale = 2;

/** What {@linkcode prepareGenerators} is told. */
export interface PrepareGeneratorsOptions {
  /** The families that will be forged. */
  readonly families: readonly ForgeryFamilyName[];
  /** The cache folder. */
  readonly folder: string;
  /** Seed of what is trained. */
  readonly seed: number;
  /** The photographs that may be learned from: those of the training split. */
  readonly photographs: readonly Photograph[];
  /** Decodes them. */
  readonly sources: () => Promise<readonly Source[]>;
  /** Called as work goes on. */
  readonly onProgress?: (progress: { what: string; done: number; total: number }) => void;
  /** Ends the making when aborted: its reason is thrown. */
  readonly signal?: AbortSignal;
}

/**
 * Makes the networks of some families present: ESRGAN comes from npm, the autoencoder is trained on this engine on the
 * training photographs, once, and kept.
 *
 * @returns Paths of their weights; empty where the families need none.
 * @throws {DataError} A package cannot be installed.
 * @throws {FileError} The cache folder cannot be written.
 */
export async function prepareGenerators(
  { families, folder, onProgress, ...rest }: PrepareGeneratorsOptions,
): Promise<GeneratorFiles> {
  const needed = new Set(families.map((name) => forgeryFamilies[name].generator));
  const files: GeneratorFiles = {};
  if (needed.has("superResolution")) {
    files.superResolution = await installEsrgan(scale, {
      folder,
      onProgress: (what) => onProgress?.({ what, done: 0, total: 1 }),
    });
  }
  if (needed.has("autoencoder")) {
    files.autoencoder = await cachedAutoencoder({
      ...rest,
      folder,
      onStep: (done, total) => onProgress?.({ what: "training the autoencoder", done, total }),
    });
  }
  return files;
}

/**
 * Loads the networks, ready to forge by.
 *
 * @throws {FileError | FormatError} A file is missing or damaged.
 */
export async function loadGenerators(files: GeneratorFiles): Promise<Generators> {
  const esrgan = files.superResolution && await loadEsrgan(files.superResolution, scale);
  const network = files.autoencoder && await loadAutoencoder(files.autoencoder);
  return {
    ...(esrgan && { superResolution: (image) => esrgan.enlarge(image) }),
    ...(network && { autoencoder: (image) => network.remake(image) }),
  };
}
