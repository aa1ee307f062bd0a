// Kernel `productMoments`: sums over units of products and of their squares, the squares taken in registers.

import { itemKernel, launchItems } from "./item_kernel.ts";
import type { WebGpuRunner } from "./kernel.ts";

/** An invocation's tile has this many rows and columns. */
const TILE = 4;

const lanes = Array.from({ length: TILE }, (_, lane) => lane);

/** One line for each lane. */
function eachLane(line: (lane: number) => string): string {
  return lanes.map((lane) => `${line(lane)}\n`).join("");
}

/** The four elements of an operand's row from a place on; what lies beyond the row repeats its last element. */
function fourOf(name: string, first: string, row: string, place: string, length: string): string {
  const parts = lanes.map((lane) =>
    `${name}[parameters.${first} + ${row} * ${length} + min(${place} + ${lane}u, ${length} - 1u)]`
  );
  return `vec4<f32>(${parts.join(", ")})`;
}

const momentsKernel = itemKernel({
  key: "productMoments",
  buffers: [
    { name: "left", type: "f32", access: "read" },
    { name: "right", type: "f32", access: "read" },
    { name: "sums", type: "f32", access: "read_write" },
    { name: "squares", type: "f32", access: "read_write" },
  ],
  fields: [
    ...["units", "rows", "height", "width", "tileColumns"],
    ...["firstLeft", "firstRight", "firstSums", "firstSquares"],
  ].map((name) => `${name}: u32`),
  body: () =>
    `\
  let tileRow = index / parameters.tileColumns;
  let i = tileRow * ${TILE}u;
  let j = (index - tileRow * parameters.tileColumns) * ${TILE}u;
${eachLane((lane) => `  var sum${lane} = vec4<f32>();\n  var square${lane} = vec4<f32>();`)}\
  for (var unit = 0u; unit < parameters.units; unit++) {
${eachLane((lane) => `    var product${lane} = vec4<f32>();`)}\
    for (var row = unit * parameters.rows; row < (unit + 1u) * parameters.rows; row++) {
      let a = ${fourOf("left", "firstLeft", "row", "i", "parameters.height")};
      let b = ${fourOf("right", "firstRight", "row", "j", "parameters.width")};
${eachLane((lane) => `      product${lane} = fma(vec4<f32>(a[${lane}]), b, product${lane});`)}\
    }
${
      eachLane((lane) =>
        `    sum${lane} += product${lane};\n` +
        `    square${lane} = fma(product${lane}, product${lane}, square${lane});`
      )
    }\
  }
${
      eachLane((row) =>
        lanes.map((column) =>
          `\
  if (i + ${row}u < parameters.height && j + ${column}u < parameters.width) {
    let place = (i + ${row}u) * parameters.width + j + ${column}u;
    sums[parameters.firstSums + place] = sum${row}[${column}];
    squares[parameters.firstSquares + place] = square${row}[${column}];
  }`
        ).join("\n")
      )
    }`,
});

/** With P_u = left_u' right_u: the sum of P_u over units, and the sum of its elementwise squares. */
export const productMoments: WebGpuRunner<"productMoments"> = (
  executor,
  { units, rows, height, width },
  [left, right],
  [sums, squares],
) => {
  const tileColumns = Math.ceil(width / TILE);
  launchItems(
    executor,
    momentsKernel,
    [
      { binding: left, access: "read", elements: units * rows * height },
      { binding: right, access: "read", elements: units * rows * width },
      { binding: sums, access: "read_write", elements: height * width },
      { binding: squares, access: "read_write", elements: height * width },
    ],
    Math.ceil(height / TILE) * tileColumns,
    [units, rows, height, width, tileColumns, left.first, right.first, sums.first, squares.first],
  );
};
