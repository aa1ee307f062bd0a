// The random stream: counter-based Philox4x32-10, and the distributions drawn from it.

import { ValueError } from "../errors.ts";
import { inverseNormalCumulative, normalCumulative } from "./normal_distribution.ts";

/** Where a stream stands; plain JSON, because the two 64-bit identifiers are decimal strings. */
export interface RandomState {
  /** The 64-bit key, as an unsigned decimal string. */
  readonly seed: string;
  /** The 64-bit stream identifier, as an unsigned decimal string. */
  readonly stream: string;
  /** How many 32-bit words were drawn (or skipped) so far. */
  readonly counter: number;
}

/**
 * Encrypts one 128-bit counter under a 64-bit key with ten Philox rounds, writing four 32-bit words to `output`.
 *
 * Every value of every stream is one of these words, so any backend can compute any of them alone.
 * Source: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
 *
 * @example
 * ```ts
 * import { philox4x32 } from "@corit/corit/tensor";
 * import { assertEquals } from "@std/assert";
 * assertEquals(philox4x32([0, 0, 0, 0], [0, 0])[0], 0x6627e8d5);
 * ```
 */
export function philox4x32(
  counter: ArrayLike<number>,
  key: ArrayLike<number>,
  output: Uint32Array = new Uint32Array(4),
): Uint32Array {
  let c0 = counter[0] | 0, c1 = counter[1] | 0, c2 = counter[2] | 0, c3 = counter[3] | 0;
  let k0 = key[0] | 0, k1 = key[1] | 0;
  for (let round = 0; round < 10; round++) {
    // High halves of 32 x 32 -> 64 bit products, from 16-bit limbs (doubles stay exact below 2^53).
    const c0Low = c0 & 0xffff, c0High = c0 >>> 16;
    const c2Low = c2 & 0xffff, c2High = c2 >>> 16;
    const a = 0x1f53 * c0High + ((0x1f53 * c0Low) >>> 16);
    const high0 = 0xd251 * c0High + Math.floor((0xd251 * c0Low + a) / 0x10000);
    const b = 0x8d57 * c2High + ((0x8d57 * c2Low) >>> 16);
    const high1 = 0xcd9e * c2High + Math.floor((0xcd9e * c2Low + b) / 0x10000);
    const low0 = Math.imul(0xd2511f53, c0), low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  output[0] = c0;
  output[1] = c1;
  output[2] = c2;
  output[3] = c3;
  return output;
}

const UNIT = 2 ** -24;
const LABEL_KEY = [0x636f7269, 0x74666f72]; // separates the derivation of streams from drawing

/**
 * A reproducible, forkable, resumable sequence of random numbers.
 *
 * Word `i` of a stream is word `i mod 4` of `philox4x32([i div 4 (low, high), stream (low, high)], seed)`: there is no
 * hidden state beside the counter, so a stream is saved and restored by three numbers, and a backend fills a tensor in
 * parallel. Uniforms carry 24 bits, which float32 holds exactly, so bits, uniforms, Bernoulli draws and permutations are
 * equal on every backend; normals agree within rounding. The bulk `fill...` methods begin and end on a block of four
 * words: element `i` of a fill comes from word `i mod 4` of block `start + i div 4`.
 *
 * @example
 * ```ts
 * import { RandomStream } from "@corit/corit/tensor";
 * import { assertEquals } from "@std/assert";
 * const stream = new RandomStream(7);
 * stream.uniform();
 * const saved = stream.state;
 * const next = stream.uniform();
 * stream.state = JSON.parse(JSON.stringify(saved));
 * assertEquals(stream.uniform(), next);
 * ```
 */
export class RandomStream {
  #key: [number, number];
  #stream: [number, number];
  #counter = 0;
  readonly #block: Uint32Array = new Uint32Array(4);
  #blockIndex = -1;

  /**
   * Opens a stream at its beginning.
   *
   * `seed` and `stream` are integers taken modulo 2^64; different pairs give independent sequences.
   * @throws {ValueError} when a number is not a safe integer.
   */
  constructor(seed: number | bigint, stream: number | bigint = 0) {
    this.#key = words(seed, "seed");
    this.#stream = words(stream, "stream");
  }

  /** Opens a stream where `state` was taken. */
  static fromState(state: RandomState): RandomStream {
    const stream = new RandomStream(0);
    stream.state = state;
    return stream;
  }

  /** Where this stream stands: save it, set it back later. */
  get state(): RandomState {
    return {
      seed: decimal(this.#key),
      stream: decimal(this.#stream),
      counter: this.#counter,
    };
  }

  set state(state: RandomState) {
    if (!Number.isSafeInteger(state.counter) || state.counter < 0) {
      throw new ValueError(
        `RandomStream: state.counter must be a whole number of at least 0, but found ${state.counter}`,
      );
    }
    this.#key = words(parse(state.seed, "seed"), "seed");
    this.#stream = words(parse(state.stream, "stream"), "stream");
    this.#counter = state.counter;
    this.#blockIndex = -1;
  }

  /**
   * A child stream named by `label`, independent of this one and of every other label.
   *
   * It depends on seed, stream and label alone, not on how much was drawn; the number 1 and the text "1" differ.
   */
  fork(label: string | number): RandomStream {
    const text = typeof label === "number" ? `#${label}` : `$${label}`;
    let state = philox4x32([text.length, 0, ...this.#stream], LABEL_KEY);
    for (let i = 0; i < text.length; i += 2) {
      const pair = (text.charCodeAt(i) << 16) | (i + 1 < text.length ? text.charCodeAt(i + 1) : 0);
      state = philox4x32([state[0] ^ pair, state[1], state[2], state[3]], LABEL_KEY);
    }
    const child = new RandomStream(0);
    child.#key = [this.#key[0], this.#key[1]];
    child.#stream = [state[0], state[1]];
    return child;
  }

  /** The next 32 random bits, as an integer in [0, 2^32). */
  nextUint32(): number {
    const blockIndex = Math.floor(this.#counter / 4);
    if (blockIndex !== this.#blockIndex) this.#load(blockIndex);
    return this.#block[this.#counter++ % 4];
  }

  /** A uniform number in [low, high), on a grid of 2^24 values. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * ((this.nextUint32() >>> 8) * UNIT);
  }

  /** A normal number (Box and Muller, 1958); draws two words. At most 5.8 standard deviations out. */
  normal(mean = 0, standardDeviation = 1): number {
    const radius = boxMullerRadius(this.nextUint32());
    return mean + standardDeviation * radius * Math.cos(boxMullerAngle(this.nextUint32()));
  }

  /**
   * A whole number in [0, n), without bias (Lemire's rejection, 2019).
   *
   * @throws {ValueError} unless 1 <= n <= 2^32.
   */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new ValueError(
        `RandomStream.integer: n must be a whole number from 1 to 2^32, but found ${n}`,
      );
    }
    const limit = 2 ** 32 - (2 ** 32 % n);
    let word = this.nextUint32();
    while (word >= limit) word = this.nextUint32();
    return word % n;
  }

  /** True with probability p. */
  bernoulli(p: number): boolean {
    return (this.nextUint32() >>> 8) * UNIT < p;
  }

  /** A random order of 0 .. n-1 (Fisher and Yates). */
  permutation(n: number): Int32Array<ArrayBuffer> {
    const order = new Int32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    return order;
  }

  /**
   * One of `items`, uniformly, or in proportion to `weights`.
   *
   * @throws {ValueError} when there are no items, or the weights are not as many non-negative numbers with a positive sum.
   */
  choice<Item>(items: readonly Item[], weights?: readonly number[]): Item {
    if (items.length === 0) {
      throw new ValueError("RandomStream.choice: expected items, but found none");
    }
    if (weights === undefined) return items[this.integer(items.length)];
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (
      weights.length !== items.length || weights.some((weight) => !(weight >= 0)) || !(total > 0)
    ) {
      throw new ValueError(
        `RandomStream.choice: expected ${items.length} weights of at least 0 with a positive sum, but found [${weights}]`,
      );
    }
    let left = this.uniform() * total;
    let last = 0;
    for (let i = 0; i < items.length; i++) {
      if (weights[i] === 0) continue;
      if (left < weights[i]) return items[i];
      left -= weights[i];
      last = i;
    }
    return items[last]; // rounding in the sum may leave a sliver past the last weight
  }

  /** Fills `target` with random 32-bit words. */
  fillUint32(target: Uint32Array): void {
    this.#eachBlock(target.length, (words, offset, count) => {
      for (let i = 0; i < count; i++) target[offset + i] = words[i];
    });
  }

  /** Fills `target` with uniforms in [low, high): float32 arithmetic, one word each. */
  fillUniform(target: Float32Array, low = 0, high = 1): void {
    const start = Math.fround(low), width = Math.fround(Math.fround(high) - start);
    this.#eachBlock(target.length, (words, offset, count) => {
      for (let i = 0; i < count; i++) {
        target[offset + i] = start + Math.fround(width * ((words[i] >>> 8) * UNIT));
      }
    });
  }

  /** Fills `target` with normals: each pair of words gives a cosine and a sine value (Box and Muller, 1958). */
  fillNormal(target: Float32Array, mean = 0, standardDeviation = 1): void {
    this.#eachBlock(target.length, (words, offset, count) => {
      for (let i = 0; i < count; i += 2) {
        const radius = standardDeviation * boxMullerRadius(words[i]);
        const angle = boxMullerAngle(words[i + 1]);
        target[offset + i] = mean + radius * Math.cos(angle);
        if (i + 1 < count) target[offset + i + 1] = mean + radius * Math.sin(angle);
      }
    });
  }

  /**
   * Fills `target` with normals conditioned to lie in [low, high], by inverting the cumulative distribution, one word each.
   *
   * The limits are absolute values, not multiples of the standard deviation, as in timm's `trunc_normal_`.
   * @throws {ValueError} when low >= high, or no probability is left between them.
   */
  fillTruncatedNormal(
    target: Float32Array,
    mean = 0,
    standardDeviation = 1,
    low = -2,
    high = 2,
  ): void {
    const below = normalCumulative((low - mean) / standardDeviation);
    const width = normalCumulative((high - mean) / standardDeviation) - below;
    if (!(low < high) || !(width > 0)) {
      throw new ValueError(
        `RandomStream.fillTruncatedNormal: nothing of a normal with mean ${mean} and standard deviation ` +
          `${standardDeviation} lies in [${low}, ${high}]`,
      );
    }
    this.#eachBlock(target.length, (words, offset, count) => {
      for (let i = 0; i < count; i++) {
        const quantile = below + width * (((words[i] >>> 8) + 0.5) * UNIT);
        const value = mean + standardDeviation * inverseNormalCumulative(quantile);
        target[offset + i] = Math.min(high, Math.max(low, value));
      }
    });
  }

  /** Fills `target` with ones (probability p) and zeros. */
  fillBernoulli(target: Float32Array, p: number): void {
    const threshold = Math.fround(p);
    this.#eachBlock(target.length, (words, offset, count) => {
      for (let i = 0; i < count; i++) {
        target[offset + i] = (words[i] >>> 8) * UNIT < threshold ? 1 : 0;
      }
    });
  }

  /** Makes block `blockIndex` the current one. */
  #load(blockIndex: number): void {
    philox4x32(
      [blockIndex, Math.floor(blockIndex / 2 ** 32), this.#stream[0], this.#stream[1]],
      this.#key,
      this.#block,
    );
    this.#blockIndex = blockIndex;
  }

  /** Calls `use` for whole blocks covering `length` elements and leaves the counter behind the last of them. */
  #eachBlock(
    length: number,
    use: (words: Uint32Array, offset: number, count: number) => void,
  ): void {
    let blockIndex = Math.ceil(this.#counter / 4);
    for (let offset = 0; offset < length; offset += 4) {
      this.#load(blockIndex++);
      use(this.#block, offset, Math.min(4, length - offset));
    }
    this.#counter = blockIndex * 4;
  }
}

/** sqrt(-2 ln u) with u in (0, 1], so that the logarithm is finite. */
function boxMullerRadius(word: number): number {
  return Math.sqrt(-2 * Math.log(((word >>> 8) + 1) * UNIT));
}

/** 2 pi u with u in [0, 1). */
function boxMullerAngle(word: number): number {
  return 2 * Math.PI * ((word >>> 8) * UNIT);
}

/** The low and high 32-bit words of an integer modulo 2^64. */
function words(value: number | bigint, name: string): [number, number] {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new ValueError(`RandomStream: ${name} must be a whole number, but found ${value}`);
  }
  const wide = BigInt.asUintN(64, BigInt(value));
  return [Number(wide & 0xffffffffn), Number(wide >> 32n)];
}

function decimal([low, high]: [number, number]): string {
  return ((BigInt(high) << 32n) | BigInt(low)).toString();
}

function parse(text: string, name: string): bigint {
  if (!/^\d{1,20}$/.test(text)) {
    throw new ValueError(
      `RandomStream: state.${name} must be an unsigned decimal number, but found "${text}"`,
    );
  }
  return BigInt(text);
}
