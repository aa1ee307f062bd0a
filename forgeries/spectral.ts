// Spectral: a faint periodic grid over the whole frame, as transposed convolutions leave it.

import type { RandomStream } from "../tensor/random.ts";
import { type Forgery, type ForgeryInput, rounded } from "./forgery.ts";

/** Options of {@linkcode spectral}. */
export interface SpectralOptions {
  /** Smallest and largest amplitude of a wave in grey levels; 2 to 4 unless told. */
  readonly amplitude?: readonly [number, number];
  /** Periods to draw from, pixels; 2, 8/3, 16/5 and 4 unless told. */
  readonly periods?: readonly number[];
}

/** The values of a cosine wave along one axis. A wave of period 2 is 1, -1, 1, ...: its phase could only weaken it. */
function wave(length: number, period: number, phase: number): Float64Array {
  const shift = period === 2 ? 0 : phase;
  return Float64Array.from(
    { length },
    (_, i) => Math.cos((2 * Math.PI * i) / period + shift),
  );
}

/**
 * Adds a periodic pattern of a few grey levels to all three channels: columns, rows or both, of one period.
 *
 * The spectrum gets the isolated peaks that upsampling generators leave: Frank et al., "Leveraging Frequency Analysis
 * for Deep Fake Image Recognition", ICML 2020.
 *
 * @example
 * ```ts
 * import { spectral } from "@corit/corit/forgeries";
 * import { RandomStream } from "@corit/corit/tensor";
 * import { assertEquals } from "@std/assert";
 * const image = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).map((_, i) => i % 251) };
 * const { mask } = spectral({ image }, new RandomStream(0), { periods: [4] });
 * assertEquals(mask.every((share) => share === 1), true); // the whole frame
 * ```
 */
export function spectral(
  { image }: Pick<ForgeryInput, "image">,
  random: RandomStream,
  { amplitude = [2, 4], periods = [2, 8 / 3, 16 / 5, 4] }: SpectralOptions = {},
): Forgery {
  const { width, height } = image;
  const direction = random.choice(["columns", "rows", "grid"]);
  const period = random.choice(periods);
  const strength = rounded(random.uniform(amplitude[0], amplitude[1]));
  const phases = [0, 1].map(() => rounded(random.uniform(0, 2 * Math.PI)));
  const across = wave(width, period, phases[0]), down = wave(height, period, phases[1]);
  const data = new Uint8ClampedArray(image.data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pattern = (direction === "rows" ? 0 : across[x]) +
        (direction === "columns" ? 0 : down[y]);
      const at = (y * width + x) * 3;
      for (let i = at; i < at + 3; i++) data[i] = image.data[i] + strength * pattern;
    }
  }
  return {
    image: { width, height, data: new Uint8Array(data.buffer) },
    mask: new Float32Array(width * height).fill(1),
    recipe: { family: "spectral", direction, period: rounded(period), strength, phases },
  };
}
