// Kernels `unfold` and `fold`: every window of an image as a column, and the adjoint, which adds columns back.

import type { WindowLayout } from "../kernel.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import { floatWord, type WebGpuRunner, type WgslKernel, wgslType } from "./kernel.ts";

const layoutFields = [
  ...["height", "width", "kernelHeight", "kernelWidth", "strideY", "strideX", "dilationY"],
  ...["dilationX", "top", "left", "outputHeight", "outputWidth", "firstSource", "firstResult"],
].map((name) => `${name}: i32`);

function layoutWords(layout: WindowLayout, firstSource: number, firstResult: number): number[] {
  return [
    ...[layout.height, layout.width, ...layout.kernel, ...layout.stride, ...layout.dilation],
    ...[layout.padding[0], layout.padding[1], layout.outputHeight, layout.outputWidth],
    ...[firstSource, firstResult],
  ];
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

/** One invocation for each element of a column. */
function unfoldKernel(type: "f32" | "i32"): WgslKernel {
  return itemKernel({
    key: `unfold ${type}`,
    buffers: [
      { name: "source", type, access: "read" },
      { name: "result", type, access: "read_write" },
    ],
    fields: [...layoutFields, "fill: f32"],
    body: () =>
      `\
  var rest = i32(index);
  let outputX = rest % parameters.outputWidth;
  rest /= parameters.outputWidth;
  let outputY = rest % parameters.outputHeight;
  rest /= parameters.outputHeight;
  let kernelX = rest % parameters.kernelWidth;
  rest /= parameters.kernelWidth;
  let kernelY = rest % parameters.kernelHeight;
  let plane = rest / parameters.kernelHeight;
  let y = outputY * parameters.strideY + kernelY * parameters.dilationY - parameters.top;
  let x = outputX * parameters.strideX + kernelX * parameters.dilationX - parameters.left;
  var value = ${type}(parameters.fill);
  if (y >= 0 && y < parameters.height && x >= 0 && x < parameters.width) {
    value = source[parameters.firstSource + (plane * parameters.height + y) * parameters.width + x];
  }
  result[parameters.firstResult + i32(index)] = value;
`,
  });
}

/** One invocation for each pixel: it adds the elements of all columns that show it, in order. */
const foldKernel = itemKernel({
  key: "fold",
  buffers: [
    { name: "source", type: "f32", access: "read" },
    { name: "result", type: "f32", access: "read_write" },
  ],
  fields: layoutFields,
  body: () =>
    `\
  var rest = i32(index);
  let pixelX = rest % parameters.width + parameters.left;
  rest /= parameters.width;
  let pixelY = rest % parameters.height + parameters.top;
  let plane = rest / parameters.height;
  var sum = 0.0f;
  for (var kernelY = 0; kernelY < parameters.kernelHeight; kernelY++) {
    let y = pixelY - kernelY * parameters.dilationY;
    let outputY = y / parameters.strideY;
    if (y < 0 || outputY >= parameters.outputHeight || outputY * parameters.strideY != y) { continue; }
    for (var kernelX = 0; kernelX < parameters.kernelWidth; kernelX++) {
      let x = pixelX - kernelX * parameters.dilationX;
      let outputX = x / parameters.strideX;
      if (x < 0 || outputX >= parameters.outputWidth || outputX * parameters.strideX != x) { continue; }
      let row = (plane * parameters.kernelHeight + kernelY) * parameters.kernelWidth + kernelX;
      sum += source[parameters.firstSource +
        (row * parameters.outputHeight + outputY) * parameters.outputWidth + outputX];
    }
  }
  result[parameters.firstResult + i32(index)] = sum;
`,
});

/** Writes every window as a column; the padding reads as `fill`. */
export const unfold: WebGpuRunner<"unfold"> = (executor, parameters, [source], [result]) => {
  const { pixels, columns } = sizesOf(parameters);
  launchItems(
    executor,
    unfoldKernel(wgslType(result.dtype)),
    [
      { binding: source, access: "read", elements: pixels },
      { binding: result, access: "read_write", elements: columns },
    ],
    columns,
    [...layoutWords(parameters, source.first, result.first), floatWord(parameters.fill)],
  );
};

/** Adds every column element to its pixel; what lies in the padding is dropped. */
export const fold: WebGpuRunner<"fold"> = (executor, parameters, [source], [result]) => {
  const { pixels, columns } = sizesOf(parameters);
  launchItems(
    executor,
    foldKernel,
    [
      { binding: source, access: "read", elements: columns },
      { binding: result, access: "read_write", elements: pixels },
    ],
    pixels,
    layoutWords(parameters, source.first, result.first),
  );
};
