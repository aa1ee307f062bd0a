// Kernels `layerNorm` and `layerNormBackward`: layer normalization along rows (Ba et al. 2016), and its gradients.

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
import { addition, printRowShader, rowGrid, type RowTeam, rowTeam } from "./rows.ts";

/** Statements that find a row's `mean` and `reciprocal`, one over its standard deviation, in two passes. */
function printStatistics(
  { elements, combined }: Parameters<Parameters<typeof printRowShader>[2]>[0],
) {
  return `\
  var part = 0.0f;
${elements("part += x[parameters.firstX + place];")}\
  let mean = ${combined(addition, "part")} / f32(parameters.length);
  part = 0.0f;
${
    elements(
      "let difference = x[parameters.firstX + place] - mean;\npart = fma(difference, difference, part);",
    )
  }\
  let variance = ${combined(addition, "part")} / f32(parameters.length);
  let reciprocal = 1.0f / sqrt(variance + parameters.epsilon);
`;
}

const fields = [
  "rows: u32",
  "length: u32",
  "epsilon: f32",
  "firstX: u32",
  "firstScale: u32",
  "firstBias: u32",
  "firstY: u32",
];

function layerNormKernel(team: RowTeam): WgslKernel {
  return {
    key: `layerNorm ${team}`,
    uniforms: fields.length,
    source: () =>
      wgslBindings([
        { name: "x", type: "f32", access: "read" },
        { name: "scale", type: "f32", access: "read" },
        { name: "bias", type: "f32", access: "read" },
        { name: "y", type: "f32", access: "read_write" },
      ], fields) +
      printRowShader(team, [addition], (print) =>
        printStatistics(print) + print.elements(`\
let normalized = (x[parameters.firstX + place] - mean) * reciprocal;
y[parameters.firstY + place] = fma(normalized, scale[parameters.firstScale + index], bias[parameters.firstBias + index]);
`)),
  };
}

/** (x - mean) / sqrt(variance + epsilon) * scale + bias for each row. */
export const layerNorm: WebGpuRunner<"layerNorm"> = (
  executor,
  { rows, length, epsilon },
  [x, scale, bias],
  [y],
) => {
  requireFloats("layerNorm", x, scale, bias, y);
  if (rows * length === 0) return;
  const team = rowTeam(executor, length);
  executor.launch(
    layerNormKernel(team),
    [
      { binding: x, access: "read", elements: rows * length },
      { binding: scale, access: "read", elements: length },
      { binding: bias, access: "read", elements: length },
      { binding: y, access: "read_write", elements: rows * length },
    ],
    [rows, length, floatWord(epsilon), x.first, scale.first, bias.first, y.first],
    rowGrid(team, rows),
  );
};

const backwardFields = [
  "rows: u32",
  "length: u32",
  "epsilon: f32",
  "firstX: u32",
  "firstScale: u32",
  "firstGradient: u32",
  "firstResult: u32",
];

/** The gradient of x; also keeps each row's mean and reciprocal for the sums over rows. */
function rowGradientKernel(team: RowTeam): WgslKernel {
  const scaled =
    "gradient[parameters.firstGradient + place] * scale[parameters.firstScale + index]";
  const normalized = "(x[parameters.firstX + place] - mean) * reciprocal";
  return {
    key: `layerNormBackward rows ${team}`,
    uniforms: backwardFields.length,
    source: () =>
      wgslBindings([
        { name: "x", type: "f32", access: "read" },
        { name: "scale", type: "f32", access: "read" },
        { name: "gradient", type: "f32", access: "read" },
        { name: "result", type: "f32", access: "read_write" },
        { name: "statistics", type: "f32", access: "read_write" },
      ], backwardFields) +
      printRowShader(team, [addition], (print) =>
        `\
${printStatistics(print)}\
  part = 0.0f;
  var partNormalized = 0.0f;
${
          print.elements(`\
let scaled = ${scaled};
part += scaled;
partNormalized = fma(scaled, ${normalized}, partNormalized);
`)
        }\
  let average = ${print.combined(addition, "part")} / f32(parameters.length);
  let averageNormalized = ${print.combined(addition, "partNormalized")} / f32(parameters.length);
${
          print.elements(`\
let scaled = ${scaled};
let normalized = ${normalized};
result[parameters.firstResult + place] = reciprocal * (scaled - average - normalized * averageNormalized);
`)
        }\
  statistics[2u * row] = mean;
  statistics[2u * row + 1u] = reciprocal;
`),
  };
}

/** Invocations of a workgroup that sum over rows; each has a column. */
const COLUMN_WORKGROUP = 64;

/** The most parts that the rows are cut into, and the fewest rows of one. The cut depends on the shape alone, as sums do. */
const MAXIMUM_PARTS = 64;
const PART_ROWS = 32;

const columnFields = [
  "rows: u32",
  "length: u32",
  "firstX: u32",
  "firstGradient: u32",
  "parts: u32",
  "partRows: u32",
];

/** Sums over some rows, for each column: gradient times normalized x, and gradient. */
const columnPartsKernel: WgslKernel = {
  key: "layerNormBackward columns",
  uniforms: columnFields.length,
  source: () =>
    `\
${
      wgslBindings([
        { name: "x", type: "f32", access: "read" },
        { name: "gradient", type: "f32", access: "read" },
        { name: "statistics", type: "f32", access: "read" },
        { name: "sums", type: "f32", access: "read_write" },
      ], columnFields)
    }
@compute @workgroup_size(${COLUMN_WORKGROUP}) fn main(${wgslEntryParameters}) {
  let item = ${wgslInvocationIndex(COLUMN_WORKGROUP)};
  if (item >= parameters.length * parameters.parts) { return; }
  let column = item % parameters.length;
  let firstRow = (item / parameters.length) * parameters.partRows;
  let endRow = min(firstRow + parameters.partRows, parameters.rows);
  var sumNormalized = 0.0f;
  var sum = 0.0f;
  for (var row = firstRow; row < endRow; row++) {
    let place = row * parameters.length + column;
    let g = gradient[parameters.firstGradient + place];
    let normalized = (x[parameters.firstX + place] - statistics[2u * row]) * statistics[2u * row + 1u];
    sumNormalized = fma(g, normalized, sumNormalized);
    sum += g;
  }
  sums[2u * item] = sumNormalized;
  sums[2u * item + 1u] = sum;
}
`,
};

const sumFields = ["length: u32", "parts: u32", "firstScale: u32", "firstBias: u32"];

/** Adds the parts of each column up, in order. */
const columnSumsKernel: WgslKernel = {
  key: "layerNormBackward sums",
  uniforms: sumFields.length,
  source: () =>
    `\
${
      wgslBindings([
        { name: "sums", type: "f32", access: "read" },
        { name: "gradientScale", type: "f32", access: "read_write" },
        { name: "gradientBias", type: "f32", access: "read_write" },
      ], sumFields)
    }
@compute @workgroup_size(${COLUMN_WORKGROUP}) fn main(${wgslEntryParameters}) {
  let column = ${wgslInvocationIndex(COLUMN_WORKGROUP)};
  if (column >= parameters.length) { return; }
  var sumNormalized = 0.0f;
  var sum = 0.0f;
  for (var part = 0u; part < parameters.parts; part++) {
    let place = 2u * (part * parameters.length + column);
    sumNormalized += sums[place];
    sum += sums[place + 1u];
  }
  gradientScale[parameters.firstScale + column] = sumNormalized;
  gradientBias[parameters.firstBias + column] = sum;
}
`,
};

/** The gradients of x, scale and bias, as `kernels/reference/layer_norm.ts` writes them out. */
export const layerNormBackward: WebGpuRunner<"layerNormBackward"> = (
  executor,
  { rows, length, epsilon },
  [x, scale, gradient],
  [gradientX, gradientScale, gradientBias],
) => {
  requireFloats("layerNormBackward", x, scale, gradient, gradientX, gradientScale, gradientBias);
  if (length === 0) return;
  const elements = rows * length;
  const team = rowTeam(executor, length);
  const parts = Math.min(MAXIMUM_PARTS, Math.ceil(rows / PART_ROWS));
  const statistics = executor.temporary(8 * rows);
  const sums = executor.temporary(8 * parts * length);
  executor.launch(
    rowGradientKernel(team),
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
    columnPartsKernel,
    [
      { binding: x, access: "read", elements },
      { binding: gradient, access: "read", elements },
      { binding: statistics, access: "read", elements: 2 * rows },
      { binding: sums, access: "read_write", elements: 2 * parts * length },
    ],
    [rows, length, x.first, gradient.first, parts, Math.ceil(rows / Math.max(1, parts))],
    gridOf(Math.ceil(parts * length / COLUMN_WORKGROUP)),
  );
  executor.launch(
    columnSumsKernel,
    [
      { binding: sums, access: "read", elements: 2 * parts * length },
      { binding: gradientScale, access: "read_write", elements: length },
      { binding: gradientBias, access: "read_write", elements: length },
    ],
    [length, parts, gradientScale.first, gradientBias.first],
    gridOf(Math.ceil(length / COLUMN_WORKGROUP)),
  );
};
