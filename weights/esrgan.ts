// A trained super-resolution network: the smallest ESRGAN of UpscalerJS, out of its npm package, on this engine.

import { join } from "node:path";
import type { Image } from "../data/image.ts";
import { type InstallOptions, installPackageFiles, type PackageFiles } from "../data/packages.ts";
import { tensor } from "../tensor/create.ts";
import { permute, reshape } from "../tensor/operations/layout.ts";
import { withoutRecording } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import { loadTfjsModel, type TfjsModel } from "./tfjs_model.ts";

/** How many times longer and wider the network makes a picture. */
export type EsrganScale = 2 | 3 | 4;

/** What is installed for a scale, and where the model lies in the folder that it is installed into. */
export interface EsrganFiles {
  /** The scale. */
  readonly scale: EsrganScale;
  /** The package and the files that are wanted of it. */
  readonly packages: readonly PackageFiles[];
  /** The model inside the folder. */
  readonly modelPath: string;
}

/** The files of `@upscalerjs/esrgan-slim` 1.0.0 (MIT) for a scale. */
export function esrganFiles(scale: EsrganScale): EsrganFiles {
  const name = "@upscalerjs/esrgan-slim";
  const files = ["model.json", "group1-shard1of1.bin"].map((file) => `models/x${scale}/${file}`);
  return {
    scale,
    packages: [{
      name,
      version: "1.0.0",
      integrity:
        "sha512-DXtwn5SE71+pZKluN/hGeLaZv6ZylyFQYSvMqU08kKCEA5Y9Q1cIIk4EvPTPZw8VqGi2C6F02c8OjhtId4BK2w==",
      files,
    }],
    modelPath: join(name, files[0]),
  };
}

/**
 * Makes the network's files present on disk, from npm on the first call, and returns the path of its `model.json`.
 *
 * @throws {DataError} The package cannot be installed.
 * @throws {FileError} The cache folder cannot be written.
 */
export async function installEsrgan(
  scale: EsrganScale,
  options: InstallOptions = {},
): Promise<string> {
  const { packages, modelPath } = esrganFiles(scale);
  const what = "a super-resolution network";
  return join(await installPackageFiles(packages, { what, ...options }), modelPath);
}

/**
 * A generator of pictures: ESRGAN as a residual dense network (Wang et al., 2018; Zhang et al., 2018), 222 k parameters
 * at twice the size, trained on photographs by others.
 */
export class Esrgan {
  /** How many times longer and wider a picture becomes. */
  readonly scale: number;
  /** The network; [batch, 3, height, width], 0..255, in and out. */
  readonly model: TfjsModel;

  /** {@linkcode loadEsrgan} makes it. */
  constructor(model: TfjsModel, scale: number) {
    this.model = model;
    this.scale = scale;
  }

  /** Enlarges a picture; takes about 3 kB of memory a pixel on the way. */
  enlarge({ width, height, data }: Image): Image {
    return withoutRecording(() =>
      scoped(() => {
        const pixels = tensor(Float32Array.from(data), { shape: [1, height, width, 3] });
        const enlarged = this.model.forward(permute(pixels, [0, 3, 1, 2]));
        const [, , tall, wide] = enlarged.shape;
        const rows = reshape(permute(enlarged, [0, 2, 3, 1]), [tall * wide * 3]);
        // Rounded and held to 0..255 by the array's own rule.
        const bytes = Uint8ClampedArray.from(rows.dataSync());
        return { width: wide, height: tall, data: new Uint8Array(bytes.buffer) };
      })
    );
  }
}

/**
 * Loads the network from its `model.json`, as {@linkcode installEsrgan} returns it.
 *
 * @throws {FileError} A file cannot be read.
 * @throws {FormatError} It is damaged.
 *
 * @example
 * ```ts
 * import { installEsrgan, loadEsrgan } from "@corit/corit/weights";
 * import { assertEquals } from "@std/assert";
 *
 * const esrgan = await loadEsrgan(await installEsrgan(2), 2);
 * const grey = { width: 8, height: 6, data: new Uint8Array(8 * 6 * 3).fill(128) };
 * const { width, height } = esrgan.enlarge(grey);
 * assertEquals([width, height, esrgan.model.parameterCount()], [16, 12, 222_075]);
 * ```
 */
export async function loadEsrgan(path: string, scale: EsrganScale): Promise<Esrgan> {
  return new Esrgan(await loadTfjsModel(path), scale);
}
