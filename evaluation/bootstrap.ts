// Intervals by resampling whole source photographs: crops of one photograph are not independent.

import { DataError, ShapeError, ValueError } from "../errors.ts";
import { RandomStream } from "../tensor/random.ts";
import type { Numbers } from "./metrics.ts";
import { emptySweep, hasBothClasses, rank, sweepAuc, sweepInto } from "./ranking.ts";

/** A percentile interval of a resampled statistic. */
export interface Interval {
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** Share of the redraws inside: 0.95 by default. */
  readonly level: number;
  /** How many redraws the percentiles come from. */
  readonly redraws: number;
}

/** How a bootstrap draws. */
export interface BootstrapOptions {
  /** How many times the sources are drawn again; 2,000 by default. */
  readonly redraws?: number;
  /** Share of the redraws inside the interval; 0.95 by default. */
  readonly level?: number;
  /** Seed of the draws; 0 by default. The same seed gives the same interval to the last bit. */
  readonly seed?: number;
}

/**
 * Percentile intervals of several statistics at once, by redrawing source photographs with replacement.
 *
 * `sources` names the photograph behind every sample. In each redraw as many photographs are drawn as there are, and
 * `statistics` gets how often every *sample* counts, `[samples]` (the same buffer each time), and returns its
 * numbers; it returns `undefined` where they do not exist (a class is missing), and that redraw is drawn again.
 * Percentiles are interpolated linearly. Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
 * chapter 13; clusters as in Field and Welsh, J. R. Stat. Soc. B 69, 2007.
 *
 * @throws {DataError} when there are fewer than two sources, or more redraws lack a class than have both.
 * @throws {ValueError} when an option is out of range.
 *
 * @example
 * ```ts
 * import { bootstrapIntervals } from "@corit/corit/evaluation";
 * import { assert } from "@std/assert";
 * const values = [1, 2, 3, 4];
 * const [interval] = bootstrapIntervals(["a", "a", "b", "c"], (counts) => {
 *   let sum = 0, total = 0;
 *   values.forEach((value, i) => (sum += value * counts[i], total += counts[i]));
 *   return [sum / total];
 * });
 * assert(interval.low >= 1.5 && interval.high <= 4);
 * ```
 */
export function bootstrapIntervals(
  sources: readonly string[],
  statistics: (counts: Float64Array) => readonly number[] | undefined,
  options: BootstrapOptions = {},
): Interval[] {
  const { redraws = 2000, level = 0.95, seed = 0 } = options;
  if (!Number.isInteger(redraws) || redraws < 1) {
    throw new ValueError(
      `bootstrap: redraws must be a whole number of at least 1, but found ${redraws}`,
    );
  }
  if (!(level > 0 && level < 1)) {
    throw new ValueError(`bootstrap: level must lie between 0 and 1, but found ${level}`);
  }
  const { sourceOf, sourceCount } = numberSources(sources);
  if (sourceCount < 2) {
    throw new DataError(
      `bootstrap: needs at least 2 source photographs to redraw, but found ${sourceCount}`,
    );
  }
  const stream = new RandomStream(seed).fork("bootstrap");
  const drawn = new Float64Array(sourceCount);
  const counts = new Float64Array(sources.length);
  const columns: Float64Array[] = [];
  let kept = 0, discarded = 0;
  while (kept < redraws) {
    drawn.fill(0);
    for (let i = 0; i < sourceCount; i++) drawn[stream.integer(sourceCount)]++;
    for (let i = 0; i < counts.length; i++) counts[i] = drawn[sourceOf[i]];
    const row = statistics(counts);
    if (row === undefined) {
      if (++discarded > redraws) {
        throw new DataError(
          `bootstrap: most redraws of ${sourceCount} source photographs lack a class; ` +
            `the set needs more photographs with both`,
        );
      }
      continue;
    }
    row.forEach((value, column) => {
      columns[column] ??= new Float64Array(redraws);
      columns[column][kept] = value;
    });
    kept++;
  }
  return columns.map((values) => {
    values.sort();
    return {
      low: sortedQuantile(values, (1 - level) / 2),
      high: sortedQuantile(values, (1 + level) / 2),
      level,
      redraws,
    };
  });
}

/**
 * The interval of the area under the ROC curve over source photographs.
 *
 * `scores`, `labels` and `sources` `[samples]`. Scores are sorted once; every redraw is one pass over the samples.
 *
 * @throws {ShapeError | ValueError | DataError} as `rocAuc` and `bootstrapIntervals`.
 *
 * @example
 * ```ts
 * import { bootstrapAuc } from "@corit/corit/evaluation";
 * import { assert } from "@std/assert";
 * const interval = bootstrapAuc({
 *   scores: [0.1, 0.7, 0.6, 0.9, 0.2, 0.8],
 *   labels: [0, 1, 0, 1, 0, 1],
 *   sources: ["a", "a", "b", "b", "c", "c"],
 * });
 * assert(interval.low > 0.5 && interval.high === 1);
 * ```
 */
export function bootstrapAuc(
  samples: {
    readonly scores: Numbers;
    readonly labels: Numbers;
    readonly sources: readonly string[];
  },
  options: BootstrapOptions = {},
): Interval {
  const ranking = rank("bootstrapAuc", samples.scores, samples.labels);
  if (samples.sources.length !== ranking.count) {
    throw new ShapeError(
      `bootstrapAuc: ${ranking.count} scores, but ${samples.sources.length} sources`,
    );
  }
  const sweep = emptySweep(ranking);
  const [interval] = bootstrapIntervals(samples.sources, (counts) => {
    sweepInto(sweep, ranking, counts);
    return hasBothClasses(sweep) ? [sweepAuc(sweep)] : undefined;
  }, options);
  return interval;
}

/** Numbers the sources in order of appearance. */
function numberSources(sources: readonly string[]): { sourceOf: Uint32Array; sourceCount: number } {
  const numbers = new Map<string, number>();
  const sourceOf = Uint32Array.from(sources, (source) => {
    const known = numbers.get(source);
    if (known !== undefined) return known;
    numbers.set(source, numbers.size);
    return numbers.size - 1;
  });
  return { sourceOf, sourceCount: numbers.size };
}

/** The value below which `share` of the sorted values lie, interpolated linearly between neighbours. */
function sortedQuantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
