// Comparing gradients with central differences.

import { GradientError } from "../errors.ts";
import { tensor } from "../tensor/create.ts";
import { recordingOn } from "../tensor/recording.ts";
import { scoped } from "../tensor/scoped.ts";
import { showShape } from "../tensor/shape.ts";
import { keep, type Tensor } from "../tensor/tensor.ts";
import { mul } from "../tensor/operations/pointwise.ts";
import { sum } from "../tensor/operations/reduce.ts";
import { RandomStream } from "../tensor/random.ts";
import { gradients } from "./gradients.ts";

/** Options of {@linkcode gradientCheck}. */
export interface GradientCheckOptions {
  /** Half of the distance between the two points of a difference; 1e-5 by default. */
  readonly step?: number;
  /** Largest allowed error, relative to max(1, |gradient|); 1e-6 by default. */
  readonly tolerance?: number;
  /** 2 checks the gradient of the gradient as well; 1 by default. */
  readonly order?: 1 | 2;
  /** Seed of the random direction in which results that are no scalars are weighted; 0 by default. */
  readonly seed?: number;
}

/** What {@linkcode gradientCheck} found. */
export interface GradientCheckResult {
  /** The largest error, relative to max(1, |gradient|). */
  readonly error: number;
}

/**
 * Checks a function's gradient against central differences, element by element.
 *
 * @param compute A function of float64 tensors on the reference device.
 * @param inputs Where to check; each on the device `reference`.
 * @throws {GradientError} An element is off by more than the tolerance, or the inputs are not float64.
 *
 * @example
 * ```ts
 * import { gradientCheck, tensor } from "@corit/corit";
 * import { assert } from "@std/assert";
 *
 * const x = tensor([0.3, -1.2], { device: "reference" });
 * assert(gradientCheck((x) => x.tanh().mul(x), [x]).error < 1e-6);
 * ```
 */
export function gradientCheck(
  compute: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradientCheckOptions = {},
): GradientCheckResult {
  const { step = 1e-5, tolerance = 1e-6, order = 1, seed = 0 } = options;
  for (const { dtype, shape } of inputs) {
    if (dtype !== "float64") {
      throw new GradientError(
        `gradientCheck: differences need float64, but an input ${showShape(shape)} is ${dtype}; ` +
          'make it with { device: "reference" }',
      );
    }
  }
  const random = new RandomStream(seed);
  const directions: Tensor[] = [];
  /** A scalar out of any result: its inner product with a fixed random direction. */
  const weigh = (result: Tensor, slot: number): Tensor => {
    directions[slot] ??= keep(tensor(
      Float64Array.from({ length: result.size }, () => random.uniform(0.5, 1.5)),
      { shape: result.shape, device: "reference" },
    ));
    return sum(mul(result, directions[slot]));
  };
  const scalar = (...points: Tensor[]): Tensor => weigh(compute(...points), 0);
  const slope = (...points: Tensor[]): Tensor =>
    gradients(scalar(...points), points, { differentiable: true })
      .map((gradient, at) => weigh(gradient, at + 1))
      .reduce((total, part) => total.add(part));
  const error = compare(scalar, inputs, step, tolerance, "gradient");
  if (order === 1) return { error };
  const second = compare(slope, inputs, step, Math.max(tolerance, 1e-5), "second-order gradient");
  return { error: Math.max(error, second) };
}

function compare(
  scalar: (...points: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  step: number,
  tolerance: number,
  what: string,
): number {
  const exact = scoped(() =>
    gradients(recordingOn(() => scalar(...inputs)), inputs).map((gradient) => gradient.dataSync())
  );
  let worst = 0;
  inputs.forEach((input, which) => {
    const values = input.dataSync();
    const at = (index: number, shift: number): number =>
      scoped(() => {
        const moved = Float64Array.from(values);
        moved[index] += shift;
        const point = tensor(moved, { shape: input.shape, device: "reference" });
        return recordingOn(() => scalar(...inputs.map((each, i) => i === which ? point : each)))
          .item();
      });
    for (let index = 0; index < values.length; index++) {
      const difference = (at(index, step) - at(index, -step)) / (2 * step);
      const found = exact[which][index];
      const error = Math.abs(found - difference) / Math.max(1, Math.abs(difference));
      if (!(error <= tolerance)) {
        throw new GradientError(
          `gradientCheck: the ${what} of input ${which}, element ${index} is ${found}, but ` +
            `differences give ${difference} (error ${error.toExponential(1)}, allowed ` +
            `${tolerance.toExponential(1)})`,
        );
      }
      worst = Math.max(worst, error);
    }
  });
  return worst;
}
