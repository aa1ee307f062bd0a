// The layers that both networks are made of, filled from a TensorFlow.js weights manifest.

import { Conv2d, Module, withoutInitialValues } from "../nn/mod.ts";
import { type Tensor, tensor } from "../tensor/mod.ts";
import { padSame, readTfjsKernel, type TensorSource } from "../weights/mod.ts";

/** A convolution with stored weights. */
export async function readConvolution(
  source: TensorSource,
  { kernel, bias, kind = "plain" }: {
    readonly kernel: string;
    readonly bias?: string;
    readonly kind?: "plain" | "depthwise";
  },
  stride = 1,
): Promise<Conv2d> {
  const { values, shape } = await readTfjsKernel(source, kernel, kind);
  const groups = kind === "depthwise" ? shape[0] : 1;
  const layer = withoutInitialValues(() =>
    new Conv2d(shape[1] * groups, shape[0], [shape[2], shape[3]], {
      random: 0,
      stride,
      groups,
      bias: bias !== undefined,
    })
  );
  layer.weight.value = tensor(values, { shape });
  if (bias !== undefined) {
    layer.bias!.value = tensor(await source.read(bias), { shape: [shape[0]] });
  }
  return layer;
}

/** A 3 x 3 convolution channel by channel, then one across channels, padded as TensorFlow's `same`. */
export class SeparableConvolution extends Module {
  /** Channel by channel. */
  readonly depthwise: Conv2d;
  /** Across channels. */
  readonly pointwise: Conv2d;
  readonly #stride: number;

  private constructor(depthwise: Conv2d, pointwise: Conv2d, stride: number) {
    super();
    this.depthwise = depthwise;
    this.pointwise = pointwise;
    this.#stride = stride;
  }

  /** The layer whose tensors' names begin with `name`. */
  static async read(
    source: TensorSource,
    name: string,
    stride = 1,
  ): Promise<SeparableConvolution> {
    return new SeparableConvolution(
      await readConvolution(
        source,
        { kernel: `${name}/depthwise_filter`, kind: "depthwise" },
        stride,
      ),
      await readConvolution(source, {
        kernel: `${name}/pointwise_filter`,
        bias: `${name}/bias`,
      }),
      stride,
    );
  }

  /** x [batch, inputs, height, width] -> [batch, outputs, height / stride, width / stride]. */
  forward(x: Tensor): Tensor {
    const padded = padSame(x, [3, 3], [this.#stride, this.#stride]);
    return this.pointwise.forward(this.depthwise.forward(padded));
  }
}
