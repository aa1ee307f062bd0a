// What a patch embedding reads of an image: fixed functions of its pixels, nothing learned.

import { ConfigError } from "../errors.ts";
import { input } from "../kernels/expression/expression.ts";
import { abs, clamp, log } from "../kernels/expression/functions.ts";
import { apply } from "../tensor/apply.ts";
import { tensor } from "../tensor/create.ts";
import { permute, reshape } from "../tensor/operations/layout.ts";
import { matmul } from "../tensor/operations/matmul.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * One kind of input: the standardised colours; the logarithm of each patch's cosine spectrum in YCbCr, which shows
 * traces of resampling and compression that pixels hide; second differences both ways, which show noise.
 */
export type PatchInput = "rgb" | "log-dct" | "high-pass";

/** All kinds, each of three channels. */
export const patchInputs: readonly PatchInput[] = ["rgb", "log-dct", "high-pass"];

/** How colours (0..255) are standardised: (x - mean) / deviation, by one number or one a channel. */
export interface Normalization {
  /** Subtracted first. */
  readonly mean: number | readonly [red: number, green: number, blue: number];
  /** Divided by. */
  readonly deviation: number | readonly [red: number, green: number, blue: number];
}

/** [batch, channels, height, width] -> [batch, patches, channels * patchSize^2]; patches row by row. */
export function toPatches(x: Tensor, patchSize: number): Tensor {
  const [batch, channels, height, width] = x.shape;
  const [rows, columns] = [height / patchSize, width / patchSize];
  const split = reshape(x, [batch, channels, rows, patchSize, columns, patchSize]);
  return reshape(permute(split, [0, 2, 4, 1, 3, 5]), [
    batch,
    rows * columns,
    channels * patchSize * patchSize,
  ]);
}

function likeImages(values: Float64Array, shape: readonly number[], images: Tensor): Tensor {
  return tensor(values, { shape, dtype: images.dtype, device: images.device });
}

const standardized = input(0).sub(input(1)).div(input(2));

function rgb(images: Tensor, patchSize: number, { mean, deviation }: Normalization): Tensor {
  const perChannel = (value: Normalization["mean"]) =>
    typeof value === "number"
      ? likeImages(Float64Array.of(value), [], images)
      : likeImages(Float64Array.from(value), [3, 1, 1], images);
  const inputs = [images, perChannel(mean), perChannel(deviation)];
  return toPatches(apply("pointwise", inputs, { expression: standardized }), patchSize);
}

/** JPEG's conversion of 0..255 colours to luminance and chroma (ITU-R BT.601), without its offsets. */
const yCbCr = Float64Array.of(
  ...[0.299, 0.587, 0.114],
  ...[-0.168735892, -0.331264108, 0.5],
  ...[0.5, -0.418687589, -0.081312411],
);

/** Remembers a matrix for each size: they are asked for at every forward pass. */
function perSize(make: (size: number) => Float64Array): (size: number) => Float64Array {
  const made = new Map<number, Float64Array>();
  return (size) => {
    let matrix = made.get(size);
    if (!matrix) made.set(size, matrix = make(size));
    return matrix;
  };
}

/** The orthonormal two-dimensional DCT-II of a block, as one matrix [size^2 coefficients, size^2 pixels]. */
const cosineMatrix = perSize((size) => {
  const line = (frequency: number, position: number) =>
    Math.sqrt((frequency === 0 ? 1 : 2) / size) *
    Math.cos(Math.PI * (2 * position + 1) * frequency / (2 * size));
  const area = size * size;
  return Float64Array.from({ length: area * area }, (_, at) => {
    const coefficient = Math.floor(at / area), pixel = at % area;
    return line(Math.floor(coefficient / size), Math.floor(pixel / size)) *
      line(coefficient % size, pixel % size);
  });
});

/** (ln(|c| + 1) - 1) / 1.2: about standardised on photographs. */
const logMagnitude = log(abs(input(0)).add(1)).sub(1).div(1.2);

/** [batch, patches, 3 * patchSize^2]: Y, Cb and Cr coefficients of each patch, levels shifted by 128 as JPEG does. */
function logDct(images: Tensor, patchSize: number): Tensor {
  const [batch, , height, width] = images.shape;
  const area = patchSize * patchSize;
  const colours = matmul(
    likeImages(yCbCr, [3, 3], images),
    reshape(images, [batch, 3, height * width]),
  ).sub(likeImages(Float64Array.of(128, 0, 0), [3, 1], images));
  const patches = toPatches(reshape(colours, images.shape), patchSize);
  const spectrum = matmul(
    reshape(patches, [-1, area]),
    likeImages(cosineMatrix(patchSize), [area, area], images),
    { transposeB: true },
  );
  const magnitudes = apply("pointwise", [spectrum], { expression: logMagnitude });
  return reshape(magnitudes, patches.shape);
}

/** Second differences along an axis of `length`, the edge repeated: [length, length]. */
const secondDifference = perSize((length) => {
  const matrix = new Float64Array(length * length);
  for (let row = 0; row < length; row++) {
    for (const [shift, weight] of [[-1, -1], [0, 2], [1, -1]]) {
      const column = Math.min(length - 1, Math.max(0, row + shift));
      matrix[row * length + column] += weight;
    }
  }
  return matrix;
});

/** A quarter of the residual, over 3 grey levels, cut at +-4 so that edges do not drown the noise. */
const truncated = clamp(input(0).div(12), -4, 4);

/** The residual of the SQUARE 3x3 predictor of Fridrich and Kodovsky (2012), which is separable, for each colour. */
function highPass(images: Tensor, patchSize: number): Tensor {
  const [, , height, width] = images.shape;
  const vertical = matmul(likeImages(secondDifference(height), [height, height], images), images);
  const horizontal = likeImages(secondDifference(width), [width, width], images);
  const residual = matmul(vertical, horizontal, { transposeB: true });
  return toPatches(apply("pointwise", [residual], { expression: truncated }), patchSize);
}

/**
 * One kind of input for each patch.
 *
 * @param images [batch, 3, height, width], 0..255; height and width are multiples of the patch size.
 * @returns [batch, patches, 3 * patchSize^2].
 * @throws {ConfigError} The kind does not exist.
 */
export function patchInput(
  kind: PatchInput,
  images: Tensor,
  patchSize: number,
  normalization: Normalization,
): Tensor {
  switch (kind) {
    case "rgb":
      return rgb(images, patchSize, normalization);
    case "log-dct":
      return logDct(images, patchSize);
    case "high-pass":
      return highPass(images, patchSize);
    default:
      throw new ConfigError(
        `patchInput: there is no input "${kind}"; the inputs are ${patchInputs.join(", ")}`,
      );
  }
}
