// Which crops make a batch: half real, half forged, families in turn if wanted, twins together or apart.

import { ConfigError } from "../errors.ts";
import { RandomStream } from "../tensor/random.ts";
import type { CropSetArrays } from "./crop_set.ts";

/** Options of a {@linkcode BalancedSampler}. */
export interface SamplerOptions {
  /** Crops in a batch, an even number; half are real. */
  readonly batchSize: number;
  /**
   * Whether a real crop and its forged twin come in one batch, or never do; together unless told, apart where the set has no
   * twins.
   */
  readonly twins?: "together" | "apart";
  /** Families as often as the set has them ("set", the default), or all equally often ("equal"). */
  readonly families?: "set" | "equal";
}

/**
 * Deals the crops of a set into class-balanced batches, in an order that depends on seed, epoch and position alone.
 *
 * A batch can be asked for by number, so resuming needs no replay. In an epoch every pair (or, without twins, every crop of
 * the larger class) comes once, apart from a remainder that does not fill a batch; with families "equal", small families
 * come more often.
 */
export class BalancedSampler {
  /** Batches in an epoch. */
  readonly batchesPerEpoch: number;
  readonly #random: RandomStream;
  readonly #half: number;
  readonly #together: boolean;
  readonly #paired: boolean;
  /** Rows of the forged crops, one group, or one a family. */
  readonly #forged: readonly Int32Array[];
  readonly #real: Int32Array;
  /** Row of the real crop of each pair. */
  readonly #realTwin: ReadonlyMap<number, number>;
  readonly #pairs: Int32Array;
  readonly #orders = new Map<string, Int32Array>();

  /**
   * Prepares to deal the crops of a set.
   *
   * @throws {ConfigError} when a class is missing, the batch is odd or larger than the set, or twins are missing.
   */
  constructor(
    arrays: Pick<CropSetArrays, "labels" | "families" | "pairs">,
    options: SamplerOptions,
    seed: number,
  ) {
    const { labels, families, pairs } = arrays;
    const rows = Array.from(labels, (_, row) => row);
    const forged = rows.filter((row) => labels[row] === 1);
    this.#real = Int32Array.from(rows.filter((row) => labels[row] === 0));
    this.#pairs = pairs;
    this.#realTwin = new Map(Array.from(this.#real, (row) => [pairs[row], row]));
    this.#paired = forged.every((row) => pairs[row] >= 0 && this.#realTwin.has(pairs[row]));
    this.#together = (options.twins ?? (this.#paired ? "together" : "apart")) === "together";
    const groups = options.families === "equal"
      ? [...new Set(forged.map((row) => families[row]))].sort((a, b) => a - b).map((family) =>
        forged.filter((row) => families[row] === family)
      )
      : [forged];
    this.#forged = groups.map((group) => Int32Array.from(group));
    this.#half = options.batchSize / 2;
    this.#random = new RandomStream(seed).fork("sampler");

    const larger = Math.max(forged.length, this.#paired ? 0 : this.#real.length);
    this.batchesPerEpoch = Math.floor(larger / this.#half);
    if (forged.length === 0 || this.#real.length === 0) {
      throw new ConfigError(
        `sampler: both classes are needed, but found ${this.#real.length} real and ${forged.length} forged crops`,
      );
    }
    if (!Number.isInteger(this.#half) || this.#half < 1 || this.batchesPerEpoch < 1) {
      throw new ConfigError(
        `sampler: batchSize must be even and at most ${2 * larger}, but found ${options.batchSize}`,
      );
    }
    if (this.#together && !this.#paired) {
      throw new ConfigError(
        'sampler: twins "together" needs a set in which every forged crop has a twin',
      );
    }
    if (!this.#together && this.#paired && forged.length < options.batchSize) {
      throw new ConfigError(
        `sampler: twins "apart" needs at least ${options.batchSize} pairs, but found ${forged.length}`,
      );
    }
  }

  /** Rows of one batch: real and forged in turn. */
  rows(epoch: number, position: number): Int32Array<ArrayBuffer> {
    const half = this.#half, first = position * half;
    const rows = new Int32Array(2 * half);
    for (let i = 0; i < half; i++) rows[2 * i + 1] = this.#forgedAt(epoch, first + i);
    const real = this.#together
      ? Array.from({ length: half }, (_, i) => this.#twinOf(rows[2 * i + 1]))
      : this.#paired
      ? this.#otherTwins(epoch, first, rows)
      : Array.from({ length: half }, (_, i) => this.#at("real", this.#real, epoch, first + i));
    real.forEach((row, i) => rows[2 * i] = row);
    return rows;
  }

  /** The forged crop in a slot of an epoch: the groups take turns. */
  #forgedAt(epoch: number, slot: number): number {
    const group = slot % this.#forged.length;
    const place = Math.floor(slot / this.#forged.length);
    return this.#at(`forged ${group}`, this.#forged[group], epoch, place);
  }

  /** The real twin of a forged crop. */
  #twinOf(forgedRow: number): number {
    return this.#realTwin.get(this.#pairs[forgedRow])!;
  }

  /** Real twins of forged crops half an epoch away, none of a pair that is in the batch already. */
  #otherTwins(epoch: number, first: number, rows: Int32Array): number[] {
    const taken = new Set<number>();
    for (let i = 1; i < rows.length; i += 2) taken.add(this.#pairs[rows[i]]);
    const slots = this.batchesPerEpoch * this.#half;
    const real: number[] = [];
    for (let slot = first + (slots >> 1); real.length < this.#half; slot++) {
      // Past the epoch's end the slots go on with the following permutations, so this ends.
      const row = this.#forgedAt(epoch, slot < slots ? slot : slot - slots);
      const pair = this.#pairs[row];
      if (taken.has(pair)) continue;
      taken.add(pair);
      real.push(this.#twinOf(row));
    }
    return real;
  }

  /** Element `place` of an endless row of permutations of `items`, new ones every epoch. */
  #at(name: string, items: Int32Array, epoch: number, place: number): number {
    const cycle = Math.floor(place / items.length);
    const key = `${name} ${epoch} ${cycle}`;
    let order = this.#orders.get(key);
    if (order === undefined) {
      if (this.#orders.size >= 64) this.#orders.clear();
      order = this.#random.fork(name).fork(epoch).fork(cycle).permutation(items.length);
      this.#orders.set(key, order);
    }
    return items[order[place % items.length]];
  }
}
