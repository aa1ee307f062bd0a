// Made-up photographs for the tests of forging: waves of several lengths and noise.

import type { Image } from "../../data/image.ts";
import { RandomStream } from "../../tensor/random.ts";

/** A square picture with detail of every size, well inside the range of bytes. */
export function texture(size: number, seed: number): Image {
  const random = new RandomStream(seed).fork("texture");
  const waves = Array.from({ length: 6 }, () => ({
    x: random.uniform(-1, 1),
    y: random.uniform(-1, 1),
    phase: random.uniform(0, 6),
    colour: [0, 1, 2].map(() => random.uniform(5, 12)),
  }));
  const data = new Uint8Array(size * size * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3), x = pixel % size, y = Math.floor(pixel / size);
    let value = 120 + random.uniform(-15, 15);
    for (const wave of waves) {
      value += wave.colour[i % 3] * Math.sin(wave.x * x + wave.y * y + wave.phase);
    }
    data[i] = value;
  }
  return { width: size, height: size, data };
}
