// Sorting scores once: the cumulative class weights from which every ranking metric is read.

import { DataError, ShapeError, ValueError } from "../errors.ts";

/**
 * Scores sorted from the highest down, with equal scores grouped.
 *
 * Sorting is the only part of a ranking metric that does not depend on the samples' weights, so a
 * bootstrap sorts once and sums weights in every redraw.
 */
export interface Ranking {
  /** How many samples were ranked. */
  readonly count: number;
  /** Sample indices, highest score first, `[count]`. */
  readonly order: Uint32Array;
  /** The distinct scores, descending, `[distinct]`. */
  readonly values: Float64Array;
  /** For every distinct score, one past its last position in `order`, `[distinct]`. */
  readonly ends: Uint32Array;
  /** 1 where a sample is forged, in sample order, `[count]`. */
  readonly labels: Uint8Array;
}

/** Class weights at or above each distinct score: one point of the ROC curve each. */
export interface Sweep {
  /** The distinct scores, descending, `[distinct]`. */
  readonly values: Float64Array;
  /** Weight of forged samples that score at least `values[k]`, `[distinct]`. */
  readonly truePositives: Float64Array;
  /** Weight of real samples that score at least `values[k]`, `[distinct]`. */
  readonly falsePositives: Float64Array;
}

/** Throws unless `labels` are zeros and ones, as many as `count`, with both classes present. */
export function checkLabels(caller: string, labels: ArrayLike<number>, count: number): void {
  if (count === 0) throw new DataError(`${caller}: expected scores, but found none`);
  if (labels.length !== count) {
    throw new ShapeError(`${caller}: ${count} scores, but ${labels.length} labels`);
  }
  let forged = 0;
  for (let i = 0; i < count; i++) {
    if (labels[i] !== 0 && labels[i] !== 1) {
      throw new ValueError(
        `${caller}: labels must be 0 (real) or 1 (forged), but labels[${i}] is ${labels[i]}`,
      );
    }
    forged += labels[i];
  }
  if (forged === 0 || forged === count) {
    const found = forged === 0 ? "real" : "forged";
    throw new DataError(
      `${caller}: needs real and forged samples, but all ${count} are ${found}`,
    );
  }
}

/** Throws unless `weights` are finite, at least 0, and as many as `count`. */
export function checkWeights(caller: string, weights: ArrayLike<number>, count: number): void {
  if (weights.length !== count) {
    throw new ShapeError(`${caller}: ${count} scores, but ${weights.length} weights`);
  }
  for (let i = 0; i < count; i++) {
    if (!(weights[i] >= 0 && weights[i] < Infinity)) {
      throw new ValueError(
        `${caller}: weights must be finite and at least 0, but weights[${i}] is ${weights[i]}`,
      );
    }
  }
}

/** Sorts and groups scores; `caller` names the metric in errors. */
export function rank(
  caller: string,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): Ranking {
  const count = scores.length;
  checkLabels(caller, labels, count);
  for (let i = 0; i < count; i++) {
    if (!Number.isFinite(scores[i])) {
      throw new ValueError(`${caller}: scores must be finite, but scores[${i}] is ${scores[i]}`);
    }
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => scores[b] - scores[a] || a - b);
  const values: number[] = [];
  const ends: number[] = [];
  for (let position = 0; position < count; position++) {
    const score = scores[order[position]];
    if (position > 0 && score === values[values.length - 1]) ends[ends.length - 1]++;
    else {
      values.push(score);
      ends.push(position + 1);
    }
  }
  return {
    count,
    order,
    values: Float64Array.from(values),
    ends: Uint32Array.from(ends),
    labels: Uint8Array.from(labels),
  };
}

/** An empty sweep of the right size, to be filled by `sweepInto` again and again. */
export function emptySweep(ranking: Ranking): Sweep {
  return {
    values: ranking.values,
    truePositives: new Float64Array(ranking.values.length),
    falsePositives: new Float64Array(ranking.values.length),
  };
}

/** Sums class weights from the highest score down, in O(samples); counts where `weights` is undefined. */
export function sweepInto(
  sweep: Sweep,
  ranking: Ranking,
  weights: ArrayLike<number> | undefined,
): void {
  const { order, ends, labels } = ranking;
  let forged = 0, real = 0, position = 0;
  for (let k = 0; k < ends.length; k++) {
    for (const end = ends[k]; position < end; position++) {
      const sample = order[position];
      const weight = weights === undefined ? 1 : weights[sample];
      if (labels[sample] === 1) forged += weight;
      else real += weight;
    }
    sweep.truePositives[k] = forged;
    sweep.falsePositives[k] = real;
  }
}

/** Ranks and sweeps in one call; throws where weights leave one class without weight. */
export function sweepOf(
  caller: string,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
): Sweep {
  const ranking = rank(caller, scores, labels);
  if (weights !== undefined) checkWeights(caller, weights, ranking.count);
  const sweep = emptySweep(ranking);
  sweepInto(sweep, ranking, weights);
  if (!hasBothClasses(sweep)) {
    throw new DataError(`${caller}: the weights of one class are all 0`);
  }
  return sweep;
}

/** Whether both classes have weight. */
export function hasBothClasses(sweep: Sweep): boolean {
  return totalForged(sweep) > 0 && totalReal(sweep) > 0;
}

/** The weight of all forged samples. */
export function totalForged(sweep: Sweep): number {
  return sweep.truePositives[sweep.truePositives.length - 1];
}

/** The weight of all real samples. */
export function totalReal(sweep: Sweep): number {
  return sweep.falsePositives[sweep.falsePositives.length - 1];
}

/** How many distinct scores are at least `threshold`, by bisection. */
export function countAtLeast(values: Float64Array, threshold: number): number {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] >= threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Area under the ROC curve: trapezoids, which give ties one half (Mann and Whitney, 1947). */
export function sweepAuc(sweep: Sweep): number {
  const { truePositives, falsePositives } = sweep;
  let area = 0, forgedAbove = 0, realAbove = 0;
  for (let k = 0; k < truePositives.length; k++) {
    area += (falsePositives[k] - realAbove) * (forgedAbove + truePositives[k]);
    forgedAbove = truePositives[k];
    realAbove = falsePositives[k];
  }
  return area / (2 * forgedAbove * realAbove);
}

/** Average precision: precision at each distinct score, weighted by the recall it adds. */
export function sweepAveragePrecision(sweep: Sweep): number {
  const { truePositives, falsePositives } = sweep;
  let sum = 0, forgedAbove = 0;
  for (let k = 0; k < truePositives.length; k++) {
    const gained = truePositives[k] - forgedAbove;
    if (gained === 0) continue;
    sum += gained * truePositives[k] / (truePositives[k] + falsePositives[k]);
    forgedAbove = truePositives[k];
  }
  return sum / forgedAbove;
}

/** The rate at which false alarms equal misses, on the straight line between two ROC points. */
export function sweepEqualErrorRate(sweep: Sweep): number {
  const forged = totalForged(sweep), real = totalReal(sweep);
  let falseAlarms = 0, misses = 1;
  for (let k = 0; k < sweep.values.length; k++) {
    const nextFalseAlarms = sweep.falsePositives[k] / real;
    const nextMisses = 1 - sweep.truePositives[k] / forged;
    if (nextFalseAlarms >= nextMisses) {
      const before = misses - falseAlarms;
      const share = before / (before - (nextMisses - nextFalseAlarms));
      return falseAlarms + share * (nextFalseAlarms - falseAlarms);
    }
    falseAlarms = nextFalseAlarms;
    misses = nextMisses;
  }
  return falseAlarms;
}

/** Weighted share of right answers where the first `flagged` distinct scores are called forged. */
export function sweepAccuracy(sweep: Sweep, flagged: number): number {
  const forged = totalForged(sweep), real = totalReal(sweep);
  const hits = flagged === 0 ? 0 : sweep.truePositives[flagged - 1];
  const falseAlarms = flagged === 0 ? 0 : sweep.falsePositives[flagged - 1];
  return (hits + real - falseAlarms) / (forged + real);
}
