// Matrix product, one register tile of the result for each invocation, without workgroup memory.
//
// Made for adapters that compute on the CPU. There a load costs as much as ten multiply-adds, whether it is part of a
// vector or not, and neighbouring invocations gain nothing from loading together: what counts is multiply-adds for each
// load, so tiles are large. Elements are found by strides: one shader serves all layouts and alignments.

import { wgslEntryParameters, wgslInvocationIndex, type WgslKernel } from "./kernel.ts";
import {
  type Epilogue,
  epilogueKey,
  placeOfTile,
  printDeclarations,
  productFields,
} from "./matmul_shader.ts";

/** Rows and columns of the result that one invocation computes; columns are a multiple of 4. */
export interface RegisterTile {
  readonly rows: number;
  readonly columns: number;
}

/** Invocations of a workgroup: those that a CPU computes as one vector. */
export const REGISTER_INVOCATIONS = 8;

/** Steps of the depth in one pass of the loop: each accumulator is taken from memory and put back once a pass. */
const UNROLLED = 4;

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Statements that load `steps` steps of the depth, from `depth` on, and add their products to the sums. */
function printSteps({ rows, columns }: RegisterTile, steps: number): string {
  const lines: string[] = [];
  for (const step of range(steps)) {
    lines.push(`let leftStep${step} = (depth + ${step}u) * parameters.leftDepthStride;`);
    lines.push(`let rightStep${step} = (depth + ${step}u) * parameters.rightDepthStride;`);
  }
  for (const row of range(rows)) {
    for (const step of range(steps)) {
      lines.push(`let a${row}_${step} = left[left${row} + leftStep${step}];`);
    }
  }
  for (const step of range(steps)) {
    for (const group of range(columns / 4)) {
      const loads = range(4).map((i) => `right[right${4 * group + i} + rightStep${step}]`);
      lines.push(`let b${group}_${step} = vec4<f32>(${loads.join(", ")});`);
    }
  }
  for (const row of range(rows)) {
    for (const group of range(columns / 4)) {
      const sum = range(steps).reduce(
        (sum, step) => `fma(vec4<f32>(a${row}_${step}), b${group}_${step}, ${sum})`,
        `sum${row}_${group}`,
      );
      lines.push(`sum${row}_${group} = ${sum};`);
    }
  }
  return lines.map((line) => `    ${line}\n`).join("");
}

/**
 * Stores of the sums. Rows and columns beyond the edge were clamped to the last: they hold its sums and store the same
 * again, which is cheaper than a condition for each element.
 */
function printStores({ rows, columns }: RegisterTile, bias: boolean): string {
  const lines: string[] = [];
  for (const column of range(columns)) {
    lines.push(`let column${column} = min(column + ${column}u, parameters.columns - 1u);`);
    lines.push(`let place${column} = column${column} * parameters.resultColumnStride;`);
  }
  for (const row of range(rows)) {
    lines.push(`let row${row} = min(row + ${row}u, parameters.rows - 1u);`);
    lines.push(`let result${row} = resultStart + row${row} * parameters.resultRowStride;`);
    if (bias) {
      lines.push(`let bias${row} = parameters.firstBias + row${row} * parameters.biasRowStride;`);
    }
    for (const column of range(columns)) {
      const added = bias
        ? ` + bias[bias${row} + column${column} * parameters.biasColumnStride]`
        : "";
      const sum = `sum${row}_${column >> 2}[${column & 3}]`;
      lines.push(`result[result${row} + place${column}] = ${sum}${added};`);
    }
  }
  return lines.map((line) => `  ${line}\n`).join("");
}

/** A loop that applies the activation to what was stored: printed into each store it would be compiled hundreds of times. */
function printActivationLoop({ rows, columns }: RegisterTile): string {
  return `\
  let rowEnd = min(row + ${rows}u, parameters.rows);
  let columnEnd = min(column + ${columns}u, parameters.columns);
  for (var y = row; y < rowEnd; y++) {
    for (var x = column; x < columnEnd; x++) {
      let place = resultStart + y * parameters.resultRowStride + x * parameters.resultColumnStride;
      result[place] = activate(result[place]);
    }
  }
`;
}

/** The product with a tile for each invocation, in workgroups of {@linkcode REGISTER_INVOCATIONS}. */
export function registerProduct(tile: RegisterTile, epilogue: Epilogue): WgslKernel {
  const { rows, columns } = tile;
  return {
    key: `matmul registers ${rows}x${columns}${epilogueKey(epilogue)}`,
    uniforms: productFields.length,
    source: () => {
      const lines: string[] = [];
      for (const row of range(rows)) {
        lines.push(
          `let left${row} = leftStart + min(row + ${row}u, parameters.rows - 1u) * parameters.leftLineStride;`,
        );
      }
      for (const column of range(columns)) {
        lines.push(
          `let right${column} = rightStart + min(column + ${column}u, parameters.columns - 1u) * parameters.rightLineStride;`,
        );
      }
      for (const row of range(rows)) {
        for (const group of range(columns / 4)) lines.push(`var sum${row}_${group} = vec4<f32>();`);
      }
      return `\
${printDeclarations(epilogue)}
@compute @workgroup_size(${REGISTER_INVOCATIONS}) fn main(${wgslEntryParameters}) {
  let tile = ${wgslInvocationIndex(REGISTER_INVOCATIONS)};
  if (tile >= parameters.tiles) { return; }
${placeOfTile}\
  let row = rowTile * ${rows}u;
  let column = columnTile * ${columns}u;
${lines.map((line) => `  ${line}\n`).join("")}\
  var depth = depthBegin;
  for (; depth + ${UNROLLED}u <= depthEnd; depth += ${UNROLLED}u) {
${printSteps(tile, UNROLLED)}\
  }
  for (; depth < depthEnd; depth++) {
${printSteps(tile, 1)}\
  }
${printStores(tile, epilogue.bias)}\
${epilogue.activation ? printActivationLoop(tile) : ""}\
}
`;
    },
  };
}
