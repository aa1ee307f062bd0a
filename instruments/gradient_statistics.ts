// First and second moments of units' gradients, element by element, gathered batch by batch.

import type { PerSampleStatistics } from "../autograd/mod.ts";
import { ValueError } from "../errors.ts";
import type { GradientGroup, GroupGsnr } from "./gsnr.ts";
import { add, dot, estimate, jackknife } from "./gsnr_estimate.ts";

/** The ratios of a group's single elements. */
export interface ElementSummary {
  /** Half of the elements lie below. */
  readonly median: number;
  /** 95 % of the elements lie below. */
  readonly percentile95: number;
}

/** The GSNR of one group, with that of its elements. */
export interface DetailedGsnr extends GroupGsnr {
  /** Unbiased ratios of single elements; NaN where none of them varies. */
  readonly elements: ElementSummary;
}

/** Moments of one stratum, merged by the rule of Chan, Golub and LeVeque (1983). */
interface Stratum {
  units: number;
  /** Batches taken in: they go to its shards in turn. */
  batches: number;
  /** Mean of the gradients and sum of squared deviations from it, by parameter and element. */
  readonly means: Float64Array[];
  readonly deviations: Float64Array[];
  /** By shard: units, the sum of gradients by parameter and element, and the sum of squared norms by parameter. */
  readonly shards: Shard[];
}

interface Shard {
  units: number;
  readonly sums: Float32Array[];
  readonly squares: Float64Array;
}

/** Options of {@linkcode GradientStatistics}. */
export interface GradientStatisticsOptions {
  /**
   * Shards of the delete-one jackknife, each as much memory as the parameters; 20 by default. At 0 there are no
   * intervals: their ends are NaN.
   */
  readonly shards?: number;
}

/**
 * Gathers what GSNR needs over a probe set larger than memory: feed it what `perSampleStatistics` makes of each batch.
 * Two of them over different units merge into what one would have gathered over all.
 *
 * @example
 * ```ts
 * import { perSampleStatistics, tensor } from "@corit/corit";
 * import { GradientStatistics } from "@corit/corit/instruments";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const weight = tensor([[0]]);
 * const statistics = new GradientStatistics({ shards: 2 });
 * for (const samples of [[[1], [2]], [[3], [6]]]) {
 *   const losses = tensor(samples).matmul(weight).reshape([2]); // gradients 1 2, 3 6
 *   statistics.add(perSampleStatistics(losses, [weight]), 2);
 * }
 * const { signal, noise } = statistics.group({ name: "weight", members: [0] });
 * assertAlmostEquals(noise, 14 / 3, 1e-6); // the unbiased variance
 * assertAlmostEquals(signal, 9 - 14 / 12, 1e-6);
 * ```
 */
export class GradientStatistics {
  readonly #strata = new Map<string, Stratum>();
  readonly #shards: number;

  /** Gathers nothing yet. */
  constructor({ shards = 20 }: GradientStatisticsOptions = {}) {
    this.#shards = shards;
  }

  /** Units seen so far. */
  get units(): number {
    return add([...this.#strata.values()].map(({ units }) => units));
  }

  /**
   * Takes in one batch.
   *
   * @param statistics One for each parameter, always the same ones in the same order, with squares.
   * @param units How many units the sums are over.
   * @param stratum The class of all of these units, where noise is to be taken within classes.
   * @throws {ValueError} The squares are missing.
   */
  add(statistics: readonly PerSampleStatistics[], units: number, stratum = ""): void {
    const into = this.#stratum(stratum, statistics.map(({ sum }) => sum.size));
    const shard = into.shards[into.batches++ % Math.max(1, this.#shards)];
    statistics.forEach(({ sum, squares }, at) => {
      if (!squares) {
        throw new ValueError("GradientStatistics: the sums of squares are missing; ask for them");
      }
      const sums = sum.dataSync(), raw = squares.dataSync();
      const mean = new Float64Array(sums.length), deviation = new Float64Array(sums.length);
      for (let i = 0; i < sums.length; i++) {
        mean[i] = sums[i] / units;
        // Rounding may leave a variance of 0 slightly below.
        deviation[i] = Math.max(0, raw[i] - sums[i] * mean[i]);
      }
      mergeMoments(into, at, units, mean, deviation);
      if (!shard) return;
      for (let i = 0; i < sums.length; i++) shard.sums[at][i] += sums[i];
      shard.squares[at] += add(raw);
    });
    into.units += units;
    if (shard) shard.units += units;
  }

  /** Takes in what another has gathered over other units. */
  merge(other: GradientStatistics): void {
    for (const [name, theirs] of other.#strata) {
      const into = this.#stratum(name, theirs.means.map(({ length }) => length));
      theirs.means.forEach((mean, at) =>
        mergeMoments(into, at, theirs.units, mean, theirs.deviations[at])
      );
      into.units += theirs.units;
      const turn = into.batches;
      into.batches += theirs.batches;
      theirs.shards.forEach((from, at) => {
        const to = into.shards[(turn + at) % Math.max(1, this.#shards)];
        if (!to) return;
        to.units += from.units;
        from.sums.forEach((sums, parameter) => {
          for (let i = 0; i < sums.length; i++) to.sums[parameter][i] += sums[i];
          to.squares[parameter] += from.squares[parameter];
        });
      });
    }
  }

  /** The unbiased ratio of every element of one parameter: (m^2 - v / M) / v; NaN where v is 0. */
  elements(parameter: number): Float64Array {
    const strata = [...this.#strata.values()];
    const { units } = this;
    const ratios = new Float64Array(strata[0].means[parameter].length);
    for (let i = 0; i < ratios.length; i++) {
      let mean = 0, noise = 0;
      for (const stratum of strata) {
        mean += stratum.units / units * stratum.means[parameter][i];
        noise += stratum.units / units * stratum.deviations[parameter][i] / (stratum.units - 1);
      }
      ratios[i] = noise > 0 ? (mean * mean - noise / units) / noise : NaN;
    }
    return ratios;
  }

  /**
   * The GSNR of a group: a tensor, a block, the model.
   *
   * @throws {ValueError} A stratum has fewer than two units.
   */
  group({ name, members }: GradientGroup): DetailedGsnr {
    const strata = [...this.#strata.values()];
    const { units } = this;
    if (strata.length === 0 || strata.some((stratum) => stratum.units < 2)) {
      throw new ValueError(
        "GradientStatistics: a variance needs at least two units" +
          (strata.length > 1 ? " in each stratum" : ""),
      );
    }
    let squaredMean = 0;
    const sums = strata.map((stratum) => ({
      squaredSum: 0,
      sumOfSquares: 0,
      units: stratum.units,
      weight: stratum.units / units,
    }));
    for (const member of members) {
      for (let i = 0; i < strata[0].means[member].length; i++) {
        let mean = 0;
        strata.forEach((stratum, at) => {
          const own = stratum.means[member][i], into = sums[at];
          mean += into.weight * own;
          into.squaredSum += (stratum.units * own) ** 2;
          into.sumOfSquares += stratum.deviations[member][i] + stratum.units * own * own;
        });
        squaredMean += mean * mean;
      }
    }
    const all = estimate(squaredMean, sums);
    const without = leaveOneOut(strata, members);
    return {
      name,
      ...all,
      ...jackknife(all.gsnr, without),
      units,
      elements: summarizeElements(members.map((member) => this.elements(member))),
    };
  }

  #stratum(name: string, sizes: readonly number[]): Stratum {
    const known = this.#strata.get(name);
    if (known) return known;
    const vectors = () => sizes.map((size) => new Float64Array(size));
    const made: Stratum = {
      units: 0,
      batches: 0,
      means: vectors(),
      deviations: vectors(),
      shards: Array.from({ length: this.#shards }, () => ({
        units: 0,
        sums: sizes.map((size) => new Float32Array(size)),
        squares: new Float64Array(sizes.length),
      })),
    };
    this.#strata.set(name, made);
    return made;
  }
}

function mergeMoments(
  into: Stratum,
  parameter: number,
  units: number,
  mean: Float64Array,
  deviation: Float64Array,
): void {
  const means = into.means[parameter], deviations = into.deviations[parameter];
  const total = into.units + units;
  for (let i = 0; i < means.length; i++) {
    const distance = mean[i] - means[i];
    means[i] += distance * units / total;
    deviations[i] += deviation[i] + distance * distance * into.units * units / total;
  }
}

/** The estimates that leave one shard of every stratum out, from the Gram matrix of all shards' sums. */
function leaveOneOut(strata: readonly Stratum[], members: readonly number[]): number[] {
  const count = Math.min(
    ...strata.map(({ shards }) => shards.filter(({ units }) => units > 0).length),
  );
  if (count < 2) return [];
  const shards = strata.flatMap((stratum, at) =>
    stratum.shards.filter(({ units }) => units > 0).map((shard, index) => ({ shard, at, index }))
  );
  const gram = shards.map(() => new Float64Array(shards.length));
  for (const member of members) {
    for (let i = 0; i < shards.length; i++) {
      for (let j = i; j < shards.length; j++) {
        const product = dot(shards[i].shard.sums[member], shards[j].shard.sums[member]);
        gram[i][j] += product;
        if (i !== j) gram[j][i] += product;
      }
    }
  }
  const total = add(strata.map(({ units }) => units));
  return Array.from({ length: count }, (_, out) => {
    const left = shards.map((each, place) => ({ ...each, place }))
      .filter(({ index }) => index !== out);
    const of = strata.map((_, at) => left.filter((each) => each.at === at));
    const units = of.map((each) => add(each.map(({ shard }) => shard.units)));
    const product = (a: typeof left, b: typeof left) =>
      add(a.flatMap((x) => b.map((y) => gram[x.place][y.place])));
    const weights = strata.map((stratum) => stratum.units / total);
    const squaredMean = add(
      of.flatMap((a, i) =>
        of.map((b, j) => weights[i] * weights[j] * product(a, b) / (units[i] * units[j]))
      ),
    );
    const sums = of.map((each, at) => ({
      squaredSum: product(each, each),
      sumOfSquares: add(
        each.flatMap(({ shard }) => members.map((member) => shard.squares[member])),
      ),
      units: units[at],
      weight: weights[at],
    }));
    return estimate(squaredMean, sums).gsnr;
  });
}

function summarizeElements(ratios: readonly Float64Array[]): ElementSummary {
  const known = new Float64Array(add(ratios.map(({ length }) => length)));
  let count = 0;
  for (const values of ratios) {
    for (const value of values) if (!Number.isNaN(value)) known[count++] = value;
  }
  const sorted = known.subarray(0, count).sort();
  const at = (share: number) => count === 0 ? NaN : sorted[Math.floor(share * (count - 1))];
  return { median: at(0.5), percentile95: at(0.95) };
}
