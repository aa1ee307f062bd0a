// Matrix product with at most four rows, for GPUs: a matrix is read once, so the reading decides.
//
// Each workgroup computes a few columns; its invocations share out the depth and add their parts up in a fixed order.

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

/** The most rows. */
export const VECTOR_ROWS = 4;

const INVOCATIONS = 256;

/** Columns that a workgroup computes: neighbouring invocations read what are neighbours in memory. */
export function vectorColumns(rightAlongDepth: boolean): number {
  return rightAlongDepth ? 8 : 32;
}

/** The product of `rows` rows with a few columns for each workgroup. */
export function vectorProduct(
  rows: number,
  rightAlongDepth: boolean,
  epilogue: Epilogue,
): WgslKernel {
  const columns = vectorColumns(rightAlongDepth), slices = INVOCATIONS / columns;
  const [ownColumn, ownSlice] = rightAlongDepth
    ? [`local / ${slices}u`, `local % ${slices}u`]
    : [`local % ${columns}u`, `local / ${columns}u`];
  const { value, stores } = printFinish(epilogue, "at", "value");
  const rounded = (text: string): string => epilogue.half ? `f32(f16(${text}))` : text;
  const bias = epilogue.bias
    ? " + bias[parameters.firstBias + row * parameters.biasRowStride + column * parameters.biasColumnStride]"
    : "";
  return {
    key: `matmul vector ${rows} ${rightAlongDepth}${epilogueKey(epilogue)}`,
    uniforms: productFields.length + epilogueFields(epilogue).length,
    source: () =>
      `\
${printDeclarations(epilogue)}
var<workgroup> parts: array<f32, ${rows * INVOCATIONS}>;
@compute @workgroup_size(${INVOCATIONS}) fn main(${wgslEntryParameters}) {
  let tile = ${wgslWorkgroupIndex};
  if (tile >= parameters.tiles) { return; }
${placeOfTile}\
  let firstColumn = columnTile * ${columns}u;
  let ownColumn = ${ownColumn};
  let ownSlice = ${ownSlice};
  let rightLine = rightStart +
    min(firstColumn + ownColumn, parameters.columns - 1u) * parameters.rightLineStride;
${range(rows).map((row) => `  var sum${row} = 0.0f;\n`).join("")}\
  for (var depth = depthBegin + ownSlice; depth < depthEnd; depth += ${slices}u) {
    let factor = ${rounded("right[rightLine + depth * parameters.rightDepthStride]")};
    let leftStep = leftStart + depth * parameters.leftDepthStride;
${
        range(rows).map((row) =>
          `    sum${row} = fma(${
            rounded(`left[leftStep + ${row}u * parameters.leftLineStride]`)
          }, factor, sum${row});\n`
        ).join("")
      }\
  }
${
        range(rows).map((row) =>
          `  parts[(${row}u * ${columns}u + ownColumn) * ${slices}u + ownSlice] = sum${row};\n`
        ).join("")
      }\
  workgroupBarrier();
  if (local < ${rows * columns}u) {
    let row = local / ${columns}u;
    let column = firstColumn + local % ${columns}u;
    if (column < parameters.columns) {
      var sum = 0.0f;
      for (var slice = 0u; slice < ${slices}u; slice++) { sum += parts[local * ${slices}u + slice]; }
      let value = sum${bias};
      let place = resultStart + row * parameters.resultRowStride + column * parameters.resultColumnStride;
      let at = place - parameters.firstResult;
      result[place] = ${value};
${stores.map((store) => `      ${store}\n`).join("")}\
    }
  }
}
`,
  };
}
