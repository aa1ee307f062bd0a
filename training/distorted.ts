// A detector's scores of crops that are distorted on their way to it.

import type { CropSet } from "../data/crop_set.ts";
import type { Image } from "../data/image.ts";
import { evaluationBatches } from "../data/loader.ts";
import { distort, type DistortionName } from "../evaluation/distortions.ts";
import { RandomStream } from "../tensor/random.ts";
import { scoped, tensor } from "../tensor/mod.ts";
import type { Scorer } from "./scoring.ts";

/** Crop `index` of planar values `[count, 3, size, size]` as a picture. */
function imageAt(planes: Float32Array, index: number, size: number): Image {
  const plane = size * size;
  const data = new Uint8Array(3 * plane);
  for (let channel = 0; channel < 3; channel++) {
    const from = (3 * index + channel) * plane;
    for (let i = 0; i < plane; i++) data[3 * i + channel] = planes[from + i];
  }
  return { width: size, height: size, data };
}

/** The other way round. */
function store({ data }: Image, planes: Float32Array, index: number, size: number): void {
  const plane = size * size;
  for (let channel = 0; channel < 3; channel++) {
    const to = (3 * index + channel) * plane;
    for (let i = 0; i < plane; i++) planes[to + i] = data[3 * i + channel];
  }
}

/**
 * Scores every crop of a set after one distortion. Noise is drawn anew for each crop, the same at every call.
 *
 * @returns One probability for each crop, in the set's order.
 */
export async function scoreDistorted(
  score: Scorer,
  set: CropSet,
  { distortion, level }: { readonly distortion: DistortionName; readonly level: number },
): Promise<Float64Array> {
  const random = new RandomStream(0).fork("distortion");
  const scores = new Float64Array(set.count);
  for await (const { images, count, size, rows } of evaluationBatches(set)) {
    const planes = Float32Array.from(images.subarray(0, count * 3 * size * size));
    for (let i = 0; i < count; i++) {
      const image = imageAt(planes, i, size);
      store(await distort(image, distortion, level, random.fork(rows[i])), planes, i, size);
    }
    const values = scoped(() =>
      score(tensor(planes, { shape: [count, 3, size, size] })).dataSync()
    );
    for (let i = 0; i < count; i++) scores[rows[i]] = values[i];
  }
  return scores;
}
