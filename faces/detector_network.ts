// The tiny face detector: separable convolutions down to a grid of cells, five boxes proposed in each.

import { ShapeError } from "../errors.ts";
import { type Conv2d, Module } from "../nn/mod.ts";
import {
  leakyRelu,
  maxPool2d,
  permute,
  reshape,
  scoped,
  showShape,
  type Tensor,
  tensor,
  withoutRecording,
} from "../tensor/mod.ts";
import { openTfjsWeights, padSame } from "../weights/mod.ts";
import type { Box } from "./boxes.ts";
import { readConvolution, SeparableConvolution } from "./layers.ts";

/** Widths and heights of the five boxes before they are fitted, in cells. */
const anchors: readonly (readonly [number, number])[] = [
  [1.603231, 2.094468],
  [6.041143, 7.080126],
  [2.882459, 3.518061],
  [4.266906, 5.178857],
  [9.041765, 10.66308],
];

/** Subtracted from red, green and blue before division by 255. */
const meanColour = Float32Array.of(117.001, 114.697, 97.404);

/** Pixels along a cell. */
const cell = 32;

/** A proposed face. */
export interface ScoredBox {
  /** Where, in pixels of the input. */
  readonly box: Box;
  /** Probability that a face is there. */
  readonly score: number;
}

/**
 * The tiny face detector of face-api.js: Tiny YOLO v2 (Redmon and Farhadi, 2017) with separable convolutions, 190 k
 * parameters, one class.
 */
export class FaceDetectorNetwork extends Module {
  /** 3 -> 16 channels. */
  readonly first: Conv2d;
  /** 16 -> 32 -> ... -> 512 channels. */
  readonly stages: readonly SeparableConvolution[];
  /** 512 channels -> five boxes of four numbers and a score. */
  readonly last: Conv2d;

  private constructor(first: Conv2d, stages: readonly SeparableConvolution[], last: Conv2d) {
    super();
    this.first = first;
    this.stages = stages;
    this.last = last;
  }

  /**
   * Reads the weights.
   *
   * @param path `tiny_face_detector_model-weights_manifest.json`.
   * @throws {FileError} A file cannot be read.
   * @throws {FormatError} It is damaged, or holds another network.
   */
  static async load(path: string): Promise<FaceDetectorNetwork> {
    using source = await openTfjsWeights(path);
    const plain = (name: string) =>
      readConvolution(source, { kernel: `${name}/filters`, bias: `${name}/bias` });
    const stages = [1, 2, 3, 4, 5].map((at) => SeparableConvolution.read(source, `conv${at}`));
    return new FaceDetectorNetwork(
      await plain("conv0"),
      await Promise.all(stages),
      await plain("conv8"),
    );
  }

  /**
   * What the network says of each cell.
   *
   * @param images [batch, 3, size, size], 0..255, whole cells of 32 pixels.
   * @returns [batch, 25, size / 32, size / 32]: of each box x, y, width, height, score, a class.
   * @throws {ShapeError} The images are of another shape.
   */
  forward(images: Tensor): Tensor {
    const [, channels, height, width] = images.shape;
    if (images.rank !== 4 || channels !== 3 || height % cell !== 0 || height !== width) {
      throw new ShapeError(
        `FaceDetectorNetwork: expected [batch, 3, size, size] in whole cells of ${cell} pixels, ` +
          `but found ${showShape(images.shape)}`,
      );
    }
    const centred = images.sub(tensor(meanColour, { shape: [3, 1, 1] })).div(255);
    // The first convolution is not padded: 416 pixels become 414, and pooling rounds up from there.
    let x = leakyRelu(this.first.forward(centred), 0.1);
    for (const stage of this.stages) x = leakyRelu(stage.forward(pool(x, 2)), 0.1);
    // The last pooling steps by one pixel, so the grid keeps its size.
    return this.last.forward(pool(x, 1));
  }

  /**
   * The boxes of one picture whose score is at least `minimumScore`, overlapping as they come.
   *
   * @param image [1, 3, size, size], as {@linkcode forward} takes it.
   */
  propose(image: Tensor, minimumScore: number): ScoredBox[] {
    const { values, cells } = withoutRecording(() =>
      scoped(() => {
        const output = this.forward(image);
        const [, , rows, columns] = output.shape;
        const boxes = reshape(permute(output, [0, 2, 3, 1]), [rows * columns * anchors.length, 5]);
        return { values: boxes.dataSync(), cells: columns };
      })
    );
    const found: ScoredBox[] = [];
    for (let at = 0; at < values.length; at += 5) {
      const score = sigmoid(values[at + 4]);
      if (score < minimumScore) continue;
      const [wide, high] = anchors[at / 5 % anchors.length];
      const place = Math.floor(at / 5 / anchors.length);
      const x = place % cells + sigmoid(values[at]);
      const y = Math.floor(place / cells) + sigmoid(values[at + 1]);
      const width = cell * wide * Math.exp(values[at + 2]);
      const height = cell * high * Math.exp(values[at + 3]);
      found.push({
        score,
        box: { left: cell * x - width / 2, top: cell * y - height / 2, width, height },
      });
    }
    return found;
  }
}

/** The largest of each 2 x 2 pixels, padded as TensorFlow's `same`. */
function pool(x: Tensor, stride: number): Tensor {
  const padded = padSame(x, [2, 2], [stride, stride], { value: -Infinity });
  return maxPool2d(padded, 2, { stride });
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
