// Kernel `layerNormBackward`: the gradients of layer normalization, as kernels/reference/layer_norm.ts writes them out.
//
// The sums over rows are made in parts and the parts added up in order: no atomics, the same bits every time.

import { requireFloats } from "./floats.ts";
import {
  floatWord,
  gridOf,
  type WebGpuRunner,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
} from "./kernel.ts";
import { printStatistics, type Width, widthOf, widthPrinters } from "./layer_norm.ts";
import { addition, printRowShader, rowGrid, type RowTeam, rowTeam } from "./rows.ts";

const rowFields = [
  "rows: u32",
  "length: u32",
  "epsilon: f32",
  "firstX: u32",
  "firstScale: u32",
  "firstGradient: u32",
  "firstResult: u32",
];

/** The gradient of x; also keeps each row's mean and reciprocal for the sums over rows. */
function rowGradientKernel(team: RowTeam, width: Width): WgslKernel {
  const { type, first, total } = widthPrinters[width];
  const scaled = `gradient[${first("firstGradient")} + place] * scale[${
    first("firstScale")
  } + index]`;
  const normalized = `(x[${first("firstX")} + place] - mean) * reciprocal`;
  return {
    key: `layerNormBackward rows ${team} ${width}`,
    uniforms: rowFields.length,
    source: () =>
      wgslBindings([
        { name: "x", type, access: "read" },
        { name: "scale", type, access: "read" },
        { name: "gradient", type, access: "read" },
        { name: "result", type, access: "read_write" },
        { name: "statistics", type: "vec2<f32>", access: "read_write" },
      ], rowFields) +
      printRowShader(team, [addition], (print) =>
        `\
${printStatistics(width, print)}\
  part = ${type}();
  var partNormalized = ${type}();
${
          print.elements(`\
let scaled = ${scaled};
part += scaled;
partNormalized = fma(scaled, ${normalized}, partNormalized);
`)
        }\
  let average = ${print.combined(addition, total("part"))} / f32(parameters.length);
  let averageNormalized = ${
          print.combined(addition, total("partNormalized"))
        } / f32(parameters.length);
${
          print.elements(`\
let scaled = ${scaled};
let normalized = ${normalized};
result[${
            first("firstResult")
          } + place] = reciprocal * (scaled - average - normalized * averageNormalized);
`)
        }\
  statistics[row] = vec2<f32>(mean, reciprocal);
`, width),
  };
}

/** Invocations of a workgroup that sum over rows; each has the columns of one load. */
const COLUMN_WORKGROUP = 64;

/** The most parts that the rows are cut into, and the fewest rows of one. The cut depends on the shape alone, as sums do. */
const MAXIMUM_PARTS = 64;
const PART_ROWS = 32;

const columnFields = [
  "rows: u32",
  "loads: u32",
  "firstX: u32",
  "firstGradient: u32",
  "parts: u32",
  "partRows: u32",
];

/** Sums over some rows, for each column: gradient times normalized x, and gradient. */
function columnPartsKernel(width: Width): WgslKernel {
  const { type, first } = widthPrinters[width];
  return {
    key: `layerNormBackward columns ${width}`,
    uniforms: columnFields.length,
    source: () =>
      `\
${
        wgslBindings([
          { name: "x", type, access: "read" },
          { name: "gradient", type, access: "read" },
          { name: "statistics", type: "vec2<f32>", access: "read" },
          { name: "sums", type, access: "read_write" },
        ], columnFields)
      }
@compute @workgroup_size(${COLUMN_WORKGROUP}) fn main(${wgslEntryParameters}) {
  let item = ${wgslInvocationIndex(COLUMN_WORKGROUP)};
  if (item >= parameters.loads * parameters.parts) { return; }
  let column = item % parameters.loads;
  let firstRow = (item / parameters.loads) * parameters.partRows;
  let endRow = min(firstRow + parameters.partRows, parameters.rows);
  var sumNormalized = ${type}();
  var sum = ${type}();
  for (var row = firstRow; row < endRow; row++) {
    let place = row * parameters.loads + column;
    let g = gradient[${first("firstGradient")} + place];
    let known = statistics[row];
    let normalized = (x[${first("firstX")} + place] - known.x) * known.y;
    sumNormalized = fma(g, normalized, sumNormalized);
    sum += g;
  }
  sums[2u * item] = sumNormalized;
  sums[2u * item + 1u] = sum;
}
`,
  };
}

const sumFields = ["loads: u32", "parts: u32", "firstScale: u32", "firstBias: u32"];

/** Adds the parts of each column up, in order. */
function columnSumsKernel(width: Width): WgslKernel {
  const { type, first } = widthPrinters[width];
  return {
    key: `layerNormBackward sums ${width}`,
    uniforms: sumFields.length,
    source: () =>
      `\
${
        wgslBindings([
          { name: "sums", type, access: "read" },
          { name: "gradientScale", type, access: "read_write" },
          { name: "gradientBias", type, access: "read_write" },
        ], sumFields)
      }
@compute @workgroup_size(${COLUMN_WORKGROUP}) fn main(${wgslEntryParameters}) {
  let column = ${wgslInvocationIndex(COLUMN_WORKGROUP)};
  if (column >= parameters.loads) { return; }
  var sumNormalized = ${type}();
  var sum = ${type}();
  for (var part = 0u; part < parameters.parts; part++) {
    let place = 2u * (part * parameters.loads + column);
    sumNormalized += sums[place];
    sum += sums[place + 1u];
  }
  gradientScale[${first("firstScale")} + column] = sumNormalized;
  gradientBias[${first("firstBias")} + column] = sum;
}
`,
  };
}

/** The gradients of x, scale and bias. */
export const layerNormBackward: WebGpuRunner<"layerNormBackward"> = (
  executor,
  { rows, length, epsilon },
  [x, scale, gradient],
  [gradientX, gradientScale, gradientBias],
) => {
  const operands = [x, scale, gradient, gradientX, gradientScale, gradientBias];
  requireFloats("layerNormBackward", ...operands);
  if (length === 0) return;
  const elements = rows * length;
  const team = rowTeam(executor, length), width = widthOf(length, operands);
  const loads = length / width;
  const parts = Math.min(MAXIMUM_PARTS, Math.ceil(rows / PART_ROWS));
  const statistics = executor.temporary(8 * rows);
  const sums = executor.temporary(8 * parts * length);
  executor.launch(
    rowGradientKernel(team, width),
    [
      { binding: x, access: "read", elements },
      { binding: scale, access: "read", elements: length },
      { binding: gradient, access: "read", elements },
      { binding: gradientX, access: "read_write", elements },
      { binding: statistics, access: "read_write", elements: 2 * rows },
    ],
    [rows, length, floatWord(epsilon), x.first, scale.first, gradient.first, gradientX.first],
    rowGrid(team, rows),
  );
  executor.launch(
    columnPartsKernel(width),
    [
      { binding: x, access: "read", elements },
      { binding: gradient, access: "read", elements },
      { binding: statistics, access: "read", elements: 2 * rows },
      { binding: sums, access: "read_write", elements: 2 * parts * length },
    ],
    [rows, loads, x.first, gradient.first, parts, Math.ceil(rows / Math.max(1, parts))],
    gridOf(Math.ceil(parts * loads / COLUMN_WORKGROUP)),
  );
  executor.launch(
    columnSumsKernel(width),
    [
      { binding: sums, access: "read", elements: 2 * parts * length },
      { binding: gradientScale, access: "read_write", elements: length },
      { binding: gradientBias, access: "read_write", elements: length },
    ],
    [loads, parts, gradientScale.first, gradientBias.first],
    gridOf(Math.ceil(loads / COLUMN_WORKGROUP)),
  );
};
