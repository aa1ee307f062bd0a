// Matrix product, one tile of the result for each workgroup, its operands staged in workgroup memory.
//
// Made for GPUs. 16 x 16 invocations each hold 4 x 4 or 8 x 8 sums; neighbouring invocations load neighbouring elements,
// so how a matrix lies in memory decides which of them loads what.

import { wgslEntryParameters, type WgslKernel, wgslWorkgroupIndex } from "./kernel.ts";
import {
  type Epilogue,
  epilogueFields,
  epilogueKey,
  placeOfTile,
  printDeclarations,
  printFinish,
  productFields,
} from "./matmul_shader.ts";
import { range } from "./printing.ts";
import { STRIP_BLOCK } from "./reduce.ts";

/** How a workgroup works. */
export interface WorkgroupTile {
  /** Invocations along each side of the tile. */
  readonly side: 8 | 16;
  /** Groups of four sums that an invocation holds along each side. */
  readonly groups: 1 | 2;
  /** Steps of the depth that are staged at a time. */
  readonly depth: 8 | 16;
}

/** Which way the operands lie: whether the steps of a line, or else the lines of a step, are neighbours in memory. */
export interface ProductLayout {
  readonly leftAlongDepth: boolean;
  readonly rightAlongDepth: boolean;
}

/** Rows, and columns, of the result that a workgroup computes. */
export function tileSide({ side, groups }: WorkgroupTile): number {
  return 4 * side * groups;
}

/**
 * Statements by which the workgroup stages `depth` steps of as many lines (rows of the left, columns of the right) as the
 * tile has, with zeros beyond the edges. `alongDepth`: the steps of a line are neighbours in memory.
 */
function printStaging(
  tile: WorkgroupTile,
  operand: { name: string; lines: string; firstLine: string; alongDepth: boolean },
  half: boolean,
): string {
  const { name, lines, firstLine, alongDepth } = operand;
  const side = tileSide(tile), invocations = tile.side ** 2;
  const [line, step] = alongDepth
    ? [`(place / ${tile.depth}u)`, `(place % ${tile.depth}u)`]
    : [`(place % ${side}u)`, `(place / ${side}u)`];
  return `\
    for (var place = local; place < ${side * tile.depth}u; place += ${invocations}u) {
      let line = ${firstLine} + ${line};
      let step = depth + ${step};
      var value = 0.0f;
      if (line < parameters.${lines} && step < depthEnd) {
        value = ${name}[${name}Start + line * parameters.${name}LineStride + step * parameters.${name}DepthStride];
      }
      ${name}Tile[${step} * ${side}u + ${line}] = ${half ? "f16(value)" : "value"};
    }
`;
}

/** Statements that add the products of one staged step to the sums, and the step itself to those of the left operand's lines. */
function printStep(
  { side, groups }: WorkgroupTile,
  step: number,
  sumsLines: boolean,
  half: boolean,
): string {
  const span = 4 * side, line = step * span * groups;
  const load = (tile: string, place: string, group: number): string => {
    const start = `${place} + ${line + group * span}u`;
    const elements = range(4).map((i) => `${tile}[${start} + ${i}u]`).join(", ");
    return half ? `vec4<f32>(vec4<f16>(${elements}))` : `vec4<f32>(${elements})`;
  };
  const lines: string[] = ["{"];
  for (const group of range(groups)) {
    lines.push(`let a${group} = ${load("leftTile", "ownRow", group)};`);
    lines.push(`let b${group} = ${load("rightTile", "ownColumn", group)};`);
  }
  for (const row of range(4 * groups)) {
    for (const group of range(groups)) {
      const factor = `vec4<f32>(a${row >> 2}[${row & 3}])`;
      lines.push(`sum${row}_${group} = fma(${factor}, b${group}, sum${row}_${group});`);
    }
  }
  // In the order in which the kernel `reduce` sums whole columns.
  if (sumsLines) {
    for (const group of range(groups)) {
      const first = step % STRIP_BLOCK === 0, last = step % STRIP_BLOCK === STRIP_BLOCK - 1;
      lines.push(`lineBlock${group} ${first ? "=" : "+="} a${group};`);
      if (last) lines.push(`lineSum${group} += lineBlock${group};`);
    }
  }
  return [...lines, "}"].map((text) => `    ${text}\n`).join("");
}

/** Stores of the sums that lie within the result. */
function printStores({ side, groups }: WorkgroupTile, epilogue: Epilogue): string {
  const span = 4 * side;
  const sums = range(4 * groups).map((row) =>
    `array<f32, ${4 * groups}>(${
      range(4 * groups).map((column) => `sum${row}_${column >> 2}[${column & 3}]`).join(", ")
    })`
  );
  const { value, stores } = printFinish(epilogue, "at", "sum");
  const sum = `sums[y][x]${
    epilogue.bias
      ? " + bias[parameters.firstBias + row * parameters.biasRowStride + column * parameters.biasColumnStride]"
      : ""
  }`;
  return `\
  var sums = array<array<f32, ${4 * groups}>, ${4 * groups}>(${sums.join(", ")});
  for (var y = 0u; y < ${4 * groups}u; y++) {
    let row = firstRow + ownRow + (y / 4u) * ${span}u + y % 4u;
    for (var x = 0u; x < ${4 * groups}u; x++) {
      let column = firstColumn + ownColumn + (x / 4u) * ${span}u + x % 4u;
      if (row < parameters.rows && column < parameters.columns) {
        let sum = ${sum};
        let place = resultStart + row * parameters.resultRowStride + column * parameters.resultColumnStride;
        let at = place - parameters.firstResult;
        result[place] = ${value};
${stores.map((store) => `        ${store}\n`).join("")}\
      }
    }
  }
`;
}

/** Stores of the sums of the left operand's lines, by the first invocation of each row in the first column of tiles. */
function printLineStores({ side, groups }: WorkgroupTile): string {
  const stores = range(groups).flatMap((group) =>
    range(4).map((part) => {
      const line = `firstRow + ownRow + ${group * 4 * side + part}u`;
      return `    if (${line} < parameters.rows) { ` +
        `lineSums[parameters.firstLineSums + ${line}] = lineSum${group}[${part}]; }\n`;
    })
  );
  return `  if (columnTile == 0u && ownColumn == 0u) {\n${stores.join("")}  }\n`;
}

/**
 * The product with a tile for each workgroup. `sumsLines`: also the sum of each of the left operand's lines over the depth, which
 * must not be split.
 */
export function workgroupProduct(
  tile: WorkgroupTile,
  layout: ProductLayout,
  epilogue: Epilogue,
  sumsLines = false,
): WgslKernel {
  const { side, groups } = tile, size = tileSide(tile);
  const { leftAlongDepth, rightAlongDepth } = layout;
  const half = epilogue.half === true;
  return {
    key: `matmul workgroup ${size}x${tile.depth} ${leftAlongDepth} ${rightAlongDepth}${
      sumsLines ? " sums" : ""
    }${epilogueKey(epilogue)}`,
    uniforms: productFields.length + epilogueFields(epilogue).length + (sumsLines ? 1 : 0),
    source: () =>
      `\
${printDeclarations(epilogue, undefined, sumsLines)}
var<workgroup> leftTile: array<${half ? "f16" : "f32"}, ${size * tile.depth}>;
var<workgroup> rightTile: array<${half ? "f16" : "f32"}, ${size * tile.depth}>;
@compute @workgroup_size(${side * side}) fn main(${wgslEntryParameters}) {
  let tile = ${wgslWorkgroupIndex};
  if (tile >= parameters.tiles) { return; }
${placeOfTile}\
  let firstRow = rowTile * ${size}u;
  let firstColumn = columnTile * ${size}u;
  let ownRow = (local / ${side}u) * 4u;
  let ownColumn = (local % ${side}u) * 4u;
${
        range(4 * groups).map((row) =>
          range(groups).map((group) => `  var sum${row}_${group} = vec4<f32>();\n`).join("")
        ).join("")
      }\
${
        sumsLines
          ? range(groups).map((group) =>
            `  var lineSum${group} = vec4<f32>();\n  var lineBlock${group} = vec4<f32>();\n`
          ).join("")
          : ""
      }\
  for (var depth = depthBegin; depth < depthEnd; depth += ${tile.depth}u) {
${
        printStaging(tile, {
          name: "left",
          lines: "rows",
          firstLine: "firstRow",
          alongDepth: leftAlongDepth,
        }, half)
      }${
        printStaging(tile, {
          name: "right",
          lines: "columns",
          firstLine: "firstColumn",
          alongDepth: rightAlongDepth,
        }, half)
      }\
    workgroupBarrier();
${range(tile.depth).map((step) => printStep(tile, step, sumsLines, half)).join("")}\
    workgroupBarrier();
  }
${printStores(tile, epilogue)}\
${sumsLines ? printLineStores(tile) : ""}\
}
`,
  };
}
