// Kernel `layerNormBackward`: the gradients of layer normalization, as kernels/reference/layer_norm.ts writes them out.
//
// Two launches: the gradient of x row by row, then the sums over rows column by column, in a fixed order: no atomics, the same
// bits every time.

import { requireFloats } from "./floats.ts";
import {
  floatWord,
  gridOf,
  type WebGpuRunner,
  wgslBindings,
  wgslEntryParameters,
  type WgslKernel,
  wgslWorkgroupIndex,
} from "./kernel.ts";
import { printStatistics, type Width, widthOf, widthPrinters } from "./layer_norm.ts";
import { indent } from "./printing.ts";
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
function rowGradientKernel(team: RowTeam, width: Width, hasResidual: boolean): WgslKernel {
  const { type, first, total } = widthPrinters[width];
  const scaled = `gradient[${first("firstGradient")} + place] * scale[${
    first("firstScale")
  } + index]`;
  const normalized = `(x[${first("firstX")} + place] - mean) * reciprocal`;
  const fields = hasResidual ? [...rowFields, "firstResidual: u32"] : rowFields;
  const residual = hasResidual ? `residual[${first("firstResidual")} + place] + ` : "";
  return {
    key: `layerNormBackward rows ${team} ${width} ${hasResidual}`,
    uniforms: fields.length,
    source: () =>
      wgslBindings([
        { name: "x", type, access: "read" },
        { name: "scale", type, access: "read" },
        { name: "gradient", type, access: "read" },
        ...(hasResidual ? [{ name: "residual", type, access: "read" } as const] : []),
        { name: "result", type, access: "read_write" },
        { name: "statistics", type: "vec2<f32>", access: "read_write" },
      ], fields) +
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
          } + place] = ${residual}reciprocal * (scaled - average - normalized * averageNormalized);
`)
        }\
  statistics[row] = vec2<f32>(mean, reciprocal);
`, width),
  };
}

/**
 * Who sums over rows. Each invocation has the columns of one load. On a GPU `strips` invocations share the rows of a column and
 * add their sums up in workgroup memory; an adapter that computes on the CPU does better with one for all rows.
 */
interface ColumnTeam {
  readonly loads: number;
  readonly strips: number;
}

const softwareTeam: ColumnTeam = { loads: 8, strips: 1 };
const hardwareTeam: ColumnTeam = { loads: 8, strips: 32 };

/** Rows that are summed before their sum is added to the sum of all: errors grow with the length of either. */
const BLOCK_ROWS = 64;

const columnFields = [
  "rows: u32",
  "loads: u32",
  "firstX: u32",
  "firstGradient: u32",
  "firstScale: u32",
  "firstBias: u32",
];

/** Sums over all rows, for each column: gradient times normalized x, and gradient. */
function columnSumsKernel({ loads, strips }: ColumnTeam, width: Width): WgslKernel {
  const { type, first } = widthPrinters[width];
  const names = ["Normalized", "Plain"];
  const shared = strips === 1
    ? ""
    : names.map((name) => `var<workgroup> strips${name}: array<${type}, ${loads * strips}>;\n`)
      .join("");
  const tree: string[] = [];
  for (let reach = strips / 2; reach >= 1; reach /= 2) {
    tree.push(
      "workgroupBarrier();",
      `if (strip < ${reach}u) {`,
      ...names.map((name) => `  strips${name}[local] += strips${name}[local + ${reach * loads}u];`),
      "}",
    );
  }
  const gather = strips === 1 ? [] : [
    ...names.map((name) => `strips${name}[local] = sum${name};`),
    ...tree,
    "workgroupBarrier();",
  ];
  const result = (name: string) => strips === 1 ? `sum${name}` : `strips${name}[local]`;
  return {
    key: `layerNormBackward columns ${loads}x${strips} ${width}`,
    uniforms: columnFields.length,
    source: () =>
      `\
${
        wgslBindings([
          { name: "x", type, access: "read" },
          { name: "gradient", type, access: "read" },
          { name: "statistics", type: "vec2<f32>", access: "read" },
          { name: "gradientScale", type, access: "read_write" },
          { name: "gradientBias", type, access: "read_write" },
        ], columnFields)
      }
${shared}\
@compute @workgroup_size(${loads * strips}) fn main(${wgslEntryParameters}) {
  let column = ${wgslWorkgroupIndex} * ${loads}u + local % ${loads}u;
  let strip = local / ${loads}u;
  // Invocations beyond the last column sum that one and store nothing.
  let own = min(column, parameters.loads - 1u);
  var sumNormalized = ${type}();
  var sumPlain = ${type}();
  for (var begin = 0u; begin < parameters.rows; begin += ${BLOCK_ROWS * strips}u) {
    let end = min(begin + ${BLOCK_ROWS * strips}u, parameters.rows);
    var blockNormalized = ${type}();
    var blockPlain = ${type}();
    for (var row = begin + strip; row < end; row += ${strips}u) {
      let place = row * parameters.loads + own;
      let g = gradient[${first("firstGradient")} + place];
      let known = statistics[row];
      let normalized = (x[${first("firstX")} + place] - known.x) * known.y;
      blockNormalized = fma(g, normalized, blockNormalized);
      blockPlain += g;
    }
    sumNormalized += blockNormalized;
    sumPlain += blockPlain;
  }
${indent(gather)}\
  if (strip == 0u && column < parameters.loads) {
    gradientScale[${first("firstScale")} + column] = ${result("Normalized")};
    gradientBias[${first("firstBias")} + column] = ${result("Plain")};
  }
}
`,
  };
}

/** The gradients of x, scale and bias. */
export const layerNormBackward: WebGpuRunner<"layerNormBackward"> = (
  executor,
  { rows, length, epsilon },
  [x, scale, gradient, residual],
  [gradientX, gradientScale, gradientBias],
) => {
  const more = residual ? [residual] : [];
  const operands = [x, scale, gradient, ...more, gradientX, gradientScale, gradientBias];
  requireFloats("layerNormBackward", ...operands);
  if (length === 0) return;
  const elements = rows * length;
  const team = rowTeam(executor, length), width = widthOf(length, operands);
  const loads = length / width;
  const columns = executor.software ? softwareTeam : hardwareTeam;
  const statistics = executor.temporary(8 * rows);
  executor.launch(
    rowGradientKernel(team, width, residual !== undefined),
    [
      { binding: x, access: "read", elements },
      { binding: scale, access: "read", elements: length },
      { binding: gradient, access: "read", elements },
      ...more.map((binding) => ({ binding, access: "read", elements }) as const),
      { binding: gradientX, access: "read_write", elements },
      { binding: statistics, access: "read_write", elements: 2 * rows },
    ],
    [
      ...[rows, length, floatWord(epsilon), x.first, scale.first, gradient.first, gradientX.first],
      ...more.map(({ first }) => first),
    ],
    rowGrid(team, rows),
  );
  executor.launch(
    columnSumsKernel(columns, width),
    [
      { binding: x, access: "read", elements },
      { binding: gradient, access: "read", elements },
      { binding: statistics, access: "read", elements: 2 * rows },
      { binding: gradientScale, access: "read_write", elements: length },
      { binding: gradientBias, access: "read_write", elements: length },
    ],
    [rows, loads, x.first, gradient.first, gradientScale.first, gradientBias.first],
    gridOf(Math.ceil(loads / columns.loads)),
  );
};
