// Test forgeries with what the detector made of them, as pictures for the report.

import type { CoritDetector } from "../corit/detector.ts";
import type { CropSet } from "../data/crop_set.ts";
import { encodePng, type Image } from "../data/image.ts";
import { heatmapPng } from "../evaluation/heatmap.ts";
import type { ReportSample } from "../evaluation/report_data.ts";
import { RandomStream } from "../tensor/random.ts";
import { scoped, tensor } from "../tensor/mod.ts";

/** Samples shown of each family. */
const samplesPerFamily = 3;

/** What a detector sees in one crop, as numbers of its tokens. */
export interface Inspection {
  /** Probability that each token was forged, row by row. */
  readonly tokenProbabilities: ArrayLike<number>;
  /** 1 where the head looks, row by row. */
  readonly regionMask: ArrayLike<number>;
}

/**
 * Draws the pictures of a few test pairs of every family.
 *
 * Which pairs is decided by a seed alone, never by how well they score.
 *
 * @param scores The probability of each crop of the set.
 */
export async function reportSamples(
  detector: CoritDetector,
  set: CropSet,
  scores: Float64Array,
): Promise<ReportSample[]> {
  const { labels, pairs } = set.arrays;
  const rows = Array.from({ length: set.count }, (_, row) => row);
  const realOf = new Map(rows.filter((row) => labels[row] === 0).map((row) => [pairs[row], row]));
  const random = new RandomStream(0).fork("report samples");
  const families = [
    ...new Set(rows.filter((row) => labels[row] === 1).map((row) => set.family(row))),
  ];
  const samples: ReportSample[] = [];
  for (const family of families) {
    const members = rows.filter((row) =>
      labels[row] === 1 && set.family(row) === family && realOf.has(pairs[row])
    );
    const order = random.fork(family).permutation(members.length);
    for (const index of order.subarray(0, samplesPerFamily)) {
      const forged = members[index], real = realOf.get(pairs[forged])!;
      const mask = set.mask(forged);
      const image = await set.load(forged);
      samples.push({
        family,
        realPng: await encodePng(await set.load(real)),
        forgedPng: await encodePng(image),
        maskPng: await encodePng(greyImage(mask, set.size)),
        wholeFrame: mask.every((share) => share === 1),
        ...await heatmaps(detector, image),
        score: scores[forged],
        realScore: scores[real],
      });
    }
  }
  return samples;
}

/** What a detector sees in one crop of its own size. */
export function inspectCrop(detector: CoritDetector, { data, width, height }: Image): Inspection {
  const plane = width * height;
  const planes = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      planes[channel * plane + i] = data[3 * i + channel];
    }
  }
  return scoped(() => {
    const seen = detector.inspect(tensor(planes, { shape: [1, 3, height, width] }));
    return {
      tokenProbabilities: seen.tokenProbabilities.dataSync(),
      regionMask: seen.regionMask.dataSync(),
    };
  });
}

/** The token probabilities as a heat map over a crop; and the region, where the head reads one. */
async function heatmaps(
  detector: CoritDetector,
  image: Image,
): Promise<Pick<ReportSample, "heatmapPng" | "regionPng">> {
  const { tokenProbabilities, regionMask } = inspectCrop(detector, image);
  const [gridHeight, gridWidth] = detector.grid;
  const { data: pixels, width, height } = image;
  const over = { gridHeight, gridWidth, pixels, width, height };
  return {
    heatmapPng: await heatmapPng({ ...over, values: tokenProbabilities }),
    ...(detector.parts?.rrm
      ? { regionPng: await heatmapPng({ ...over, values: regionMask, colourMap: "viridis" }) }
      : {}),
  };
}

/** A mask, 0 to 1, as a grey picture. */
function greyImage(mask: Float32Array, size: number): Image {
  const data = new Uint8Array(3 * mask.length);
  mask.forEach((value, pixel) => data.fill(Math.round(255 * value), 3 * pixel, 3 * pixel + 3));
  return { width: size, height: size, data };
}
