// CGP, the Contrastive Gradient Proxy: what the gradient by a token would be, without a backward pass.

import { ConfigError, ShapeError } from "../errors.ts";
import {
  div,
  layerNorm,
  maximum,
  mul,
  norm,
  pointwise,
  reshape,
  showShape,
  slice,
  sub,
  sum,
  type Tensor,
  unsqueeze,
  withoutRecording,
} from "../tensor/mod.ts";
import { sigmoid } from "../kernels/expression/functions.ts";
import { boxSum, type Grid } from "./grid.ts";

/** Where the contrast comes from. */
export type ProxySource = "attention" | "prototype" | "neighbour" | "view" | "text";

/** The sources by name, for options and help. */
export const proxySources: readonly ProxySource[] = [
  "attention",
  "prototype",
  "neighbour",
  "view",
  "text",
];

/** What a proxy may look at. No label is among it: nothing of y can reach the forward pass. */
export interface ProxyInputs {
  /** [batch, 1 + patches, width], the class token first. */
  readonly tokens: Tensor;
  /** Patches along the image. */
  readonly grid: Grid;
  /** Directions of the classes real and fake, [2, width]: for `prototype`, `attention` and `text`. */
  readonly directions?: Tensor;
  /** Attention of the class token times |value|, [batch, patches]: for `attention`. */
  readonly attention?: Tensor;
  /** The tokens of the image without its fine artifacts, same shape as `tokens`: for `view`. */
  readonly otherView?: Tensor;
  /** Divides the similarities; 1 by default. */
  readonly temperature?: number;
}

/**
 * The proxy q_i for every patch (the role is the abstract's of arXiv 2603.24057; every formula is our reading).
 *
 * - `prototype` and `text`: the closed-form gradient of -log softmax_fake(<z_i, p_k> / t) by the normalized token
 *   z_i, q_i = P(real | z_i) (p_real - p_fake) / t. The hypothesis is "fake" always, in training and at inference.
 * - `attention`: the direction of `prototype`, with the size of the class token's attention times |value|.
 * - `neighbour`: z_i less the mean of its 8 neighbours on the patch grid.
 * - `view`: z_i less the same token of the image without its fine artifacts.
 *
 * Not recorded: q is a constant to differentiation.
 *
 * @returns [batch, patches, width].
 * @throws {ConfigError} An input that the source needs is missing.
 */
export function gradientProxy(source: ProxySource, inputs: ProxyInputs): Tensor {
  return withoutRecording(() => {
    const { tokens, grid } = inputs;
    const patches = patchesOf(tokens, grid);
    switch (source) {
      case "prototype":
      case "text":
        return closedFormGradient(patches, required(source, inputs, "directions"), inputs);
      case "attention": {
        const q = closedFormGradient(patches, required(source, inputs, "directions"), inputs);
        const direction = div(q, maximum(norm(q, 2, { keepAxes: true }), 1e-12));
        return mul(direction, unsqueeze(required(source, inputs, "attention"), 2));
      }
      case "neighbour":
        return sub(patches, neighbourMean(patches, grid));
      case "view":
        return sub(patches, patchesOf(required(source, inputs, "otherView"), grid));
    }
  });
}

/** The normalized patch tokens, without the class token. */
function patchesOf(tokens: Tensor, [rows, columns]: Grid): Tensor {
  if (tokens.rank !== 3 || tokens.shape[1] !== 1 + rows * columns) {
    throw new ShapeError(
      `gradientProxy: expected [batch, ${1 + rows * columns}, width] for a grid of ${rows} x ` +
        `${columns}, but found ${showShape(tokens.shape)}`,
    );
  }
  return layerNorm(slice(tokens, undefined, [1]));
}

function required<Name extends "directions" | "attention" | "otherView">(
  source: ProxySource,
  inputs: ProxyInputs,
  name: Name,
): Tensor {
  const value = inputs[name];
  if (value) return value;
  throw new ConfigError(`gradientProxy: the source "${source}" needs \`${name}\``);
}

const weightedContrast = pointwise((difference, contrast, temperature) =>
  sigmoid(difference.div(temperature)).mul(contrast).div(temperature)
);

/** P(real | z) (p_real - p_fake) / t with P from the softmax over both similarities, a sigmoid of their difference. */
function closedFormGradient(
  patches: Tensor,
  directions: Tensor,
  { temperature = 1 }: ProxyInputs,
): Tensor {
  const contrast = sub(slice(directions, 0), slice(directions, 1));
  const difference = sum(mul(patches, contrast), 2, { keepAxes: true });
  return weightedContrast(difference, contrast, temperature);
}

/** The mean of the up to 8 neighbours of every patch. */
function neighbourMean(patches: Tensor, grid: Grid): Tensor {
  const [batch, count, width] = patches.shape;
  // One map for every feature: [batch * width, patches].
  const maps = reshape(patches.permute([0, 2, 1]), [batch * width, count]);
  const others = sub(boxSum(maps, grid), maps);
  const neighbours = sub(boxSum(maps.mul(0).add(1), grid), 1);
  const means = div(others, maximum(neighbours, 1));
  return reshape(means, [batch, width, count]).permute([0, 2, 1]);
}
