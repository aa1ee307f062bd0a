// Kernel `layerNorm`: layer normalization along rows (Ba et al. 2016). Its gradients are in layer_norm_backward.ts.

import { requireFloats } from "./floats.ts";
import {
  floatWord,
  type WebGpuBinding,
  type WebGpuRunner,
  wgslBindings,
  type WgslKernel,
} from "./kernel.ts";
import {
  addition,
  printRowShader,
  rowGrid,
  type RowPrinter,
  type RowTeam,
  rowTeam,
} from "./rows.ts";

/** Elements that are loaded and stored at once. */
export type Width = 1 | 4;

/** Printers that depend on how much is loaded at once. */
interface WidthPrinter {
  /** The type of what is loaded. */
  readonly type: "f32" | "vec4<f32>";
  /** The number of an operand's first load, from the uniform that holds that of its first element. */
  readonly first: (field: string) => string;
  /** The sum of the numbers of a load. */
  readonly total: (value: string) => string;
}

/** The printers for each width. */
export const widthPrinters: Readonly<Record<Width, WidthPrinter>> = {
  1: { type: "f32", first: (field) => `parameters.${field}`, total: (value) => value },
  4: {
    type: "vec4<f32>",
    first: (field) => `parameters.${field} / 4u`,
    total: (value) => `dot(${value}, vec4<f32>(1.0f))`,
  },
};

/** How much can be loaded at once: four elements where rows and operands begin at multiples of four. */
export function widthOf(length: number, operands: readonly WebGpuBinding[]): Width {
  return length % 4 === 0 && operands.every(({ first }) => first % 4 === 0) ? 4 : 1;
}

/** Statements that find a row's `mean` and `reciprocal`, one over its standard deviation, in two passes. */
export function printStatistics(width: Width, { elements, combined }: RowPrinter): string {
  const { type, first, total } = widthPrinters[width];
  return `\
  var part = ${type}();
${elements(`part += x[${first("firstX")} + place];`)}\
  let mean = ${combined(addition, total("part"))} / f32(parameters.length);
  part = ${type}();
${
    elements(`\
let difference = x[${first("firstX")} + place] - mean;
part = fma(difference, difference, part);
`)
  }\
  let variance = ${combined(addition, total("part"))} / f32(parameters.length);
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

function layerNormKernel(team: RowTeam, width: Width): WgslKernel {
  const { type, first } = widthPrinters[width];
  return {
    key: `layerNorm ${team} ${width}`,
    uniforms: fields.length,
    source: () =>
      wgslBindings([
        { name: "x", type, access: "read" },
        { name: "scale", type, access: "read" },
        { name: "bias", type, access: "read" },
        { name: "y", type, access: "read_write" },
      ], fields) +
      printRowShader(team, [addition], (print) =>
        printStatistics(width, print) + print.elements(`\
let normalized = (x[${first("firstX")} + place] - mean) * reciprocal;
y[${first("firstY")} + place] = fma(normalized, scale[${first("firstScale")} + index], bias[${
          first("firstBias")
        } + index]);
`), width),
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
    layerNormKernel(team, widthOf(length, [x, scale, bias, y])),
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
