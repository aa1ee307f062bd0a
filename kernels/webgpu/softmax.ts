// Kernels `softmax` and `softmaxBackward`: softmax or its logarithm along rows, and their gradients.

import { input } from "../expression/expression.ts";
import { exp, log } from "../expression/functions.ts";
import { toWgslFunction, wgslPrelude } from "../expression/to_wgsl.ts";
import { requireFloats } from "./floats.ts";
import { type WebGpuRunner, wgslBindings, type WgslKernel } from "./kernel.ts";
import {
  addition,
  type Combination,
  printRowShader,
  rowGrid,
  type RowTeam,
  rowTeam,
} from "./rows.ts";

/** The functions `exponential` and `logarithm` of shaders, as exact as on the other executors. */
export const exponentialFunctions: string = wgslPrelude +
  toWgslFunction("exponential", exp(input(0)), 1) + toWgslFunction("logarithm", log(input(0)), 1);

/** The largest of a row; a NaN wins, so that it reaches the whole row. */
const maximum: Combination = { name: "maximum", combine: (a, b) => `corit_maximum(${a}, ${b})` };

const fields = ["rows", "length", "firstX", "firstY"];

function softmaxKernel(team: RowTeam, logarithm: boolean): WgslKernel {
  return {
    key: `softmax ${team} ${logarithm}`,
    uniforms: fields.length,
    source: () =>
      wgslBindings([
        { name: "x", type: "f32", access: "read" },
        { name: "y", type: "f32", access: "read_write" },
      ], fields.map((field) => `${field}: u32`)) + exponentialFunctions +
      printRowShader(team, [maximum, addition], ({ elements, combined }) =>
        `\
  var largest = bitcast<f32>(corit_minus_infinity_bits);
${elements("largest = corit_maximum(largest, x[parameters.firstX + place]);")}\
  let maximum = ${combined(maximum, "largest")};
  // Devices need not compute infinity - infinity as NaN, nor keep NaNs: such a row is made of NaNs by hand.
  let isDefined = corit_is_finite(maximum);
  let undefined_value = bitcast<f32>(corit_nan_bits);
  var part = 0.0f;
${elements("part += exponential(x[parameters.firstX + place] - maximum);")}\
  let sum = ${combined(addition, "part")};
${
          logarithm
            ? `\
  let logarithmOfSum = logarithm(sum);
${
              elements(
                "y[parameters.firstY + place] = select(undefined_value, (x[parameters.firstX + place] - maximum) - logarithmOfSum, isDefined);",
              )
            }`
            : elements(
              "y[parameters.firstY + place] = select(undefined_value, exponential(x[parameters.firstX + place] - maximum) / sum, isDefined);",
            )
        }`),
  };
}

/** exp(x - logSumExp(x)) of each row, or its logarithm; the row's maximum is taken out first. */
export const softmax: WebGpuRunner<"softmax"> = (executor, parameters, [x], [y]) => {
  requireFloats("softmax", x, y);
  const { rows, length, logarithm } = parameters;
  if (rows * length === 0) return;
  const team = rowTeam(executor, length);
  executor.launch(
    softmaxKernel(team, logarithm),
    [
      { binding: x, access: "read", elements: rows * length },
      { binding: y, access: "read_write", elements: rows * length },
    ],
    [rows, length, x.first, y.first],
    rowGrid(team, rows),
  );
};

const backwardFields = ["rows", "length", "firstY", "firstGradient", "firstResult"];

function softmaxBackwardKernel(team: RowTeam, logarithm: boolean): WgslKernel {
  const y = "y[parameters.firstY + place]", g = "gradient[parameters.firstGradient + place]";
  return {
    key: `softmaxBackward ${team} ${logarithm}`,
    uniforms: backwardFields.length,
    source: () =>
      wgslBindings([
        { name: "y", type: "f32", access: "read" },
        { name: "gradient", type: "f32", access: "read" },
        { name: "result", type: "f32", access: "read_write" },
      ], backwardFields.map((field) => `${field}: u32`)) + exponentialFunctions +
      printRowShader(team, [addition], ({ elements, combined }) =>
        `\
  var part = 0.0f;
${elements(`part += ${logarithm ? g : `${g} * ${y}`};`)}\
  let sum = ${combined(addition, "part")};
${
          elements(
            `result[parameters.firstResult + place] = ${
              logarithm ? `${g} - exponential(${y}) * sum` : `${y} * (${g} - sum)`
            };`,
          )
        }`),
  };
}

/** y * (g - sum(g y)) for softmax; g - exp(y) * sum(g) for its logarithm. */
export const softmaxBackward: WebGpuRunner<"softmaxBackward"> = (
  executor,
  parameters,
  [y, gradient],
  [result],
) => {
  requireFloats("softmaxBackward", y, gradient, result);
  const { rows, length, logarithm } = parameters;
  const elements = rows * length;
  if (elements === 0) return;
  const team = rowTeam(executor, length);
  executor.launch(
    softmaxBackwardKernel(team, logarithm),
    [
      { binding: y, access: "read", elements },
      { binding: gradient, access: "read", elements },
      { binding: result, access: "read_write", elements },
    ],
    [rows, length, y.first, gradient.first, result.first],
    rowGrid(team, rows),
  );
};
