// What a benchmark reports: rows of ours against theirs.

import { textTable } from "../evaluation/table.ts";

/** One comparison. */
export interface Row {
  /** What was measured: `matmul 512`, `ViT step, 1 thread`. */
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** What it is compared with: a peer, a limit, a bar; empty where it stands alone. */
  readonly against: string;
  readonly theirs: number | null;
  /** Above 1 means that ours is better. */
  readonly ratio: number | null;
}

/** A row whose unit is better when smaller (times), or larger (rates) by option. */
export function compare(
  what: string,
  unit: string,
  ours: number,
  against: string,
  theirs: number,
  { larger = false }: { larger?: boolean } = {},
): Row {
  return { what, unit, ours, against, theirs, ratio: larger ? ours / theirs : theirs / ours };
}

/** A row that stands alone. */
export function alone(what: string, unit: string, ours: number): Row {
  return { what, unit, ours, against: "", theirs: null, ratio: null };
}

const show = (value: number | null, digits = 4): string =>
  value === null ? "" : Number(value.toPrecision(digits)).toString();

/** The rows as an aligned table. */
export function tableOf(rows: readonly Row[]): string {
  return textTable(
    ["what", "unit", "ours", "against", "theirs", "ratio"],
    rows.map(({ what, unit, ours, against, theirs, ratio }) => [
      what,
      unit,
      show(ours),
      against,
      show(theirs),
      show(ratio, 3),
    ]),
  );
}
