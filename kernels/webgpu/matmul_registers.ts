// Matrix product, one register tile of the result for each invocation, without workgroup memory.
//
// Made for adapters that compute on the CPU. There loading four numbers costs as much as some forty multiply-adds, and
// neighbouring invocations gain nothing from loading together: what counts is multiply-adds for each load, so tiles are
// large where operands can be loaded four numbers at once.

import { wgslEntryParameters, wgslInvocationIndex, type WgslKernel } from "./kernel.ts";
import {
  type LoadOrder,
  type OperandLines,
  printLineStarts,
  printLoads,
} from "./matmul_operand.ts";
import {
  type Epilogue,
  epilogueFields,
  epilogueKey,
  placeOfTile,
  printDeclarations,
  printFinish,
  productFields,
} from "./matmul_shader.ts";
import { indent, range } from "./printing.ts";

/** How an invocation works. */
export interface RegisterTile {
  /** Rows and columns of the result that it computes; columns are a multiple of 4. */
  readonly rows: number;
  readonly columns: number;
  /** How it loads its operands. */
  readonly left: LoadOrder;
  readonly right: LoadOrder;
  /** Whether it stores (and loads a bias) four columns at once: they are neighbours, and everything a multiple of four. */
  readonly storesVectors: boolean;
}

/** Invocations of a workgroup: those that a CPU computes as one vector. */
export const REGISTER_INVOCATIONS = 8;

/** Steps of the depth in one pass of the loop: each accumulator is taken from memory and put back once a pass. */
const UNROLLED = 4;

/** Statements that load `steps` steps of the depth, from `depth` on, and add their products to the sums. */
function printSteps(operands: readonly [OperandLines, OperandLines], steps: number): string {
  const [left, right] = operands.map((operand) => printLoads(operand, steps));
  const lines = [...left.statements, ...right.statements];
  const groups = operands[1].count / 4;
  // The orders `depth` and `strided` put vectors together: once for all rows.
  for (const step of range(steps)) {
    for (const group of range(groups)) {
      lines.push(`let b${group}_${step} = ${right.group(group, step)};`);
    }
  }
  for (const row of range(operands[0].count)) {
    for (const group of range(groups)) {
      const sum = range(steps).reduce(
        (sum, step) => `fma(vec4<f32>(${left.element(row, step)}), b${group}_${step}, ${sum})`,
        `sum${row}_${group}`,
      );
      lines.push(`sum${row}_${group} = ${sum};`);
    }
  }
  return indent(lines, 2);
}

/**
 * Stores of the sums. Rows and columns beyond the edge were clamped to the last: they hold its sums and store the same
 * again, which is cheaper than a condition for each element.
 */
export function printStores({ rows, columns, storesVectors }: RegisterTile): string {
  const lines: string[] = [];
  const width = storesVectors ? 4 : 1;
  for (const place of range(columns / width)) {
    const column = `min(column + ${width * place}u, parameters.columns - ${width}u)`;
    lines.push(`let place${place} = ${column} * parameters.resultColumnStride;`);
  }
  for (const row of range(rows)) {
    const line = `min(row + ${row}u, parameters.rows - 1u)`;
    lines.push(`let result${row} = resultStart + ${line} * parameters.resultRowStride;`);
    for (const place of range(columns / width)) {
      lines.push(
        storesVectors
          ? `result[(result${row} + place${place}) / 4u] = sum${row}_${place};`
          : `result[result${row} + place${place}] = sum${row}_${place >> 2}[${place & 3}];`,
      );
    }
  }
  return indent(lines);
}

/** A loop that finishes what was stored: printed into each store the epilogue would be compiled dozens of times. */
export function printEpilogue(
  { rows, columns, storesVectors }: RegisterTile,
  epilogue: Epilogue,
): string {
  const unit = storesVectors ? " / 4u" : "";
  const added = epilogue.bias
    ? ` + bias[(parameters.firstBias + y * parameters.biasRowStride + x * parameters.biasColumnStride)${unit}]`
    : "";
  const finished = storesVectors
    ? range(4).map((i) => printFinish(epilogue, `at + ${i}u`, `sum[${i}]`))
    : [printFinish(epilogue, "at", "sum")];
  const values = finished.map(({ value }) => value);
  const finish = [
    ...finished.flatMap(({ stores }) => stores),
    `result[place] = ${storesVectors ? `vec4<f32>(${values.join(", ")})` : values[0]};`,
  ];
  return `\
  let rowEnd = min(row + ${rows}u, parameters.rows);
  let columnEnd = min(column + ${columns}u, parameters.columns);
  for (var y = row; y < rowEnd; y++) {
    for (var x = column; x < columnEnd; x += ${storesVectors ? 4 : 1}u) {
      let element = resultStart + y * parameters.resultRowStride + x * parameters.resultColumnStride;
      let at = element - parameters.firstResult;
      let place = element${unit};
      let sum = result[place]${added};
${finish.map((line) => `      ${line}\n`).join("")}\
    }
  }
`;
}

/** The product with a tile for each invocation, in workgroups of {@linkcode REGISTER_INVOCATIONS}. */
export function registerProduct(tile: RegisterTile, epilogue: Epilogue): WgslKernel {
  const { rows, columns, left, right, storesVectors } = tile;
  const half = epilogue.half === true;
  const operands: readonly [OperandLines, OperandLines] = [
    {
      ...{ name: "left", order: left, count: rows },
      ...{ first: "row", all: "parameters.rows", grouped: false, half },
    },
    {
      ...{ name: "right", order: right, count: columns },
      ...{ first: "column", all: "parameters.columns", grouped: storesVectors, half },
    },
  ];
  const typeOf = (vectors: boolean) => vectors ? "vec4<f32>" : "f32";
  return {
    key: `matmul registers ${rows}x${columns} ${left} ${right} ${storesVectors}${
      epilogueKey(epilogue)
    }`,
    uniforms: productFields.length + epilogueFields(epilogue).length,
    source: () => {
      const declarations = printDeclarations(epilogue, {
        left: typeOf(left !== "strided"),
        right: typeOf(right !== "strided"),
        bias: typeOf(storesVectors),
        result: typeOf(storesVectors),
      });
      const lines = operands.flatMap(printLineStarts);
      for (const row of range(rows)) {
        for (const group of range(columns / 4)) lines.push(`var sum${row}_${group} = vec4<f32>();`);
      }
      // What is loaded along the depth is a multiple of four long, and so are the parts of a split depth.
      const remainder = left === "depth" || right === "depth" ? "" : `\
  for (; depth < depthEnd; depth++) {
${printSteps(operands, 1)}\
  }
`;
      return `\
${declarations}
@compute @workgroup_size(${REGISTER_INVOCATIONS}) fn main(${wgslEntryParameters}) {
  let tile = ${wgslInvocationIndex(REGISTER_INVOCATIONS)};
  if (tile >= parameters.tiles) { return; }
${placeOfTile}\
  let row = rowTile * ${rows}u;
  let column = columnTile * ${columns}u;
${indent(lines)}\
  var depth = depthBegin;
  for (; depth + ${UNROLLED}u <= depthEnd; depth += ${UNROLLED}u) {
${printSteps(operands, UNROLLED)}\
  }
${remainder}${printStores(tile)}\
${epilogue.bias || epilogue.expressions ? printEpilogue(tile, epilogue) : ""}\
}
`;
    },
  };
}
