// How a detector holds up when its test pictures are distorted: a table and a plot over distortions and levels.

import { type DistortionName, distortions } from "./distortions.ts";
import { type LineSeries, plotLines } from "./line_plot.ts";
import type { PlotOptions } from "./plot_theme.ts";
import type { Evaluation, ForeignEvaluation, PooledScores } from "./protocol.ts";
import { textTable } from "./table.ts";

/** The scores under one distortion. */
export interface RobustnessCell {
  /** The distortion. */
  readonly distortion: DistortionName;
  /** 1 (mildest) to 5 (strongest). */
  readonly level: number;
  /** The number that the level stands for; see `distortions` for its unit. */
  readonly strength: number;
  /** The scores. */
  readonly evaluation: Evaluation | ForeignEvaluation;
}

/** Which of an evaluation's pools a table shows. */
export type RobustnessPool = "inDomain" | "crossDomain";

/** What a table of robustness needs. */
export interface Robustness {
  /** The scores on the pictures as they are. */
  readonly clean: Evaluation | ForeignEvaluation;
  /** The scores on the distorted ones. */
  readonly cells: readonly RobustnessCell[];
}

/** One distortion's row: the pool of each level, from 0 (clean) to 5. */
interface RobustnessRow {
  readonly distortion: DistortionName;
  readonly pools: readonly PooledScores[];
}

/** The rows of a pool, in the order of `cells`; none where the evaluation lacks the pool. */
export function robustnessRows(
  { clean, cells }: Robustness,
  pool: RobustnessPool,
): RobustnessRow[] {
  const start = clean[pool];
  if (start === null) return [];
  const names = [...new Set(cells.map(({ distortion }) => distortion))];
  return names.map((distortion) => ({
    distortion,
    pools: [
      start,
      ...cells.filter((cell) => cell.distortion === distortion)
        .sort((a, b) => a.level - b.level)
        .flatMap(({ evaluation }) => evaluation[pool] ?? []),
    ],
  }));
}

/**
 * AUC by distortion and level as a text table; the last column is the mean of the five levels.
 *
 * @param pool In-domain or cross-domain scores; in-domain by default.
 *
 * @example
 * ```ts
 * import { evaluateScores, robustnessTable } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const clean = evaluateScores({
 *   scores: [0.1, 0.9, 0.2, 0.8],
 *   labels: [0, 1, 0, 1],
 *   families: ["swap", "swap", "swap", "swap"],
 *   sources: ["a", "a", "b", "b"],
 *   trainedFamilies: ["swap"],
 *   threshold: 0.5,
 * });
 * const cells = [1, 2, 3, 4, 5].map((level) => ({
 *   distortion: "jpeg" as const, level, strength: 90, evaluation: clean,
 * }));
 * assertMatch(robustnessTable({ clean, cells }), /jpeg .* 1\.000 +1\.000/);
 * ```
 */
export function robustnessTable(
  robustness: Robustness,
  pool: RobustnessPool = "inDomain",
): string {
  return textTable(
    ["AUC under", "clean", "1", "2", "3", "4", "5", "mean of 1 to 5"],
    robustnessRows(robustness, pool).map(({ distortion, pools }) => [
      `${distortion} (${distortions[distortion].unit}: ${
        distortions[distortion].levels.join(", ")
      })`,
      ...pools.map(({ auc }) => auc.toFixed(3)),
      meanAuc(pools).toFixed(3),
    ]),
  );
}

/** The mean AUC of the distorted levels. */
export function meanAuc(pools: readonly PooledScores[]): number {
  return pools.slice(1).reduce((sum, { auc }) => sum + auc, 0) / (pools.length - 1);
}

/**
 * AUC over the level of distortion, one line for each distortion; level 0 is the pictures as they are.
 *
 * @throws {DataError} when there is no distorted score of the pool.
 *
 * @example
 * ```ts
 * import { plotRobustness, robustnessTable } from "@corit/corit/evaluation";
 * import { assertThrows } from "@std/assert";
 * const clean = { inDomain: null, crossDomain: null } as never;
 * assertThrows(() => plotRobustness({ clean, cells: [] }), Error, "found none");
 * ```
 */
export function plotRobustness(
  robustness: Robustness,
  options: PlotOptions & { readonly pool?: RobustnessPool } = {},
): string {
  const rows = robustnessRows(robustness, options.pool ?? "inDomain");
  const lowest = Math.min(0.5, ...rows.flatMap(({ pools }) => pools.map(({ auc }) => auc)));
  const series: LineSeries[] = rows.map(({ distortion, pools }) => ({
    name: distortion,
    points: pools.map(({ auc }, level) => [level, auc] as const),
    markers: true,
  }));
  return plotLines({
    description: `AUC over the level of distortion: ${
      rows.map(({ distortion }) => distortion).join(", ")
    }; level 0 is undistorted, 0.5 is chance`,
    xAxis: { name: "level of distortion (0: none)", min: 0, max: 5 },
    yAxis: { name: "AUC", min: Math.floor(lowest * 10 - 0.5) / 10, max: 1 },
    series,
    reference: { y: 0.5, name: "chance" },
    legend: "above",
  }, { width: 520, height: 340, ...options });
}
