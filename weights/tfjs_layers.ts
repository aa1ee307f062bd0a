// What each kind of Keras layer computes, in this project's operations on [batch, channels, height, width].

import { z } from "zod";
import { ConfigError, FormatError } from "../errors.ts";
import { Conv2d } from "../nn/convolution.ts";
import { withoutInitialValues } from "../nn/initialize.ts";
import { Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import { tensor } from "../tensor/create.ts";
import { maxPool2d } from "../tensor/operations/convolution.ts";
import { concat, permute, reshape, transpose } from "../tensor/operations/layout.ts";
import { softmax } from "../tensor/operations/normalize.ts";
import { pad } from "../tensor/operations/pad.ts";
import {
  add,
  clamp,
  elu,
  gelu,
  leakyRelu,
  maximum,
  mul,
  relu,
  sigmoid,
  silu,
  sub,
  tanh,
} from "../tensor/operations/pointwise.ts";
import { mean } from "../tensor/operations/reduce.ts";
import { resize } from "../tensor/operations/resize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TensorSource } from "./source.ts";
import { readTfjsKernel } from "./tfjs_weights.ts";

/** What a layer does with its inputs. */
export type TfjsCompute = (inputs: readonly Tensor[]) => Tensor;

/** A layer that is ready to compute, and the module that holds its weights, if it has any. */
export interface TfjsLayer {
  /** The forward pass. */
  readonly compute: TfjsCompute;
  /** Its weights. */
  readonly module?: Module;
}

/** A layer as the topology describes it. */
export interface TfjsLayerSpec {
  /** Its own name, which its weights' names begin with. */
  readonly name: string;
  /** Its options in Keras' names. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Where its weights are. */
  readonly source: TensorSource;
}

/** Makes one kind of layer. */
export type MakeTfjsLayer = (spec: TfjsLayerSpec) => TfjsLayer | Promise<TfjsLayer>;

const pairSchema = z.tuple([z.number().int().min(1), z.number().int().min(1)]);

/** An option of a layer, checked. Throws FormatError where it is of another form. */
function option<Value>({ name, config }: TfjsLayerSpec, key: string, schema: z.ZodType<Value>) {
  const parsed = schema.safeParse(config[key]);
  if (parsed.success) return parsed.data;
  throw new FormatError(
    `layer ${name}: ${key} is ${JSON.stringify(config[key])}, which is not read here ` +
      `(${parsed.error.issues[0].message})`,
  );
}

const activations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  linear: (x) => x,
  relu: (x) => relu(x),
  relu6: (x) => clamp(x, 0, 6),
  elu: (x) => elu(x),
  gelu: (x) => gelu(x),
  sigmoid: (x) => sigmoid(x),
  silu: (x) => silu(x),
  swish: (x) => silu(x),
  tanh: (x) => tanh(x),
  softmax: (x) => softmax(x, 1),
};

function activationOf(spec: TfjsLayerSpec): (x: Tensor) => Tensor {
  const name = option(spec, "activation", z.string().nullish()) ?? "linear";
  const found = activations[name];
  if (found) return found;
  throw new FormatError(
    `layer ${spec.name}: there is no activation "${name}", only ${
      Object.keys(activations).join(", ")
    }`,
  );
}

/**
 * Pads as TensorFlow's `same` does: so that the output is input / stride long, the odd element at the end.
 *
 * @param x [batch, channels, height, width].
 * @param value What is padded with.
 */
export function padSame(
  x: Tensor,
  kernel: readonly [number, number],
  stride: readonly [number, number] = [1, 1],
  { dilation = [1, 1], value = 0 }: {
    readonly dilation?: readonly [number, number];
    readonly value?: number;
  } = {},
): Tensor {
  const amounts = [0, 1].map((axis) => {
    const length = x.shape[2 + axis];
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    const total = Math.max(
      0,
      (Math.ceil(length / stride[axis]) - 1) * stride[axis] + reach - length,
    );
    return [Math.floor(total / 2), Math.ceil(total / 2)] as const;
  });
  return pad(x, [[0, 0], [0, 0], ...amounts], { value });
}

/** A convolution with the weights of a file, and its forward pass with Keras' padding. */
async function convolutionLayer(
  spec: TfjsLayerSpec,
  kernelName: string,
  kind: "plain" | "depthwise",
  biasName: string | undefined,
): Promise<{ module: Conv2d; forward: (x: Tensor) => Tensor }> {
  const { source } = spec;
  const { values, shape } = await readTfjsKernel(source, kernelName, kind);
  const pointwise = kind === "plain" && shape[2] === 1 && shape[3] === 1;
  const given = (key: string) =>
    pointwise && spec.config[key] === undefined ? [1, 1] as const : option(spec, key, pairSchema);
  const stride = given("strides");
  const dilation = spec.config.dilation_rate === undefined
    ? [1, 1] as const
    : option(spec, "dilation_rate", pairSchema);
  const same = option(spec, "padding", z.enum(["same", "valid"])) === "same";
  requireLast(spec);
  const groups = kind === "depthwise"
    ? source.shapes.get(kernelName)![2]
    : option(spec, "groups", z.number().int().default(1));
  const kernel = [shape[2], shape[3]] as const;
  const module = withoutInitialValues(() =>
    new Conv2d(shape[1] * groups, shape[0], kernel, {
      random: 0,
      stride,
      dilation,
      groups,
      bias: biasName !== undefined,
    })
  );
  module.weight.value = tensor(values, { shape });
  if (biasName !== undefined) {
    module.bias!.value = tensor(await source.read(biasName), { shape: [shape[0]] });
  }
  const forward = (x: Tensor): Tensor =>
    module.forward(same ? padSame(x, kernel, stride, { dilation }) : x);
  return { module, forward };
}

/** Refuses a model that was made for channels first. */
function requireLast(spec: TfjsLayerSpec): void {
  option(spec, "data_format", z.literal("channels_last").default("channels_last"));
}

/** Where Keras' axis of [batch, height, width, channels] is in [batch, channels, height, width]. */
function axisOf(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  return rank === 4 ? [0, 2, 3, 1][positive] : positive;
}

function fold(join: (a: Tensor, b: Tensor) => Tensor): MakeTfjsLayer {
  return () => ({ compute: (inputs) => inputs.reduce((joined, next) => join(joined, next)) });
}

function onFirst(apply: (x: Tensor) => Tensor): TfjsLayer {
  return { compute: ([x]) => apply(x) };
}

/** [batch, scale^2 * channels, height, width] -> [batch, channels, scale * height, scale * width], as TensorFlow orders them. */
export function depthToSpace(x: Tensor, scale: number): Tensor {
  const [batch, depth, height, width] = x.shape;
  const channels = depth / (scale * scale);
  const split = reshape(x, [batch, scale, scale, channels, height, width]);
  return reshape(permute(split, [0, 3, 4, 1, 5, 2]), [
    batch,
    channels,
    height * scale,
    width * scale,
  ]);
}

/** Two convolutions in a row, so that both are found as one layer's. */
class Separable extends Module {
  constructor(readonly depthwise: Conv2d, readonly pointwise: Conv2d) {
    super();
  }
}

/** Keras' layers by class name. */
export const tfjsLayers: Readonly<Record<string, MakeTfjsLayer>> = {
  async Conv2D(spec) {
    const bias = option(spec, "use_bias", z.boolean()) ? `${spec.name}/bias` : undefined;
    const { module, forward } = await convolutionLayer(spec, `${spec.name}/kernel`, "plain", bias);
    const activate = activationOf(spec);
    return { module, compute: ([x]) => activate(forward(x)) };
  },
  async DepthwiseConv2D(spec) {
    const bias = option(spec, "use_bias", z.boolean()) ? `${spec.name}/bias` : undefined;
    const name = `${spec.name}/depthwise_kernel`;
    const { module, forward } = await convolutionLayer(spec, name, "depthwise", bias);
    const activate = activationOf(spec);
    return { module, compute: ([x]) => activate(forward(x)) };
  },
  async SeparableConv2D(spec) {
    const bias = option(spec, "use_bias", z.boolean()) ? `${spec.name}/bias` : undefined;
    const depthwise = await convolutionLayer(
      spec,
      `${spec.name}/depthwise_kernel`,
      "depthwise",
      undefined,
    );
    const once = { ...spec, config: { padding: "valid" } };
    const pointwise = await convolutionLayer(
      once,
      `${spec.name}/pointwise_kernel`,
      "plain",
      bias,
    );
    const activate = activationOf(spec);
    return {
      module: new Separable(depthwise.module, pointwise.module),
      compute: ([x]) => activate(pointwise.forward(depthwise.forward(x))),
    };
  },
  async Dense(spec) {
    const { name, source } = spec;
    const kernel = await source.read(`${name}/kernel`);
    const shape = source.shapes.get(`${name}/kernel`)!;
    const bias = option(spec, "use_bias", z.boolean());
    const [inputs, outputs] = shape;
    const module = withoutInitialValues(() => new Linear(inputs, outputs, { random: 0, bias }));
    module.weight.value = transpose(tensor(kernel, { shape }));
    if (bias) module.bias!.value = tensor(await source.read(`${name}/bias`), { shape: [outputs] });
    const activate = activationOf(spec);
    return { module, compute: ([x]) => activate(module.forward(x)) };
  },
  async BatchNormalization(spec) {
    const { name, source } = spec;
    const epsilon = option(spec, "epsilon", z.number());
    const read = async (part: string, otherwise: number) =>
      source.shapes.has(`${name}/${part}`)
        ? await source.read(`${name}/${part}`)
        : new Float32Array(source.shapes.get(`${name}/moving_mean`)![0]).fill(otherwise);
    const [gamma, beta, centre, spread] = [
      await read("gamma", 1),
      await read("beta", 0),
      await read("moving_mean", 0),
      await read("moving_variance", 1),
    ];
    // Trained statistics make it one factor and one offset a channel.
    const factor = Float32Array.from(gamma, (value, i) => value / Math.sqrt(spread[i] + epsilon));
    const offset = Float32Array.from(beta, (value, i) => value - centre[i] * factor[i]);
    const like = (values: Float32Array, rank: number): Tensor =>
      tensor(values, { shape: rank === 4 ? [values.length, 1, 1] : [values.length] });
    return onFirst((x) => add(mul(x, like(factor, x.rank)), like(offset, x.rank)));
  },
  Activation: (spec) => onFirst(activationOf(spec)),
  ReLU: (spec) => {
    const highest = option(spec, "max_value", z.number().nullish()) ?? Infinity;
    option(spec, "negative_slope", z.union([z.literal(0), z.array(z.literal(0))]).nullish());
    return onFirst((x) => clamp(x, 0, highest));
  },
  LeakyReLU: (spec) => {
    const slope = option(spec, "alpha", z.number());
    return onFirst((x) => leakyRelu(x, slope));
  },
  Add: fold(add),
  Subtract: fold(sub),
  Multiply: fold(mul),
  Maximum: fold(maximum),
  Concatenate: (spec) => {
    const axis = option(spec, "axis", z.number().int());
    return { compute: (inputs) => concat(inputs, axisOf(axis, inputs[0].rank)) };
  },
  UpSampling2D: (spec) => {
    const [down, right] = option(spec, "size", pairSchema);
    option(spec, "interpolation", z.literal("nearest").default("nearest"));
    requireLast(spec);
    return onFirst((x) => resize(x, [x.shape[2] * down, x.shape[3] * right], { mode: "nearest" }));
  },
  MaxPooling2D: (spec) => {
    const size = option(spec, "pool_size", pairSchema);
    const stride = option(spec, "strides", pairSchema.nullish()) ?? size;
    const same = option(spec, "padding", z.enum(["same", "valid"])) === "same";
    requireLast(spec);
    return onFirst((x) =>
      maxPool2d(same ? padSame(x, size, stride, { value: -Infinity }) : x, size, { stride })
    );
  },
  ZeroPadding2D: (spec) => {
    const [rows, columns] = option(
      spec,
      "padding",
      z.tuple([z.tuple([z.number(), z.number()]), z.tuple([z.number(), z.number()])]),
    );
    requireLast(spec);
    return onFirst((x) => pad(x, [[0, 0], [0, 0], rows, columns]));
  },
  GlobalAveragePooling2D: (spec) => {
    requireLast(spec);
    return onFirst((x) => mean(x, [2, 3]));
  },
  // Keras flattens [height, width, channels].
  Flatten: () =>
    onFirst((x) => reshape(x.rank === 4 ? permute(x, [0, 2, 3, 1]) : x, [x.shape[0], -1])),
  Dropout: () => onFirst((x) => x),
  // Two layers that UpscalerJS defines for ESRGAN (Wang et al., 2018).
  MultiplyBeta: () => onFirst((x) => mul(x, 0.2)),
  ...Object.fromEntries(
    [2, 3, 4, 8].map((scale) => [
      `PixelShuffle${scale}x`,
      () => onFirst((x: Tensor) => depthToSpace(x, scale)),
    ]),
  ),
};

/** The layer of a class. Throws ConfigError where there is none, naming those there are. */
export function tfjsLayer(
  className: string,
  custom: Readonly<Record<string, MakeTfjsLayer>>,
): MakeTfjsLayer {
  const make = custom[className] ?? tfjsLayers[className];
  if (make) return make;
  throw new ConfigError(
    `there is no layer of class "${className}" here, only ${
      Object.keys(tfjsLayers).join(", ")
    }; give it as custom: { ${className}: ... }`,
  );
}
