// A picture as a square tensor: reduced or enlarged, the rest black.

import type { Image } from "../data/image.ts";
import { type Region, resample } from "../data/resize.ts";
import { type Tensor, tensor } from "../tensor/mod.ts";

/** A picture in a square, and how to get from there back to its pixels. */
export interface SquareInput {
  /** [1, 3, size, size], 0..255. */
  readonly images: Tensor;
  /** Pixels of the square along one of the picture's. */
  readonly scale: number;
  /** Where the region's left edge is in the square. */
  readonly left: number;
  /** Where its upper edge is. */
  readonly top: number;
}

/**
 * Fits a region of a picture into a square of `size` pixels.
 *
 * @param place Where the region lies in the square: in its corner, as the detector was trained, or in its middle.
 */
export function squareInput(
  image: Image,
  region: Region,
  size: number,
  place: "corner" | "middle",
): SquareInput {
  const scale = size / Math.max(region.width, region.height);
  const width = Math.max(1, Math.round(region.width * scale));
  const height = Math.max(1, Math.round(region.height * scale));
  const fitted = resample(image, region, width, height, "bilinear");
  const left = place === "middle" ? Math.floor((size - width) / 2) : 0;
  const top = place === "middle" ? Math.floor((size - height) / 2) : 0;
  const planes = new Float32Array(3 * size * size);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        planes[(c * size + top + y) * size + left + x] = fitted.data[(y * width + x) * 3 + c];
      }
    }
  }
  return { images: tensor(planes, { shape: [1, 3, size, size] }), scale, left, top };
}
