// The region that a local forgery touches: a wobbly ellipse with a soft edge.

import { gaussianBlur } from "../data/blur.ts";
import type { RandomStream } from "../tensor/random.ts";
import { rounded } from "./forgery.ts";

/** The shape of one region, as a recipe keeps it. */
export interface RegionShape {
  /** Centre x and y in pixels. */
  readonly centre: readonly [number, number];
  /** The two half axes in pixels. */
  readonly radii: readonly [number, number];
  /** Rotation of the first axis, radians. */
  readonly angle: number;
  /** Relative amplitudes and phases (radians) of the outline's waves with 2, 3, 4, ... periods. */
  readonly waves: readonly (readonly [number, number])[];
  /** Standard deviation of the edge's blur, pixels. */
  readonly edge: number;
}

/** Bounds of {@linkcode drawRegion}; lengths relative to the shorter side. */
export interface RegionOptions {
  /** Smallest and largest half axis, as a share of the shorter side; 0.2 to 0.38 unless told. */
  readonly radius?: readonly [number, number];
  /** Smallest and largest edge blur in pixels; 0.5 to 1.5 unless told. */
  readonly edge?: readonly [number, number];
  /** Largest amplitude of one outline wave relative to the radius; 0.12 unless told. */
  readonly wobble?: number;
}

/** Draws a region that lies inside a `width` x `height` picture (its waves may touch the border). */
export function drawRegion(
  width: number,
  height: number,
  random: RandomStream,
  { radius = [0.2, 0.38], edge = [0.5, 1.5], wobble = 0.12 }: RegionOptions = {},
): RegionShape {
  const side = Math.min(width, height);
  const radii = [0, 1].map(() => rounded(side * random.uniform(radius[0], radius[1])));
  const reach = Math.max(...radii);
  return {
    centre: [
      rounded(random.uniform(reach, width - reach)),
      rounded(random.uniform(reach, height - reach)),
    ],
    radii: [radii[0], radii[1]],
    angle: rounded(random.uniform(0, Math.PI)),
    waves: [2, 3, 4].map(() => [
      rounded(random.uniform(0, wobble)),
      rounded(random.uniform(0, 2 * Math.PI)),
    ]),
    edge: rounded(random.uniform(edge[0], edge[1])),
  };
}

/** Paints a region: 1 inside, 0 outside, soft in between; `[height, width]`. */
export function paintRegion(
  shape: RegionShape,
  width: number,
  height: number,
): Float32Array<ArrayBuffer> {
  const hard = new Float32Array(width * height);
  const cosine = Math.cos(shape.angle), sine = Math.sin(shape.angle);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const dx = x + 0.5 - shape.centre[0], dy = y + 0.5 - shape.centre[1];
      const u = (dx * cosine + dy * sine) / shape.radii[0];
      const v = (dy * cosine - dx * sine) / shape.radii[1];
      const around = Math.atan2(v, u);
      let outline = 1;
      shape.waves.forEach(([amplitude, phase], i) => {
        outline += amplitude * Math.cos((i + 2) * around + phase);
      });
      hard[y * width + x] = u * u + v * v <= outline * outline ? 1 : 0;
    }
  }
  const soft = gaussianBlur(hard, height, width, 1, shape.edge);
  // Below half a step of an 8-bit mask nothing is forged: the mask's support is where pixels may change.
  for (let i = 0; i < soft.length; i++) soft[i] = Math.round(soft[i] * 255) / 255;
  return soft;
}
