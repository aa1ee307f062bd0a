// Matrix product, one register tile of the result for each invocation, the left operand shared by a subgroup.
//
// Made for adapters that compute on the CPU and have subgroups: an invocation is a lane of a vector there, and loading
// is what costs (see matmul_registers.ts). All lanes of a workgroup, which is one subgroup, compute the same rows and
// neighbouring columns. So each loads its share of the left operand, and the rest comes from its neighbours' registers.

import { wgslEntryParameters, type WgslKernel, wgslWorkgroupIndex } from "./kernel.ts";
import { type OperandLines, printLineStarts, printLoads } from "./matmul_operand.ts";
import { printEpilogue, printStores, type RegisterTile } from "./matmul_registers.ts";
import {
  type Epilogue,
  epilogueFields,
  epilogueKey,
  placeOfTile,
  printDeclarations,
  productFields,
} from "./matmul_shader.ts";
import { indent, range } from "./printing.ts";

/** How a workgroup works. */
export interface SubgroupTile extends RegisterTile {
  /** Invocations of a workgroup, and lanes of a subgroup; a divisor of the rows. `columns` are those of each. */
  readonly lanes: number;
}

/** Steps of the depth in one pass of the loop. */
const UNROLLED = 4;

/** Rows that are computed together: the right operand is taken from memory once for all of them. */
const ROW_BLOCK = 2;

/** The left operand, of whose lines each lane loads some. */
function leftShare(tile: SubgroupTile, half: boolean): OperandLines {
  const { left } = tile;
  const count = loadsOfLane(tile) * (left === "lines" ? 4 : 1);
  return {
    ...{ name: "left", order: left, count, all: "parameters.rows", grouped: false, half },
    first: `row + lane * ${count}u`,
  };
}

/** The text of one element of the left operand, and statements that bring it from the lane that loaded it. */
function leftElements(tile: SubgroupTile, steps: number) {
  const { left } = tile;
  const perLane = loadsOfLane(tile);
  const from = (value: string, load: number) =>
    `subgroupBroadcast(${value}, ${Math.floor(load / perLane)}u)`;
  if (left === "lines") {
    return {
      statements: (row: number) =>
        row % 4 !== 0 ? [] : range(steps).map((step) => {
          const load = row / 4;
          return `let x${load}_${step} = ${from(`leftValue${load % perLane}_${step}`, load)};`;
        }),
      element: (row: number, step: number) => `x${row >> 2}_${step}.${"xyzw"[row & 3]}`,
    };
  }
  if (left === "depth") {
    return {
      statements: (row: number) => [`let x${row} = ${from(`leftValue${row % perLane}`, row)};`],
      element: (row: number, step: number) => `x${row}.${"xyzw"[step]}`,
    };
  }
  return {
    statements: (row: number) =>
      range(steps).map((step) =>
        `let x${row}_${step} = ${from(`leftValue${row % perLane}_${step}`, row)};`
      ),
    element: (row: number, step: number) => `x${row}_${step}`,
  };
}

/** Statements that load `steps` steps of the depth, from `depth` on, and add their products to the sums. */
function printSteps(
  tile: SubgroupTile,
  operands: readonly [OperandLines, OperandLines],
  steps: number,
  sumsLines: boolean,
): string {
  const [left, right] = operands.map((operand) => printLoads(operand, steps));
  const { statements, element } = leftElements(tile, steps);
  const lines = [...left.statements, ...right.statements];
  const groups = range(tile.columns / 4);
  for (const step of range(steps)) {
    for (const group of groups) lines.push(`let b${group}_${step} = ${right.group(group, step)};`);
  }
  if (sumsLines) lines.push(...addLines(tile, steps));
  for (let first = 0; first < tile.rows; first += ROW_BLOCK) {
    const rows = range(Math.min(ROW_BLOCK, tile.rows - first)).map((row) => first + row);
    for (const row of rows) lines.push(...statements(row));
    const sum = (row: number, group: number, step: number) =>
      step === 0 ? `sum${row}_${group}` : `sum${row}_${group}_${step}`;
    for (const step of range(steps)) {
      for (const group of groups) {
        for (const row of rows) {
          const factor = `vec4<f32>(${element(row, step)})`;
          const value = `fma(${factor}, b${group}_${step}, ${sum(row, group, step)})`;
          lines.push(
            step === steps - 1
              ? `sum${row}_${group} = ${value};`
              : `let ${sum(row, group, step + 1)} = ${value};`,
          );
        }
      }
    }
  }
  return indent(lines, 2);
}

/** Loads of the left operand that a lane makes for a step, or for four where they lie along the depth. */
function loadsOfLane({ rows, left, lanes }: SubgroupTile): number {
  return left === "lines" ? Math.ceil(rows / 4 / lanes) : rows / lanes;
}

/** Statements that add what a lane has loaded of the left operand to the sums of its lines. */
function addLines(tile: SubgroupTile, steps: number): string[] {
  return range(loadsOfLane(tile)).map((load) =>
    tile.left === "depth"
      ? `lineSum${load} += dot(leftValue${load}, vec4<f32>(1.0f));`
      : `lineSum${load} += ${range(steps).map((step) => `leftValue${load}_${step}`).join(" + ")};`
  );
}

/** Stores of the sums of the left operand's lines, by the first tile of each row of tiles. */
function printLineStores(tile: SubgroupTile): string {
  const perLoad = tile.left === "lines" ? 4 : 1;
  const loads = loadsOfLane(tile), count = loads * perLoad;
  const lines = range(loads).flatMap((load) =>
    range(perLoad).map((part) => {
      const own = `lane * ${count}u + ${load * perLoad + part}u`;
      const value = perLoad === 1 ? `lineSum${load}` : `lineSum${load}[${part}]`;
      return `  if (${own} < ${tile.rows}u && row + ${own} < parameters.rows) { ` +
        `lineSums[parameters.firstLineSums + row + ${own}] = ${value}; }`;
    })
  );
  return indent(["if (columnTile == 0u) {", ...lines, "}"]);
}

/**
 * The product with `lanes` tiles side by side for each workgroup. `sumsLines`: also the sum of each of the left operand's lines
 * over the depth, which must not be split.
 */
export function subgroupProduct(
  tile: SubgroupTile,
  epilogue: Epilogue,
  sumsLines = false,
): WgslKernel {
  const { rows, columns, left, right, storesVectors, lanes } = tile;
  const half = epilogue.half === true;
  const operands: readonly [OperandLines, OperandLines] = [
    leftShare(tile, half),
    {
      ...{ name: "right", order: right, count: columns },
      ...{ first: "column", all: "parameters.columns", grouped: storesVectors, half },
    },
  ];
  const typeOf = (vectors: boolean) => vectors ? "vec4<f32>" : "f32";
  return {
    key: `matmul subgroups ${lanes} ${rows}x${columns} ${left} ${right} ${storesVectors}${
      sumsLines ? " sums" : ""
    }${epilogueKey(epilogue)}`,
    uniforms: productFields.length + epilogueFields(epilogue).length + (sumsLines ? 1 : 0),
    source: () => {
      const declarations = printDeclarations(epilogue, {
        left: typeOf(left !== "strided"),
        right: typeOf(right !== "strided"),
        bias: typeOf(storesVectors),
        result: typeOf(storesVectors),
      }, sumsLines);
      const sums = range(rows).flatMap((row) =>
        range(columns / 4).map((group) => `var sum${row}_${group} = vec4<f32>();`)
      );
      if (sumsLines) {
        const type = left === "lines" ? "vec4<f32>" : "f32";
        sums.push(...range(loadsOfLane(tile)).map((load) => `var lineSum${load} = ${type}();`));
      }
      // What is loaded along the depth is a multiple of four long, and so are the parts of a split depth.
      const remainder = left === "depth" || right === "depth" ? "" : `\
  for (; depth < depthEnd; depth++) {
${printSteps(tile, operands, 1, sumsLines)}\
  }
`;
      return `\
${declarations}
@compute @workgroup_size(${lanes}) fn main(${wgslEntryParameters}) {
  let tile = ${wgslWorkgroupIndex};
  if (tile >= parameters.tiles) { return; }
${placeOfTile}\
  let lane = local;
  let row = rowTile * ${rows}u;
  let column = (columnTile * ${lanes}u + lane) * ${columns}u;
${indent(operands.flatMap(printLineStarts))}\
${indent(sums)}\
  var depth = depthBegin;
  for (; depth + ${UNROLLED}u <= depthEnd; depth += ${UNROLLED}u) {
${printSteps(tile, operands, UNROLLED, sumsLines)}\
  }
${remainder}\
  if (column < parameters.columns) {
${printStores(tile)}\
${epilogue.bias || epilogue.expressions ? printEpilogue(tile, epilogue) : ""}\
  }
${sumsLines ? printLineStores(tile) : ""}\
}
`;
    },
  };
}
