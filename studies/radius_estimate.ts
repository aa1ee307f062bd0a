// One shape for what three estimators say about the critical optimization radius.

/** Where a radius comes from. */
export type RadiusEstimator = "empirical" | "local" | "bound";

/** A critical radius and how sure it is. */
export interface RadiusEstimate {
  /**
   * `empirical`: where half of the skill is lost after a budget, the definition. `local`: up to where one step still
   * descends in expectation, at a point. `bound`: up to where one step is guaranteed to descend.
   */
  readonly estimator: RadiusEstimator;
  /** The radius; `Infinity` beyond the largest that was tried, 0 where nothing descends. */
  readonly radius: number;
  /** Interval; its ends are NaN where there is none. */
  readonly interval: readonly [low: number, high: number];
  /** What the interval is over, in words. */
  readonly over: string;
  /** Steps of training before. */
  readonly budget: number;
}

/** A radius as text: `0.13`, `above 0.64`, `below 0.01`. */
export function radiusText(
  radius: number,
  tried: { readonly smallest: number; readonly largest: number },
): string {
  if (Number.isNaN(radius)) return "none";
  if (radius > tried.largest) return `> ${tried.largest}`;
  if (radius < tried.smallest) return `< ${tried.smallest}`;
  return `${Number(radius.toPrecision(2))}`;
}
