// A picture as a crop of the detector's size: its largest centred square, resized.

import type { Image } from "./image.ts";
import { resample } from "./resize.ts";

/** The largest centred square of a picture, resized (Lanczos). */
export function squared(image: Image, size: number): Image {
  const side = Math.min(image.width, image.height);
  const region = {
    left: (image.width - side) / 2,
    top: (image.height - side) / 2,
    width: side,
    height: side,
  };
  return resample(image, region, size, size, "lanczos");
}
