// The final scores as an aligned plain-text table, for a terminal.

import type { Evaluation, ForeignEvaluation, GroupScores } from "./protocol.ts";

/**
 * Lays rows out in columns: the first flush left, the others flush right, a rule under the header.
 *
 * All rows have as many cells as the header; cells are single lines.
 *
 * @example
 * ```ts
 * import { textTable } from "@corit/corit/evaluation";
 * import { assertEquals } from "@std/assert";
 * assertEquals(
 *   textTable(["family", "AUC"], [["swap", "0.85"], ["upsample", "0.981"]]),
 *   ["family      AUC", "--------  -----", "swap       0.85", "upsample  0.981"].join("\n"),
 * );
 * ```
 */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column].length))
  );
  const lay = (row: readonly string[]): string =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    ).join("  ").trimEnd();
  return [lay(header), lay(widths.map((width) => "-".repeat(width))), ...rows.map(lay)].join("\n");
}

/**
 * The evaluation as a text table: trained families, in-domain over all, other families, cross-domain over all.
 *
 * Columns: AUC with its interval, average precision (AP), equal error rate (EER), accuracy at 0.5 and at the threshold
 * chosen on validation, samples and source photographs.
 *
 * @example
 * ```ts
 * import { evaluateScores, evaluationTable } from "@corit/corit/evaluation";
 * import { assertMatch } from "@std/assert";
 * const evaluation = evaluateScores({
 *   scores: [0.1, 0.9, 0.2, 0.8],
 *   labels: [0, 1, 0, 1],
 *   families: ["swap", "swap", "swap", "swap"],
 *   sources: ["a", "a", "b", "b"],
 *   trainedFamilies: ["swap"],
 *   threshold: 0.5,
 * });
 * assertMatch(evaluationTable(evaluation), /^family +AUC +95 % interval/);
 * ```
 */
export function evaluationTable(evaluation: Evaluation | ForeignEvaluation): string {
  const { inDomain, crossDomain, families } = evaluation;
  const trained = Object.entries(families).filter(([, family]) => family.trained);
  const others = Object.entries(families).filter(([, family]) => !family.trained);
  const [{ interval }] = Object.values(families);
  const level = `${Number((100 * interval.level).toPrecision(4))} % interval`;
  const rows: (readonly [string, GroupScores])[] = [
    ...trained,
    ...inDomain === null ? [] : [["in-domain, over all", inDomain] as const],
    ...others.map(([name, scores]) => [`${name} (not trained on)`, scores] as const),
  ];
  if (crossDomain !== null) rows.push(["cross-domain, over all", crossDomain]);
  return textTable(
    ["family", "AUC", level, "AP", "EER", "accuracy", "at threshold", "samples", "photographs"],
    rows.map(([name, scores]) => [
      name,
      scores.auc.toFixed(3),
      `${scores.interval.low.toFixed(3)} to ${scores.interval.high.toFixed(3)}`,
      scores.averagePrecision.toFixed(3),
      scores.equalErrorRate.toFixed(3),
      scores.accuracy.toFixed(3),
      scores.accuracyAtThreshold.toFixed(3),
      `${scores.count}`,
      `${scores.sourceCount}`,
    ]),
  );
}
