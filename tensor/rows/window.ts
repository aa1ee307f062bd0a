// Rows of sliding windows: what convolution and pooling are made of.

import { ShapeError } from "../../errors.ts";
import type { WindowLayout } from "../../kernels/kernel.ts";
import type { OperationRow, WindowOptions } from "../operation.ts";
import { showShape } from "../shape.ts";

/** Windows along one axis of `length` elements. */
export function windowCount(
  length: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: number,
): number {
  return Math.floor((length + padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

function layoutOf(
  [batch, channels, height, width]: readonly number[],
  options: WindowOptions,
): WindowLayout {
  const { kernel, stride, dilation, padding } = options;
  const [top, left, bottom, right] = padding;
  const outputHeight = windowCount(height, kernel[0], stride[0], dilation[0], top + bottom);
  const outputWidth = windowCount(width, kernel[1], stride[1], dilation[1], left + right);
  if (outputHeight < 1 || outputWidth < 1) {
    throw new ShapeError(
      `unfold: a window of ${kernel.join(" x ")} (dilation ${dilation.join(", ")}) does not fit ` +
        `into ${height} x ${width} with padding ${padding.join(", ")}`,
    );
  }
  return {
    batch,
    channels,
    height,
    width,
    kernel,
    stride,
    dilation,
    padding,
    outputHeight,
    outputWidth,
  };
}

/** Every window as a column. */
export const unfold: OperationRow<"unfold"> = {
  infer([x], options) {
    if (x.shape.length !== 4) {
      throw new ShapeError(
        `unfold: expected [batch, channels, height, width], but found ${showShape(x.shape)}`,
      );
    }
    const { batch, channels, kernel, outputHeight, outputWidth } = layoutOf(x.shape, options);
    return [{
      shape: [batch, channels * kernel[0] * kernel[1], outputHeight * outputWidth],
      dtype: x.dtype,
    }];
  },
  run: (kernel, inputs, outputs, options) =>
    kernel(
      "unfold",
      { ...layoutOf(inputs[0].shape, options), fill: options.fill },
      inputs,
      outputs,
    ),
};

/** Columns added back into an image. */
export const fold: OperationRow<"fold"> = {
  infer([columns], options) {
    const { kernel, height, width } = options;
    const area = kernel[0] * kernel[1];
    const [batch, rows, windows] = columns.shape;
    const layout = layoutOf([batch, rows / area, height, width], options);
    const fits = columns.shape.length === 3 && rows % area === 0 &&
      windows === layout.outputHeight * layout.outputWidth;
    if (!fits) {
      throw new ShapeError(
        `fold: columns ${showShape(columns.shape)} do not fit an image of ${height} x ${width} ` +
          `with windows of ${kernel.join(" x ")} (expected ` +
          `${layout.outputHeight * layout.outputWidth} windows)`,
      );
    }
    return [{ shape: [batch, rows / area, height, width], dtype: columns.dtype }];
  },
  run: (kernel, inputs, [output], options) =>
    kernel("fold", layoutOf(output.shape, options), inputs, [output]),
};
