// CGP, the Contrastive Gradient Proxy: what the gradient by a token would be, without a backward pass.

import { ConfigError, ShapeError } from "../errors.ts";
import { sigmoid } from "../kernels/expression/functions.ts";
import {
  div,
  l2Normalize,
  matmul,
  maximum,
  mul,
  ones,
  pointwise,
  scoped,
  showShape,
  slice,
  sub,
  type Tensor,
  unsqueeze,
  withoutRecording,
} from "../tensor/mod.ts";
import { boxMatrix, boxSum, type Grid, patchCount } from "./grid.ts";
import { normalizeTokens, patchTokensOf } from "./tokens.ts";

/** Where the contrast comes from; {@linkcode gradientProxy} has the formulas. */
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
  /** Directions of the classes real (row 0) and forged (row 1), [2, width]: for `prototype`, `attention` and `text`. */
  readonly directions?: Tensor;
  /** How much the class token reads from each token, [batch, 1 + patches]: for `attention`. */
  readonly reading?: Tensor;
  /** The tokens of the image without its fine artifacts ({@linkcode withoutFineDetail}), shaped as `tokens`: for `view`. */
  readonly otherView?: Tensor;
  /** Divides the similarities of tokens and directions; 1 by default. */
  readonly temperature?: number;
}

/**
 * The proxy q_i of the loss's gradient by each patch token (its role is fixed by the abstract of arXiv 2603.24057;
 * every formula is our reading). z_i is the token after layer normalization without affine part.
 *
 * - `prototype` and `text`: the gradient of -log softmax_forged(<z_i, p_k> / t) by z_i, in closed form:
 *   q_i = P(real | z_i) (p_real - p_forged) / t. The hypothesis is "forged" always, in training and at inference.
 * - `attention`: the direction of `prototype`, at the size of the class token's attention times |value|.
 * - `neighbour`: z_i less the mean of its (up to 8) neighbours on the patch grid.
 * - `view`: z_i less the same token of the image without its fine artifacts.
 *
 * Not recorded: q is a constant to differentiation. While both directions are 0, as before their first update, the
 * first three sources give q = 0.
 *
 * @returns [batch, patches, width].
 * @throws {ConfigError} An input that the source needs is missing.
 * @throws {ShapeError} The inputs do not fit together.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { gradientProxy } from "@corit/corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * // A class token and two patches; it reads twice as much from the second.
 * const tokens = tensor([[[0, 0], [9, 7], [3, 5]]]);
 * const reading = tensor([[0, 1, 2]]);
 * const directions = tensor([[3, 0], [1, 0]]);
 * const q = gradientProxy("attention", { tokens, grid: [1, 2], reading, directions });
 * assertEquals(q.toArray(), [[[1, 0], [2, 0]]]);
 * ```
 */
export function gradientProxy(source: ProxySource, inputs: ProxyInputs): Tensor {
  return withoutRecording(() =>
    scoped(() => {
      const { tokens, grid } = inputs;
      const patches = patchTokensOf(normalizeTokens(tokens), grid);
      switch (source) {
        case "prototype":
        case "text":
          return closedFormGradient(patches, required(source, inputs, "directions"), inputs);
        case "attention": {
          const contrast = contrastOf(required(source, inputs, "directions"), patches);
          const all = required(source, inputs, "reading");
          const reading = slice(all, undefined, [all.shape[1] - patches.shape[1]]);
          return mul(unsqueeze(reading, 2), l2Normalize(contrast));
        }
        case "neighbour":
          return sub(patches, neighbourMean(patches, grid));
        case "view": {
          const other = normalizeTokens(required(source, inputs, "otherView"));
          return sub(patches, patchTokensOf(other, grid));
        }
        default:
          throw new ConfigError(
            `gradientProxy: there is no source "${source}"; the sources are ` +
              proxySources.join(", "),
          );
      }
    })
  );
}

function required<Name extends "directions" | "reading" | "otherView">(
  source: ProxySource,
  inputs: ProxyInputs,
  name: Name,
): Tensor {
  const value = inputs[name];
  if (value) return value;
  throw new ConfigError(`gradientProxy: the source "${source}" needs \`${name}\``);
}

/** p_real - p_forged: [width]. */
function contrastOf(directions: Tensor, patches: Tensor): Tensor {
  const width = patches.shape[2];
  if (directions.rank !== 2 || directions.shape[0] !== 2 || directions.shape[1] !== width) {
    throw new ShapeError(
      `gradientProxy: expected directions [2, ${width}], but found ${showShape(directions.shape)}`,
    );
  }
  return sub(slice(directions, 0), slice(directions, 1));
}

/** P(real | z) (p_real - p_forged) / t: the softmax over two similarities is the sigmoid of their difference. */
const weightedContrast = pointwise((difference, contrast, temperature) =>
  sigmoid(difference.div(temperature)).mul(contrast).div(temperature)
);

function closedFormGradient(
  patches: Tensor,
  directions: Tensor,
  { temperature = 1 }: ProxyInputs,
): Tensor {
  const contrast = contrastOf(directions, patches);
  const difference = unsqueeze(matmul(patches, contrast), 2);
  return weightedContrast(difference, contrast, temperature);
}

/** The mean of the up to 8 neighbours of every patch; 0 for a patch without any. */
function neighbourMean(patches: Tensor, grid: Grid): Tensor {
  const { dtype, device } = patches;
  const neighbours = sub(boxSum(ones([1, patchCount(grid), 1], { dtype, device }), grid), 1);
  return div(sub(boxSum(patches, grid), patches), maximum(neighbours, 1));
}

/**
 * T of the source `view`: the mean over each pixel's 3x3 neighbourhood, edges repeated. Nothing is learned.
 *
 * @param images [batch, 3, height, width].
 */
export function withoutFineDetail(images: Tensor): Tensor {
  return withoutRecording(() =>
    scoped(() => {
      const [height, width] = images.shape.slice(-2);
      const vertical = matmul(boxMatrix(height, "repeated", images), images);
      return matmul(vertical, boxMatrix(width, "repeated", images), { transposeB: true }).div(9);
    })
  );
}
