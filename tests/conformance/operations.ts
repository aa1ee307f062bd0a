// The one table of operations that golden values, gradient checks and device agreement are driven by.

import type { Row } from "./row.ts";
import { convolutionRows } from "./rows/convolution.ts";
import { indexingRows } from "./rows/indexing.ts";
import { layoutRows } from "./rows/layout.ts";
import { lossRows } from "./rows/loss.ts";
import { matmulRows } from "./rows/matmul.ts";
import { normalizeRows } from "./rows/normalize.ts";
import { pointwiseRows } from "./rows/pointwise.ts";
import { reduceRows } from "./rows/reduce.ts";

/** Every operation under test. */
export const rows: readonly Row[] = [
  ...pointwiseRows,
  ...reduceRows,
  ...matmulRows,
  ...convolutionRows,
  ...normalizeRows,
  ...indexingRows,
  ...layoutRows,
  ...lossRows,
];

/** The row of an operation. */
export function rowOf(name: string): Row {
  const found = rows.find((row) => row.name === name);
  if (!found) throw new Error(`no row describes the operation "${name}"`);
  return found;
}
