// Super-resolution: the whole frame made by a trained generator from half its resolution.

import type { Image } from "../data/image.ts";
import { type ResampleFilter, resize } from "../data/resize.ts";
import { ConfigError } from "../errors.ts";
import type { RandomStream } from "../tensor/random.ts";
import { restoreContrast } from "./contrast.ts";
import type { Forgery, ForgeryInput, Generators } from "./forgery.ts";

/** The network that a family needs. Throws ConfigError where it was not loaded. */
export function generatorOf(
  generators: Generators | undefined,
  name: keyof Generators,
): (image: Image) => Image {
  const found = generators?.[name];
  if (found) return found;
  throw new ConfigError(
    `a forgery needs the generator ${name}, but it was not given; load it by loadGenerators`,
  );
}

/**
 * Halves the whole frame and has it enlarged by a trained network, ESRGAN (Wang et al., 2018), which runs on this
 * project's own engine. Width and height must be even. As in {@linkcode upsample}, contrast between neighbours is given
 * back where the network left less of it.
 *
 * @throws {ConfigError} The network is not among the generators.
 */
export function superResolution(
  { image, generators }: Pick<ForgeryInput, "image" | "generators">,
  random: RandomStream,
): Forgery {
  const enlarge = generatorOf(generators, "superResolution");
  const { width, height } = image;
  const down = random.choice<ResampleFilter>(["box", "bicubic", "lanczos"]);
  const enlarged = enlarge(resize(image, width / 2, height / 2, down));
  const { image: forged, gain } = restoreContrast(enlarged, image);
  return {
    image: forged,
    mask: new Float32Array(width * height).fill(1),
    recipe: { family: "super-resolution", network: "esrgan-slim x2", down, gain },
  };
}
