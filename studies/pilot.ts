// What small pilots with another engine saw, and whether a sweep here agrees.

import { triedOf } from "./sweep_figures.ts";
import type { SweepCurve } from "./sweep_results.ts";
import { radiusText } from "./radius_estimate.ts";

/** What a sweep says to a claim. */
export type Verdict =
  | "agrees"
  | "agrees, not resolved"
  | "disagrees"
  | "disagrees, not resolved"
  | "open";

/** A claim of a pilot and the answer. */
export interface PilotAnswer {
  /** What was claimed. */
  readonly claim: string;
  /** The answer. */
  readonly verdict: Verdict;
  /** The numbers behind it. */
  readonly numbers: string;
}

/**
 * Answers the pilots' claims: upsample outlasts swap, self-blend and spectral collapse before it, the radius grows with
 * the budget, and what fails is the read-out. "Not resolved": the order is as said, but the bootstrap intervals over
 * seeds overlap, or there is one seed.
 */
export function answerPilots(curves: readonly SweepCurve[]): PilotAnswer[] {
  const budgets = [...new Set(curves.map(({ budget }) => budget))];
  const of = (family: string, budget: number): SweepCurve | undefined =>
    curves.find((curve) => curve.family === family && curve.budget === budget);
  const orders = ([["upsample", "swap"], ["swap", "self-blend"], ["swap", "spectral"]] as const)
    .flatMap(([longer, shorter]) =>
      budgets.map((budget): PilotAnswer => {
        const a = of(longer, budget), b = of(shorter, budget);
        return {
          claim: `${longer} outlasts ${shorter} (${budget} steps)`,
          verdict: orderOf(a, b),
          numbers: `${text(a)} against ${text(b)}`,
        };
      })
    );
  const first = budgets[0], last = budgets[budgets.length - 1];
  const growth = budgets.length < 2
    ? []
    : [...new Set(curves.map(({ family }) => family))].map((family): PilotAnswer => {
      const early = of(family, first), late = of(family, last);
      return {
        claim: `the radius of ${family} grows from ${first} to ${last} steps`,
        verdict: orderOf(late, early),
        numbers: `${text(early)}, then ${text(late)}`,
      };
    });
  const failed = curves.filter(({ failure }) => failure.verdict !== "none");
  const readOut = failed.filter(({ failure }) => failure.verdict === "read-out").length;
  const failure: PilotAnswer = {
    claim: "where the detector has lost half of its skill, its features have not",
    verdict: failed.length === 0 ? "open" : 2 * readOut > failed.length ? "agrees" : "disagrees",
    numbers: `${readOut} of ${failed.length} curves: the refitted probe keeps half of its skill`,
  };
  return [...orders, ...growth, failure];
}

/** Whether the first radius is the larger one. */
function orderOf(longer: SweepCurve | undefined, shorter: SweepCurve | undefined): Verdict {
  const a = longer?.radius, b = shorter?.radius;
  if (!a || !b || Number.isNaN(a.radius) || Number.isNaN(b.radius) || a.radius === b.radius) {
    return "open";
  }
  const [above, below] = a.radius > b.radius ? [a, b] : [b, a];
  const resolved = above.interval[0] > below.interval[1];
  const word = a.radius > b.radius ? "agrees" : "disagrees";
  return resolved ? word : `${word}, not resolved`;
}

function text(curve: SweepCurve | undefined): string {
  if (!curve) return "not measured";
  const tried = triedOf(curve), [low, high] = curve.radius.interval;
  const interval = Number.isNaN(low)
    ? ""
    : ` [${radiusText(low, tried)}, ${radiusText(high, tried)}]`;
  return `${radiusText(curve.radius.radius, tried)}${interval}`;
}
