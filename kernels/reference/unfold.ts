// Sliding windows over images: every window as a column, and the adjoint, which adds columns back.

import type { KernelRunner, WindowLayout } from "../kernel.ts";
import { elementsOf } from "./buffers.ts";

/**
 * Calls `visit(column, pixel)` for each element of `[batch, channels * kernel area, windows]` and its
 * pixel in `[batch, channels, height, width]`, undefined where the window reaches into the padding.
 */
function forEachWindowElement(
  layout: WindowLayout,
  visit: (column: number, pixel: number | undefined) => void,
): void {
  const { batch, channels, height, width, outputHeight, outputWidth } = layout;
  const [kernelHeight, kernelWidth] = layout.kernel;
  const [top, left] = layout.padding;
  let column = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let ky = 0; ky < kernelHeight; ky++) {
      for (let kx = 0; kx < kernelWidth; kx++) {
        for (let oy = 0; oy < outputHeight; oy++) {
          for (let ox = 0; ox < outputWidth; ox++) {
            const y = oy * layout.stride[0] + ky * layout.dilation[0] - top;
            const x = ox * layout.stride[1] + kx * layout.dilation[1] - left;
            const inside = y >= 0 && y < height && x >= 0 && x < width;
            visit(column++, inside ? (plane * height + y) * width + x : undefined);
          }
        }
      }
    }
  }
}

/** Elements of the two tensors that the windows connect. */
function sizesOf(layout: WindowLayout): { pixels: number; columns: number } {
  const planes = layout.batch * layout.channels;
  const windows = layout.outputHeight * layout.outputWidth;
  return {
    pixels: planes * layout.height * layout.width,
    columns: planes * layout.kernel[0] * layout.kernel[1] * windows,
  };
}

/** Writes every window as a column; the padding reads as `fill`. */
export const unfold: KernelRunner<"unfold"> = (parameters, [input], [output]) => {
  const { pixels, columns } = sizesOf(parameters);
  const from = elementsOf(input, pixels);
  const to = elementsOf(output, columns);
  forEachWindowElement(parameters, (column, pixel) => {
    to[column] = pixel === undefined ? parameters.fill : from[pixel];
  });
};

/** Adds every column element to its pixel; what lies in the padding is dropped. */
export const fold: KernelRunner<"fold"> = (parameters, [input], [output]) => {
  const { pixels, columns } = sizesOf(parameters);
  const from = elementsOf(input, columns);
  const sums = new Float64Array(pixels);
  forEachWindowElement(parameters, (column, pixel) => {
    if (pixel !== undefined) sums[pixel] += from[column];
  });
  elementsOf(output, pixels).set(sums);
};
