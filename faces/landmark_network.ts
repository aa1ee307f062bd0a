// The tiny landmark network: 68 points of a face.

import { ShapeError } from "../errors.ts";
import { type Conv2d, Linear, Module, withoutInitialValues } from "../nn/mod.ts";
import {
  mean,
  relu,
  scoped,
  showShape,
  type Tensor,
  tensor,
  withoutRecording,
} from "../tensor/mod.ts";
import { openTfjsWeights, padSame, type TensorSource } from "../weights/mod.ts";
import { readConvolution, SeparableConvolution } from "./layers.ts";

/** A point in pixels. */
export interface Point {
  /** From the left. */
  readonly x: number;
  /** From the top. */
  readonly y: number;
}

/** Pixels along the network's input. */
export const landmarkInput = 112;

/** Subtracted from red, green and blue before division by 255. */
const meanColour = Float32Array.of(122.782, 117.001, 104.298);

/** Three convolutions, each added to those before it. */
export class DenseBlock extends Module {
  /** Three layers; {@linkcode DenseBlock.read} makes them. */
  constructor(
    /** In steps of 2. */
    readonly first: Conv2d | SeparableConvolution,
    /** Of the same size. */
    readonly second: SeparableConvolution,
    /** Of the same size. */
    readonly third: SeparableConvolution,
  ) {
    super();
  }

  /** The block whose tensors' names begin with `name`; the first of all reads colours. */
  static async read(source: TensorSource, name: string, colours: boolean): Promise<DenseBlock> {
    const first = `${name}/conv0`;
    return new DenseBlock(
      colours
        ? await readConvolution(source, { kernel: `${first}/filters`, bias: `${first}/bias` }, 2)
        : await SeparableConvolution.read(source, first, 2),
      await SeparableConvolution.read(source, `${name}/conv1`),
      await SeparableConvolution.read(source, `${name}/conv2`),
    );
  }

  /** [batch, inputs, size, size] -> [batch, outputs, size / 2, size / 2]. */
  forward(x: Tensor): Tensor {
    const { first } = this;
    const one = relu(
      first instanceof SeparableConvolution
        ? first.forward(x)
        : first.forward(padSame(x, [3, 3], [2, 2])),
    );
    const two = this.second.forward(one);
    const three = this.third.forward(relu(one.add(two)));
    return relu(one.add(two.add(three)));
  }
}

/**
 * The tiny 68-landmark network of face-api.js: three dense blocks of separable convolutions, 76 k parameters. Points
 * 0-16 are the jaw, 17-26 the brows, 27-35 the nose, 36-41 the eye on the left of the picture, 42-47 the other,
 * 48-67 the mouth (the numbering of iBUG 300-W; Sagonas et al., 2013).
 */
export class LandmarkNetwork extends Module {
  /** 112 -> 56 -> 28 -> 14 pixels. */
  readonly blocks: readonly DenseBlock[];
  /** To x and y of each point. */
  readonly fc: Linear;

  private constructor(blocks: readonly DenseBlock[], fc: Linear) {
    super();
    this.blocks = blocks;
    this.fc = fc;
  }

  /**
   * Reads the weights.
   *
   * @param path `face_landmark_68_tiny_model-weights_manifest.json`.
   * @throws {FileError} A file cannot be read.
   * @throws {FormatError} It is damaged, or holds another network.
   */
  static async load(path: string): Promise<LandmarkNetwork> {
    using source = await openTfjsWeights(path);
    const blocks = await Promise.all(
      [0, 1, 2].map((at) => DenseBlock.read(source, `dense${at}`, at === 0)),
    );
    const weight = await source.read("fc/weights");
    const shape = source.shapes.get("fc/weights")!;
    const fc = withoutInitialValues(() => new Linear(shape[0], shape[1], { random: 0 }));
    fc.weight.value = tensor(weight, { shape }).transpose();
    fc.bias!.value = tensor(await source.read("fc/bias"));
    return new LandmarkNetwork(blocks, fc);
  }

  /**
   * Where the points are.
   *
   * @param images [batch, 3, 112, 112], 0..255.
   * @returns [batch, 136]: x and y of each point in turn, as shares of the side.
   * @throws {ShapeError} The images are of another shape.
   */
  forward(images: Tensor): Tensor {
    const [, ...rest] = images.shape;
    if (String(rest) !== String([3, landmarkInput, landmarkInput])) {
      throw new ShapeError(
        `LandmarkNetwork: expected [batch, 3, ${landmarkInput}, ${landmarkInput}], but found ` +
          showShape(images.shape),
      );
    }
    let x = images.sub(tensor(meanColour, { shape: [3, 1, 1] })).div(255);
    for (const block of this.blocks) x = block.forward(x);
    return this.fc.forward(mean(x, [2, 3]));
  }

  /** The 68 points of one face, as shares of the input's side. */
  locate(image: Tensor): Point[] {
    const values = withoutRecording(() => scoped(() => this.forward(image).dataSync()));
    return Array.from({ length: 68 }, (_, at) => ({ x: values[2 * at], y: values[2 * at + 1] }));
  }
}
