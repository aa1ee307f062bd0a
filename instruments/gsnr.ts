// The gradient signal-to-noise ratio of groups of parameters, unbiased, with jackknife intervals.

import { ValueError } from "../errors.ts";
import { scoped, type Tensor } from "../tensor/mod.ts";
import { add, dot, estimate, jackknife, type StratumSums } from "./gsnr_estimate.ts";

/** A named group of parameters: a tensor, a block, a whole model. */
export interface GradientGroup {
  /** What it is called in reports. */
  readonly name: string;
  /** Which of a unit's gradients belong to the group. */
  readonly members: readonly number[];
}

/** What {@linkcode measureGsnr} is asked to do. */
export interface GsnrOptions {
  /** The groups to report. */
  readonly groups: readonly GradientGroup[];
  /** The number of independent units M; at least 2, and 200 or more to resolve ratios near 1 / M. */
  readonly units: number;
  /**
   * The gradient of one unit's mean loss by each parameter. The unit must be what is drawn independently: a twin
   * pair where real and forged samples come in pairs, since inside a pair the gradients nearly cancel.
   */
  readonly gradientsOf: (unit: number) => readonly Tensor[];
  /** Shards of the delete-one jackknife; 20 by default, at most the number of units. */
  readonly shards?: number;
}

/** The GSNR of one group. */
export interface GroupGsnr {
  /** The group's name. */
  readonly name: string;
  /** Unbiased estimate of |E g|^2 / tr Cov g. Below zero where noise hides the signal; clip it in plots only. */
  readonly gsnr: number;
  /** The plug-in ratio |m|^2 / v, biased by 1 / M: to be shown beside the other, not instead of it. */
  readonly plugIn: number;
  /** Unbiased estimate of |E g|^2. */
  readonly signal: number;
  /** Unbiased estimate of tr Cov g. */
  readonly noise: number;
  /** Standard error of `gsnr` by the delete-one-shard jackknife. */
  readonly standardError: number;
  /** 95 % interval, gsnr -+ 1.96 standard errors. */
  readonly interval: readonly [low: number, high: number];
  /** The number of units M. */
  readonly units: number;
}

/**
 * Measures the gradient signal-to-noise ratio |E g|^2 / tr Cov g of groups of parameters (Liu et al., ICLR 2020),
 * from one backward pass a unit. The plug-in ratio |m|^2 / v is biased by 1 / M and is not what is returned.
 *
 * @throws {ValueError} There are fewer than two units or shards.
 *
 * @example
 * ```ts
 * import { measureGsnr } from "@corit/corit/instruments";
 * import { gradients, tensor } from "@corit/corit";
 * import { assert } from "@std/assert";
 *
 * const weight = tensor([0, 0]);
 * const samples = Array.from({ length: 40 }, (_, i) => tensor([1 + Math.sin(i), Math.cos(i)]));
 * const [report] = measureGsnr({
 *   groups: [{ name: "weight", members: [0] }],
 *   units: samples.length,
 *   gradientsOf: (unit) => gradients(weight.sub(samples[unit]).square().sum(), [weight]),
 * });
 * assert(report.gsnr > 0.5 && report.gsnr < 2);
 * ```
 */
export function measureGsnr(options: GsnrOptions): GroupGsnr[] {
  const { groups, units, gradientsOf } = options;
  const shards = Math.min(options.shards ?? 20, units);
  if (units < 2 || shards < 2) {
    throw new ValueError(
      `measureGsnr: a variance needs at least two units and shards, but there are ${units} ` +
        `units in ${shards} shards`,
    );
  }
  /** sums[shard][parameter]: the sum of gradients, in float64. */
  const sums: Float64Array[][] = Array.from({ length: shards }, () => []);
  const squares = groups.map(() => new Float64Array(shards));
  const counts = new Float64Array(shards);
  for (let unit = 0; unit < units; unit++) {
    const shard = unit % shards;
    counts[shard]++;
    const gradients = scoped(() => gradientsOf(unit).map((gradient) => gradient.dataSync()));
    const own = gradients.map((values) => {
      let total = 0;
      for (let i = 0; i < values.length; i++) total += values[i] * values[i];
      return total;
    });
    gradients.forEach((values, parameter) => {
      const sum = sums[shard][parameter] ??= new Float64Array(values.length);
      for (let i = 0; i < values.length; i++) sum[i] += values[i];
    });
    groups.forEach(({ members }, group) => {
      for (const member of members) squares[group][shard] += own[member];
    });
  }
  return groups.map((group, at) => summarize(group, sums, squares[at], counts));
}

function summarize(
  { name, members }: GradientGroup,
  sums: readonly Float64Array[][],
  squares: Float64Array,
  counts: Float64Array,
): GroupGsnr {
  const shards = sums.length;
  // Gram matrix of the shards' sums: every leave-one-out estimate follows from it.
  const gram = sums.map((a) =>
    sums.map((b) => members.reduce((total, member) => total + dot(a[member], b[member]), 0))
  );
  const units = add(counts);
  const rows = gram.map(add);
  const squaredSum = add(rows);
  const sumOfSquares = add(squares);
  const estimateOf = (part: Omit<StratumSums, "weight">) =>
    estimate(part.squaredSum / part.units ** 2, [{ ...part, weight: 1 }]);
  const all = estimateOf({ squaredSum, sumOfSquares, units });
  const without = Array.from({ length: shards }, (_, shard) =>
    estimateOf({
      squaredSum: squaredSum - 2 * rows[shard] + gram[shard][shard],
      sumOfSquares: sumOfSquares - squares[shard],
      units: units - counts[shard],
    }).gsnr);
  return { name, ...all, ...jackknife(all.gsnr, without), units };
}
