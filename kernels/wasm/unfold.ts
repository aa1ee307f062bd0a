// Kernels `unfold` and `fold`: sliding windows over images, every window a column, and the adjoint.

import type { KernelParameters, WindowLayout } from "../kernel.ts";
import {
  add,
  constantI32,
  instruction,
  load,
  multiply,
  subtract,
  type Value,
} from "./assembler.ts";
import { copy } from "./copy.ts";
import { type NumberKind, sharedNumberKind, storedWord } from "./elements.ts";
import { defineKernel, type KernelBody, wordAt } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";

/** Where one position in the kernel meets the image along one axis: windows `from` to `to - 1`, the first at `first`. */
interface Meeting {
  readonly from: number;
  readonly to: number;
  readonly first: number;
}

/** The {@linkcode Meeting}s of all positions in the kernel along one axis; `from === to` where there is none. */
function meetings(
  kernel: number,
  stride: number,
  dilation: number,
  before: number,
  windows: number,
  size: number,
): Meeting[] {
  return Array.from({ length: kernel }, (_, position) => {
    const start = position * dilation - before;
    const from = Math.min(windows, Math.max(0, Math.ceil(-start / stride)));
    const to = Math.max(from, Math.min(windows, Math.ceil((size - start) / stride)));
    return { from, to, first: start + from * stride };
  });
}

/** Argument words before the tables. */
const FIXED_WORDS = 11;

/**
 * The arguments of both kernels: two addresses, the fill value's bits, image height and width, windows along
 * each axis, strides, kernel size, then a {@linkcode Meeting} for each kernel row and each kernel column.
 */
function windowWords(layout: WindowLayout, image: number, columns: number, fill: number): number[] {
  const { height, width, outputHeight, outputWidth, kernel, stride, dilation, padding } = layout;
  const rows = meetings(kernel[0], stride[0], dilation[0], padding[0], outputHeight, height);
  const across = meetings(kernel[1], stride[1], dilation[1], padding[1], outputWidth, width);
  return [
    ...[image, columns, fill, height, width, outputHeight, outputWidth],
    ...[stride[0], stride[1], kernel[0], kernel[1]],
    ...[...rows, ...across].flatMap(({ from, to, first }) => [from, to, first]),
  ];
}

/** Reads {@linkcode windowWords}. */
function windowArguments(body: KernelBody) {
  const [image, columns, fill, height, width, outputHeight, outputWidth, ...rest] = body.arguments(
    FIXED_WORDS,
  );
  const [strideY, strideX, kernelHeight, kernelWidth] = rest;
  /** The words of the meeting of a kernel row, or of a kernel column behind them. */
  const meeting = (position: Value<"i32">) => {
    const at = body.variable(add(body.argumentAddress(FIXED_WORDS), multiply(position, 12)));
    return [0, 4, 8].map((offset) => body.variable(load("i32.load", add(at, offset))));
  };
  return {
    ...{ image, columns, fill, height, width, outputHeight, outputWidth },
    ...{ strideY, strideX, kernelHeight, kernelWidth, meeting },
  };
}

/**
 * Windows that lie side by side within the image, as in a patch embedding: each pixel is in one at most, so
 * that both kernels only move elements. The copy from image to columns.
 */
function sideBySide(layout: WindowLayout): KernelParameters["copy"] | null {
  const { height, width, kernel, stride, dilation, padding, outputHeight, outputWidth } = layout;
  const within = padding.every((size) => size === 0) && dilation.every((step) => step === 1) &&
    kernel[0] === stride[0] && kernel[1] === stride[1];
  if (!within) return null;
  const windows = outputHeight * outputWidth;
  const planes = layout.batch * layout.channels;
  return {
    shape: [planes, kernel[0], kernel[1], outputHeight, outputWidth],
    sourceOffset: 0,
    sourceStrides: [height * width, width, 1, kernel[0] * width, kernel[1]],
    destinationOffset: 0,
    destinationStrides: [
      kernel[0] * kernel[1] * windows,
      kernel[1] * windows,
      windows,
      outputWidth,
      1,
    ],
  };
}

/** Items are rows of the result: (batch and channel, kernel row, kernel column), with one element for each window. */
const unfoldKernel = defineKernel("unfold", (body) => {
  const { code } = body;
  const { image, columns, height, width, outputHeight, outputWidth, ...layout } = windowArguments(
    body,
  );
  const fill = code.local("v128", instruction("i32x4.splat", layout.fill));
  const stepX = body.variable(multiply(layout.strideX, 4));
  const windows = body.variable(multiply(outputHeight, outputWidth));
  const read = body.variable(0), write = body.variable(0), y = body.variable(0);
  body.forItems((item) => {
    const [afterX, kernelX] = body.divide(item, layout.kernelWidth);
    const [plane, kernelY] = body.divide(afterX, layout.kernelHeight);
    const [fromY, toY, firstY] = layout.meeting(kernelY);
    const [fromX, toX, firstX] = layout.meeting(add(layout.kernelHeight, kernelX));
    code.set(write, wordAt(columns, multiply(item, windows)));
    body.fillRow(write, multiply(fromY, outputWidth), fill);
    const pixelRow = body.variable(add(multiply(plane, height), firstY));
    const inside = body.variable(subtract(toX, fromX));
    const after = body.variable(subtract(outputWidth, toX));
    code.for(y, fromY, toY, 1, () => {
      body.fillRow(write, fromX, fill);
      code.set(read, wordAt(image, add(multiply(pixelRow, width), firstX)));
      const copyWord = () => code.store("i32.store", write, 0, load("i32.load", read));
      code.if(
        instruction("i32.eq", layout.strideX, constantI32(1)),
        () => {
          const copyFour = () => code.store("v128.store", write, 0, load("v128.load", read));
          body.forWords(inside, [write, read], copyFour, copyWord);
        },
        () => body.forEachWord(inside, [write, read], [4, stepX], copyWord),
      );
      body.fillRow(write, after, fill);
      code.increment(pixelRow, layout.strideY);
    });
    body.fillRow(write, multiply(subtract(outputHeight, toY), outputWidth), fill);
  });
});

/** Writes every window as a column; what lies outside the image reads as `fill`. */
export const unfold: WasmRunner<"unfold"> = (executor, parameters, [image], [columns]) => {
  const { batch, channels, kernel, outputHeight, outputWidth } = parameters;
  const moved = sideBySide(parameters);
  if (moved) return copy(executor, moved, [image], [columns]);
  const fill = storedWord(parameters.fill, columns.dtype);
  const words = windowWords(parameters, image.address, columns.address, fill);
  const items = batch * channels * kernel[0] * kernel[1];
  const options = splitWork(items, 20 + outputHeight * (5 + outputWidth * 0.4));
  executor.launch(unfoldKernel, words, items, options);
};

/** Items are image rows: (batch and channel, y). Each adds up all that falls on it, by kernel row, then kernel column. */
function defineFold(kind: NumberKind): WasmKernel {
  return defineKernel(`fold ${kind}`, (body) => {
    const { code } = body;
    const { image, columns, height, width, outputHeight, outputWidth, ...layout } = windowArguments(
      body,
    );
    const { strideX, strideY, kernelHeight, kernelWidth } = layout;
    const zero = code.local("v128", instruction("i32x4.splat", constantI32(0)));
    const stepX = body.variable(multiply(strideX, 4));
    const windows = body.variable(multiply(outputHeight, outputWidth));
    const read = body.variable(0), write = body.variable(0);
    const kernelX = body.variable(0), kernelY = body.variable(0);
    body.forItems((item) => {
      const [plane, y] = body.divide(item, height);
      const row = body.variable(wordAt(image, multiply(item, width)));
      code.set(write, row);
      body.fillRow(write, width, zero);
      code.for(kernelY, 0, kernelHeight, 1, () => {
        const [fromY, toY, firstY] = layout.meeting(kernelY);
        // The window whose row kernelY is this one, where there is one: unsigned, so that above the first is far below.
        const [steps, between] = body.divide(subtract(y, firstY), strideY);
        const windowY = body.variable(add(fromY, steps));
        const isWindow = instruction(
          "i32.and",
          instruction("i32.eqz", between),
          instruction("i32.lt_u", steps, subtract(toY, fromY)),
        );
        code.if(isWindow, () => {
          code.for(kernelX, 0, kernelWidth, 1, () => {
            const [fromX, toX, firstX] = layout.meeting(add(kernelHeight, kernelX));
            const inside = body.variable(subtract(toX, fromX));
            const kernelRow = add(multiply(plane, kernelHeight), kernelY);
            const column = add(multiply(kernelRow, kernelWidth), kernelX);
            const window = add(multiply(windowY, outputWidth), fromX);
            code.set(read, wordAt(columns, add(multiply(column, windows), window)));
            code.set(write, wordAt(row, firstX));
            code.if(
              instruction("i32.eq", strideX, constantI32(1)),
              () => body.addRow(write, read, inside, kind),
              () =>
                body.forEachWord(
                  inside,
                  [write, read],
                  [stepX, 4],
                  () => body.addNumber(write, read, kind),
                ),
            );
          });
        });
      });
    });
  });
}

const foldKernels = { f32: defineFold("f32"), i32: defineFold("i32") };

/** Adds every column element to its pixel; what lies outside the image is dropped. */
export const fold: WasmRunner<"fold"> = (executor, parameters, [columns], [image]) => {
  const { batch, channels, height, kernel, width, outputHeight, outputWidth } = parameters;
  if (width === 0) return;
  const moved = sideBySide(parameters);
  if (moved && outputHeight * kernel[0] === height && outputWidth * kernel[1] === width) {
    const back = {
      shape: moved.shape,
      sourceOffset: 0,
      sourceStrides: moved.destinationStrides,
      destinationOffset: 0,
      destinationStrides: moved.sourceStrides,
    };
    return copy(executor, back, [columns], [image]);
  }
  const words = windowWords(parameters, image.address, columns.address, 0);
  const items = batch * channels * height;
  const added = outputHeight * outputWidth * kernel[0] * kernel[1] / height;
  const options = splitWork(items, 10 + width * 0.2 + kernel[0] * 5 + added * 0.6);
  executor.launch(foldKernels[sharedNumberKind("fold", columns, image)], words, items, options);
};
