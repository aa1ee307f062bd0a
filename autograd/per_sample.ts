// Exact statistics over units (samples, twin pairs) of their gradients, from one backward pass.

import { GradientError, ShapeError } from "../errors.ts";
import { onesLike, zeros, zerosLike } from "../tensor/create.ts";
import { reshape } from "../tensor/operations/layout.ts";
import { mean, sum } from "../tensor/operations/reduce.ts";
import { recordingOn, withoutRecording } from "../tensor/recording.ts";
import { isFloat } from "../tensor/rows/types.ts";
import { scoped } from "../tensor/scoped.ts";
import { showShape } from "../tensor/shape.ts";
import type { CustomOrigin, Tensor } from "../tensor/tensor.ts";
import { backward } from "./backward.ts";
import { gradients } from "./gradients.ts";
import { ancestors, followUnits, type Use } from "./unit_axes.ts";
import { DenseGradients, SharedGradients, type UnitGradients } from "./unit_gradients.ts";
import { sumPerUnit } from "./unit_layout.ts";
import { useGradients } from "./unit_rules.ts";

/** Options of {@linkcode perSampleStatistics}. */
export interface PerSampleOptions {
  /**
   * Samples of a unit, which lie one after the other; 1 by default. A unit's loss is the mean of its samples': with
   * twins, the unit is the pair.
   */
  readonly samplesPerUnit?: number;
  /** Whether the sums of squares are wanted; true by default. */
  readonly squares?: boolean;
  /** Whether |g|^2 of every unit is wanted, parameter by parameter; false by default. */
  readonly norms?: boolean;
  /** Whether the gradients themselves are wanted: units times the parameters' memory; false by default. */
  readonly gradients?: boolean;
}

/** What is known of the units' gradients by one parameter. */
export interface PerSampleStatistics {
  /** The sum of the units' gradients, of the parameter's shape. */
  readonly sum: Tensor;
  /** The sum of their elementwise squares, of the parameter's shape, where asked for. */
  readonly squares: Tensor | undefined;
  /** [units]: the squared Euclidean norm of every unit's gradient, where asked for. */
  readonly squaredNorms: Tensor | undefined;
  /** [units, ...shape]: the gradients, where asked for. */
  readonly gradients: Tensor | undefined;
}

type Wanted = Required<Omit<PerSampleOptions, "samplesPerUnit">>;

/**
 * Exact statistics of the gradients of single units, from one backward pass over the whole batch: sums of elementwise
 * squares (what BackPACK calls the second moment; Dangel et al., 2020), norms, and the gradients themselves.
 *
 * For a linear layer the squares come out of one kernel that never stores a unit's gradient. The walk finds every place
 * where a parameter meets the batch and treats it by the rule of its operation; a parameter that is used in several
 * places, or behind {@linkcode checkpoint}, is treated right. Parameters may be reshaped and permuted on their way.
 *
 * @param losses [samples]: one loss for each sample, recorded, from samples that lie along one axis of every tensor.
 * @param targets Parameters: tensors that all samples share.
 * @returns The statistics of each target. Sums, not means: divide by the number of units.
 * @throws {GradientError} An operation mixes samples (batch norm in training), or has no rule.
 * @throws {ShapeError} The losses are no vector, or do not divide into units.
 *
 * @example
 * ```ts
 * import { perSampleStatistics, tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([[1, 2], [3, 4]]), weight = tensor([[1], [1]]);
 * // Sample i's loss is x_i . weight, its gradient x_i.
 * const losses = x.matmul(weight).reshape([2]);
 * const [{ sum, squares, squaredNorms }] = perSampleStatistics(losses, [weight], { norms: true });
 * assertEquals(sum.toArray(), [[4], [6]]);
 * assertEquals(squares?.toArray(), [[10], [20]]);
 * assertEquals(squaredNorms?.toArray(), [5, 25]);
 * ```
 */
export function perSampleStatistics(
  losses: Tensor,
  targets: readonly Tensor[],
  options: PerSampleOptions = {},
): PerSampleStatistics[] {
  const { samplesPerUnit = 1, squares = true, norms = false, gradients = false } = options;
  const units = losses.shape[0] / samplesPerUnit;
  if (losses.rank !== 1 || !Number.isInteger(units) || units < 1) {
    throw new ShapeError(
      `perSampleStatistics: expected losses [samples] in whole units of ${samplesPerUnit}, but ` +
        `found ${showShape(losses.shape)}`,
    );
  }
  if (!isFloat(losses.dtype)) {
    throw new GradientError(`perSampleStatistics: the losses are ${losses.dtype}`);
  }
  const wanted = { squares, norms, gradients };
  return scoped(() => {
    const perUnit = samplesPerUnit === 1
      ? losses
      : recordingOn(() => mean(reshape(losses, [units, samplesPerUnit]), 1));
    return units === 1 ? withoutRecording(() => singleUnit(perUnit, targets, wanted)) : seenThrough(
      perUnit,
      new Set(targets),
      () => withoutRecording(() => manyUnits(perUnit, targets, wanted)),
    );
  });
}

/**
 * The same statistics of gradients by tokens: by tensors that have a part for each sample, such as the tokens after a
 * block. A unit's gradient is the sum over its samples of d (unit's loss) / d (sample's part), position by position.
 *
 * @param losses [samples], recorded.
 * @param tokens Tensors on the way to the losses.
 * @returns For each, sums over units of its parts' gradients: shape [1, ...] where the samples' axis was.
 * @throws {GradientError} An operation mixes samples, or a tensor is not on the way.
 */
export function perTokenStatistics(
  losses: Tensor,
  tokens: readonly Tensor[],
  options: PerSampleOptions = {},
): PerSampleStatistics[] {
  const { samplesPerUnit = 1, squares = true, norms = false, gradients: own = false } = options;
  const units = losses.shape[0] / samplesPerUnit;
  return scoped(() => {
    const { axes } = followUnits(losses, new Set());
    const total = recordingOn(() => sum(losses).div(samplesPerUnit));
    const found = gradients(total, tokens);
    return withoutRecording(() =>
      tokens.map((token, at) => {
        const axis = axes.get(token);
        if (axis === undefined || losses.rank !== 1 || !Number.isInteger(units)) {
          throw new GradientError(
            `perTokenStatistics: a tensor ${showShape(token.shape)} has no part for each of the ` +
              `samples of losses ${showShape(losses.shape)} in units of ${samplesPerUnit}`,
          );
        }
        const values = sumPerUnit([found[at]], { axis, units }, token.shape.with(axis, 1));
        return statisticsOf(new DenseGradients(values), { squares, norms, gradients: own });
      })
    );
  });
}

/** Whatever happens inside one unit is its own affair: its gradient is the plain one. */
function singleUnit(
  losses: Tensor,
  targets: readonly Tensor[],
  wanted: Wanted,
): PerSampleStatistics[] {
  return gradients(sumRecorded(losses), targets).map((gradient) =>
    statisticsOf(new DenseGradients(reshape(gradient, [1, ...gradient.shape])), wanted)
  );
}

function sumRecorded(losses: Tensor): Tensor {
  return recordingOn(() => sum(losses));
}

/** Runs `body` with checkpoints replaced by what they compute again, and puts them back. */
function seenThrough<Result>(
  losses: Tensor,
  ends: ReadonlySet<Tensor>,
  body: () => Result,
): Result {
  const replaced: [Tensor, CustomOrigin][] = [];
  try {
    // What is computed again may hold checkpoints of its own.
    for (;;) {
      const open = ancestors(losses, ends).filter(({ origin }) =>
        origin?.name === "custom" && origin.again
      );
      if (open.length === 0) return body();
      for (const tensor of open) {
        const origin = tensor.origin as CustomOrigin;
        replaced.push([tensor, origin]);
        const again = origin.again!();
        tensor.remember({
          name: "reshape",
          inputs: [again],
          options: { shape: tensor.shape },
          outputs: [tensor],
        });
      }
    }
  } finally {
    for (const [tensor, origin] of replaced.reverse()) tensor.remember(origin);
  }
}

/** Gradients by the uses of one parameter that the walk has met, and how many it has still to meet. */
interface Pending {
  readonly met: UnitGradients[];
  open: number;
}

function manyUnits(
  losses: Tensor,
  targets: readonly Tensor[],
  wanted: Wanted,
): PerSampleStatistics[] {
  const units = losses.shape[0];
  const byResult = new Map<Tensor, Use[]>();
  const pending = new Map<Tensor, Pending>();
  for (const use of followUnits(losses, new Set(targets)).uses) {
    byResult.set(use.result, [...byResult.get(use.result) ?? [], use]);
    const entry = pending.get(use.target);
    if (entry) entry.open++;
    else pending.set(use.target, { met: [], open: 1 });
  }
  const found = new Map<Tensor, PerSampleStatistics>();
  const meet = (use: Use, gradient: Tensor): void => {
    const entry = pending.get(use.target)!;
    entry.open--;
    // A view, because the walk releases the gradient itself.
    const gradients = useGradients(use, gradient.view(gradient.shape), units);
    if (gradients) entry.met.push(gradients);
    if (entry.open === 0 && entry.met.length > 0) {
      found.set(use.target, statisticsOf(new SharedGradients(entry.met), wanted));
    }
  };
  backward(
    [losses],
    [onesLike(losses)],
    [...byResult.keys()],
    false,
    (result, gradient) => {
      for (const use of byResult.get(result)!) {
        const { target } = use;
        // Nothing outlives its use, except what waits for a parameter's other uses.
        if (pending.get(target)!.open > 1 || pending.get(target)!.met.length > 0) {
          meet(use, gradient);
        } else {
          scoped(() => {
            meet(use, gradient);
            return found.get(target);
          });
        }
      }
    },
  );
  return targets.map((target) => {
    const met = pending.get(target)?.met ?? [];
    const known = found.get(target);
    if (known) return known;
    // A use whose result does not matter is never met.
    return met.length > 0
      ? statisticsOf(new SharedGradients(met), wanted)
      : zeroStatistics(target, units, wanted);
  });
}

function statisticsOf(own: UnitGradients, wanted: Wanted): PerSampleStatistics {
  return scoped(() => {
    const all = wanted.gradients ? own.gradients(0, own.units) : undefined;
    const source = all ? new DenseGradients(all) : own;
    const { sum, squares } = source.moments();
    return {
      sum,
      squares: wanted.squares ? squares : undefined,
      squaredNorms: wanted.norms ? source.squaredNorms() : undefined,
      gradients: all,
    };
  });
}

function zeroStatistics(target: Tensor, units: number, wanted: Wanted): PerSampleStatistics {
  return {
    sum: zerosLike(target),
    squares: wanted.squares ? zerosLike(target) : undefined,
    squaredNorms: wanted.norms ? zeros([units], target) : undefined,
    gradients: wanted.gradients ? zeros([units, ...target.shape], target) : undefined,
  };
}
