// Kernel `convert`: elements of one type as elements of another.

import type { DType } from "../kernel.ts";
import { wgslStored, wgslStorePrelude } from "./elements.ts";
import {
  gridOf,
  type WebGpuRunner,
  wgslBindings,
  wgslEntryParameters,
  wgslInvocationIndex,
  type WgslKernel,
  wgslType,
} from "./kernel.ts";

const WORKGROUP = 64;

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
  return {
    key: `convert ${from} ${to}`,
    uniforms: 3,
    source: () =>
      `\
${
        wgslBindings(
          [
            { name: "source", type: wgslType(from), access: "read" },
            { name: "destination", type: wgslType(to), access: "read_write" },
          ],
          ["count: u32", "firstSource: u32", "firstDestination: u32"],
        )
      }
${wgslStorePrelude}
@compute @workgroup_size(${WORKGROUP}) fn main(${wgslEntryParameters}) {
  let index = ${wgslInvocationIndex(WORKGROUP)};
  if (index < parameters.count) {
    destination[parameters.firstDestination + index] = ${converted(from, to)};
  }
}
`,
  };
}

/** Reads elements as numbers and stores them as another type. */
export const convert: WebGpuRunner<"convert"> = (executor, { count }, [source], [destination]) => {
  executor.launch(
    convertKernel(source.dtype, destination.dtype),
    [
      { binding: source, access: "read", elements: count },
      { binding: destination, access: "read_write", elements: count },
    ],
    [count, source.first, destination.first],
    gridOf(Math.ceil(count / WORKGROUP)),
  );
};
