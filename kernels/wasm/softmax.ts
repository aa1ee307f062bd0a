// Kernels `softmax` and `softmaxBackward`: softmax and its logarithm along rows. An item is a row.

import { ConstantPool } from "../expression/to_wasm.ts";
import { add, instruction, multiply, splatF32x4, type Value } from "./assembler.ts";
import { requireFloats } from "./elements.ts";
import { defineKernel, type KernelBody } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";
import { exponential, naturalLogarithm, type Printer, printer, RowPasses } from "./rows.ts";

/** Nanoseconds to an element. */
const EXPONENTIAL_NANOSECONDS = 1.2;
const PLAIN_NANOSECONDS = 0.4;

/** Runs `emitRow` for the items, constants set before them; `emitRow` is given the byte offset of each row. */
function forRows(
  body: KernelBody,
  passes: RowPasses,
  emitRow: (
    offset: Value<"i32">,
    print: Printer,
  ) => void,
): void {
  const constants = new ConstantPool(body.code);
  const print = printer(body.code, constants);
  constants.hoist(() => {
    body.forItems((item) => emitRow(body.variable(multiply(item, passes.bytes)), print));
  });
}

/** Arguments: x, y, length. */
function forwardKernel(logarithm: boolean): WasmKernel {
  return defineKernel(`softmax ${logarithm ? "logarithm" : "plain"}`, (body) => {
    const [xRows, yRows, length] = body.arguments(3);
    const passes = new RowPasses(body.code, length);
    forRows(body, passes, (start, print) => {
      const x = body.variable(add(xRows, start)), y = body.variable(add(yRows, start));
      const largest = passes.maximum(4, (visit) => passes.read(x, visit));
      const [total] = passes.sums(1, 2, (visit) => {
        const shifted = instruction("f32x4.sub", passes.read(x, visit), largest);
        const value = passes.keep(print(exponential, shifted));
        if (!logarithm) passes.write(y, visit, value);
        return [value];
      });
      if (logarithm) {
        const logarithmOfTotal = passes.keep(print(naturalLogarithm, total));
        passes.forEach(4, (visit) => {
          const shifted = instruction("f32x4.sub", passes.read(x, visit), largest);
          passes.write(y, visit, instruction("f32x4.sub", shifted, logarithmOfTotal));
        });
      } else {
        const reciprocal = passes.keep(instruction("f32x4.div", splatF32x4(1), total));
        passes.forEach(4, (visit) => {
          const value = instruction("f32x4.mul", passes.read(y, visit), reciprocal);
          passes.write(y, visit, value);
        });
      }
    });
  });
}

/** Arguments: y, gradient of y, gradient of x, length. */
function backwardKernel(logarithm: boolean): WasmKernel {
  return defineKernel(`softmaxBackward ${logarithm ? "logarithm" : "plain"}`, (body) => {
    const [yRows, gradientRows, resultRows, length] = body.arguments(4);
    const passes = new RowPasses(body.code, length);
    forRows(body, passes, (start, print) => {
      const y = body.variable(add(yRows, start));
      const gradient = body.variable(add(gradientRows, start));
      const result = body.variable(add(resultRows, start));
      const [total] = passes.sums(1, 4, (visit) => {
        const each = passes.read(gradient, visit);
        return [logarithm ? each : instruction("f32x4.mul", each, passes.read(y, visit))];
      });
      passes.forEach(2, (visit) => {
        const each = passes.read(gradient, visit), value = passes.read(y, visit);
        if (logarithm) {
          const share = instruction("f32x4.mul", print(exponential, value), total);
          passes.write(result, visit, instruction("f32x4.sub", each, share));
        } else {
          const difference = instruction("f32x4.sub", each, total);
          passes.write(result, visit, instruction("f32x4.mul", value, difference));
        }
      });
    });
  });
}

const forward = { plain: forwardKernel(false), logarithm: forwardKernel(true) };
const backward = { plain: backwardKernel(false), logarithm: backwardKernel(true) };

/** exp(x - logSumExp(x)) of each row, or its logarithm. */
export const softmax: WasmRunner<"softmax"> = (executor, parameters, [x], [y]) => {
  const { rows, length, logarithm } = parameters;
  requireFloats("softmax", x, y);
  const kernel = logarithm ? forward.logarithm : forward.plain;
  const split = splitWork(rows, length * EXPONENTIAL_NANOSECONDS);
  executor.launch(kernel, [x.address, y.address, length], rows, split);
};

/** y * (g - sum(g y)) for softmax; g - exp(y) * sum(g) for its logarithm. */
export const softmaxBackward: WasmRunner<"softmaxBackward"> = (
  executor,
  parameters,
  [y, gradient],
  [result],
) => {
  const { rows, length, logarithm } = parameters;
  requireFloats("softmaxBackward", y, gradient, result);
  const kernel = logarithm ? backward.logarithm : backward.plain;
  const nanoseconds = logarithm ? EXPONENTIAL_NANOSECONDS : PLAIN_NANOSECONDS;
  const words = [y.address, gradient.address, result.address, length];
  executor.launch(kernel, words, rows, splitWork(rows, length * nanoseconds));
};
