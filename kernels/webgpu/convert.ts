// Kernel `convert`: elements of one type as elements of another.

import type { DType } from "../kernel.ts";
import { wgslStored, wgslStorePrelude } from "./elements.ts";
import { itemKernel, launchItems } from "./item_kernel.ts";
import { type WebGpuRunner, type WgslKernel, wgslType } from "./kernel.ts";

/** The text of an element as another type; words that stay as they are, are not taken for numbers. */
function converted(from: DType, to: DType): string {
  const element = "source[parameters.firstSource + index]";
  const isNumber = (dtype: DType) => dtype !== "int32";
  if (from === to || (from === "bool" && to === "float32")) return element;
  if (to === "bool") {
    return isNumber(from) ? wgslStored(element, "bool") : `select(0.0f, 1.0f, ${element} != 0)`;
  }
  return isNumber(from) ? wgslStored(element, to) : `f32(${element})`;
}

function convertKernel(from: DType, to: DType): WgslKernel {
  return itemKernel({
    key: `convert ${from} ${to}`,
    buffers: [
      { name: "source", type: wgslType(from), access: "read" },
      { name: "destination", type: wgslType(to), access: "read_write" },
    ],
    fields: ["firstSource: u32", "firstDestination: u32"],
    prelude: () => wgslStorePrelude,
    body: () => `  destination[parameters.firstDestination + index] = ${converted(from, to)};\n`,
  });
}

/** Reads elements as numbers and stores them as another type. */
export const convert: WebGpuRunner<"convert"> = (executor, { count }, [source], [destination]) => {
  launchItems(
    executor,
    convertKernel(source.dtype, destination.dtype),
    [
      { binding: source, access: "read", elements: count },
      { binding: destination, access: "read_write", elements: count },
    ],
    count,
    [source.first, destination.first],
  );
};
