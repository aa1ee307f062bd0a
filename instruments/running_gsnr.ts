// A cheap running estimate of GSNR from the gradients that training takes anyway, one a batch.

/** What two consecutive batches say about one group of parameters. */
export interface GradientPair {
  /** <g, g'>: the inner product of the two batches' gradients. */
  readonly product: number;
  /** (|g|^2 + |g'|^2) / 2. */
  readonly square: number;
}

/** An estimate for one group. */
export interface RunningEstimate {
  /** Estimate of |E g|^2 / tr Cov g over single units; NaN where nothing varies. */
  readonly gsnr: number;
  /** Its standard error by the delta method, as if pairs were independent; NaN with fewer than two pairs. */
  readonly standardError: number;
  /** Pairs that it rests on. */
  readonly pairs: number;
}

/** Means, and sums of squared deviations from them and of their products: Welford's, of two numbers at once. */
export interface PairMoments {
  /** Pairs. */
  count: number;
  /** Mean of the products of a pair's gradients. */
  product: number;
  /** Mean of the squared norms. */
  square: number;
  /** Sum of squared deviations of the products. */
  productSpread: number;
  /** Sum of squared deviations of the squares. */
  squareSpread: number;
  /** Sum of products of both deviations. */
  jointSpread: number;
}

const nothing = (): PairMoments => ({
  count: 0,
  product: 0,
  square: 0,
  productSpread: 0,
  squareSpread: 0,
  jointSpread: 0,
});

/** Joins the moments of two sets by the rule of Chan, Golub and LeVeque (1983). */
function join(a: PairMoments, b: PairMoments): PairMoments {
  const count = a.count + b.count;
  if (count === 0) return nothing();
  const share = b.count / count, weight = a.count * share;
  const product = b.product - a.product, square = b.square - a.square;
  return {
    count,
    product: a.product + share * product,
    square: a.square + share * square,
    productSpread: a.productSpread + b.productSpread + weight * product * product,
    squareSpread: a.squareSpread + b.squareSpread + weight * square * square,
    jointSpread: a.jointSpread + b.jointSpread + weight * product * square,
  };
}

/**
 * A running **estimate** of the gradient signal-to-noise ratio, for the price of one inner product a step. Consecutive
 * batches of B units are independent, so that E <g, g'> = |E g|^2, and E |g|^2 = |E g|^2 + tr Cov / B. The weights move
 * between the two, which biases it: use `measureGsnrInBatches` where the number matters.
 *
 * Streaming (Welford), and mergeable: two of them over different steps join into one over all.
 *
 * @example
 * ```ts
 * import { RunningGsnr } from "@corit/corit/instruments";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const running = new RunningGsnr(4); // batches of 4 units
 * running.add("head", { product: 1, square: 3 });
 * running.add("head", { product: 3, square: 5 });
 * // Signal 2, noise 4 (4 - 2).
 * assertAlmostEquals(running.estimates().head.gsnr, 0.25);
 * ```
 */
export class RunningGsnr {
  readonly #moments = new Map<string, PairMoments>();

  /**
   * An estimate of nothing yet.
   *
   * @param unitsPerBatch B: independent units (twin pairs, or samples) in a batch.
   */
  constructor(readonly unitsPerBatch: number) {}

  /** Takes in two consecutive batches. */
  add(group: string, { product, square }: GradientPair): void {
    const one = { ...nothing(), count: 1, product, square };
    this.#moments.set(group, join(this.#moments.get(group) ?? nothing(), one));
  }

  /** Takes in what another has gathered over other steps. */
  merge(other: RunningGsnr): void {
    for (const [group, theirs] of other.#moments) {
      this.#moments.set(group, join(this.#moments.get(group) ?? nothing(), theirs));
    }
  }

  /** The estimates by group. */
  estimates(): Record<string, RunningEstimate> {
    return Object.fromEntries(
      [...this.#moments].map(([group, moments]) => [group, this.#estimate(moments)]),
    );
  }

  /** Forgets what it has gathered. */
  clear(): void {
    this.#moments.clear();
  }

  /** What it has gathered, as plain data. */
  state(): Record<string, PairMoments> {
    return Object.fromEntries(
      [...this.#moments].map(([group, moments]) => [group, { ...moments }]),
    );
  }

  /** Goes on from a saved state. */
  restore(state: Readonly<Record<string, PairMoments>>): void {
    this.#moments.clear();
    for (const [group, moments] of Object.entries(state)) this.#moments.set(group, { ...moments });
  }

  #estimate(moments: PairMoments): RunningEstimate {
    const { count, product, square, productSpread, squareSpread, jointSpread } = moments;
    const gap = square - product;
    if (!(gap > 0)) return { gsnr: NaN, standardError: NaN, pairs: count };
    // r = p / (B (q - p)): its slopes by p and by q.
    const scale = 1 / (this.unitsPerBatch * gap * gap);
    const [byProduct, bySquare] = [square * scale, -product * scale];
    const spread = byProduct ** 2 * productSpread + bySquare ** 2 * squareSpread +
      2 * byProduct * bySquare * jointSpread;
    return {
      gsnr: product / (this.unitsPerBatch * gap),
      standardError: count < 2 ? NaN : Math.sqrt(Math.max(0, spread) / (count - 1) / count),
      pairs: count,
    };
  }
}
