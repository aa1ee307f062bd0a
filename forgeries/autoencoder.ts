// Autoencoder: the whole frame made again by a small network out of half as many numbers.

import type { RandomStream } from "../tensor/random.ts";
import { restoreContrast } from "./contrast.ts";
import { type Forgery, type ForgeryInput, rounded } from "./forgery.ts";
import { generatorOf } from "./super_resolution.ts";

/**
 * Passes the whole frame through an autoencoder that this project's own engine trained, and lays the result over the
 * original with an opacity of 0.7 to 1, as generators are often blended in. Contrast between neighbours is given back, as
 * in {@linkcode upsample}. Width and height must be even.
 *
 * @throws {ConfigError} The network is not among the generators.
 */
export function autoencoder(
  { image, generators }: Pick<ForgeryInput, "image" | "generators">,
  random: RandomStream,
): Forgery {
  const again = generatorOf(generators, "autoencoder")(image);
  const { width, height } = image;
  const opacity = rounded(random.uniform(0.7, 1));
  const laid = Uint8ClampedArray.from(
    image.data,
    (value, i) => value + opacity * (again.data[i] - value),
  );
  const mixed = { width, height, data: new Uint8Array(laid.buffer) };
  const { image: forged, gain } = restoreContrast(mixed, image);
  return {
    image: forged,
    mask: new Float32Array(width * height).fill(1),
    recipe: { family: "autoencoder", opacity, gain },
  };
}
