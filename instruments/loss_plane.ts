// The loss on a plane through the weights: what a two-dimensional picture of the landscape shows.

import { ShapeError, ValueError } from "../errors.ts";
import { RandomStream } from "../tensor/mod.ts";
import { dimensionOf, innerProduct, lossAt, type LossSurface, normOf } from "./loss_surface.ts";

/**
 * A random direction whose every filter is as long as the same filter of the weights (filter normalization: Li et al.,
 * "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018), so that pictures of differently scaled weights compare.
 * A filter is a row along a parameter's first axis; biases and other parameters with one axis do not move, as in the
 * paper.
 *
 * @param seed Of the direction.
 * @returns A flat vector over the surface's parameters.
 *
 * @example
 * ```ts
 * import { filterNormalizedDirection, type LossSurface } from "@corit/corit/instruments";
 * import { tensor } from "@corit/corit";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const weight = tensor([[3, 4], [0, 2]]);
 * const surface: LossSurface = { parameters: [weight], loss: ([w]) => w.square().sum() };
 * const [a, b, c, d] = filterNormalizedDirection(surface, 0);
 * assertAlmostEquals(Math.hypot(a, b), 5, 1e-6);
 * assertAlmostEquals(Math.hypot(c, d), 2, 1e-6);
 * ```
 */
export function filterNormalizedDirection(surface: LossSurface, seed: number): Float64Array {
  const random = new RandomStream(seed).fork("filter-normalized");
  const direction = new Float64Array(dimensionOf(surface));
  let offset = 0;
  for (const parameter of surface.parameters) {
    const { shape, size } = parameter;
    if (shape.length > 1) {
      const weights = parameter.dataSync(), rows = shape[0], length = size / rows;
      const drawn = new Float32Array(size);
      random.fillNormal(drawn);
      for (let row = 0; row < rows; row++) {
        let own = 0, other = 0;
        for (let at = row * length; at < (row + 1) * length; at++) {
          own += weights[at] ** 2;
          other += drawn[at] ** 2;
        }
        const factor = Math.sqrt(own / other);
        for (let at = row * length; at < (row + 1) * length; at++) {
          direction[offset + at] = factor * drawn[at];
        }
      }
    }
    offset += size;
  }
  return direction;
}

/** Two directions at right angles, each of length 1. */
export interface PlaneAxes {
  /** The first. */
  readonly first: Float64Array;
  /** The second. */
  readonly second: Float64Array;
}

/**
 * Makes two directions a plane's axes: both of length 1, the second made orthogonal to the first.
 *
 * @throws {ValueError} A direction is zero, or both are parallel.
 */
export function planeAxes(first: Float64Array, second: Float64Array): PlaneAxes {
  const unit = (vector: Float64Array): Float64Array => {
    const length = normOf(vector);
    if (!(length > 1e-12)) throw new ValueError("planeAxes: the directions span no plane");
    return vector.map((value) => value / length);
  };
  const x = unit(first), other = unit(second);
  const shared = innerProduct(x, other);
  return { first: x, second: unit(other.map((value, at) => value - shared * x[at])) };
}

/**
 * The loss at points of a plane through the weights: `losses[row][column]` at w + ys[row] second + xs[column] first.
 *
 * @throws {ShapeError} An axis is not as long as the parameters.
 */
export function lossPlane(
  surface: LossSurface,
  { first, second }: PlaneAxes,
  xs: readonly number[],
  ys: readonly number[],
): number[][] {
  const dimension = dimensionOf(surface);
  if (first.length !== dimension || second.length !== dimension) {
    throw new ShapeError(
      `lossPlane: ${dimension} parameters, but axes of ${first.length} and ${second.length}`,
    );
  }
  return ys.map((y) =>
    xs.map((x) => lossAt(surface, first.map((value, at) => x * value + y * second[at])))
  );
}
