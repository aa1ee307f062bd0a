// Kernel `convert`: elements of one type become elements of another.

import type { DType } from "../kernel.ts";
import {
  add,
  constantI32,
  instruction,
  load,
  loadLanes,
  multiply,
  splatF32x4,
  subtract,
  type Value,
} from "./assembler.ts";
import { defineKernel, minimum } from "./emit.ts";
import { splitWork, type WasmKernel, type WasmRunner } from "./kernel.ts";

/** Words to an item. */
const CHUNK = 4096;

/** How four elements are converted; the constants are vectors of 0 and 1. */
type Conversion = (x: Value<"v128">, zero: Value<"v128">, one: Value<"v128">) => Value<"v128">;

/** The conversions by `from to`; what is not here keeps its bits (bool is float32 0 or 1). */
const conversions: Readonly<Record<string, Conversion>> = {
  "float32 int32": (x) => instruction("i32x4.trunc_sat_f32x4_s", x),
  "bool int32": (x) => instruction("i32x4.trunc_sat_f32x4_s", x),
  "int32 float32": (x) => instruction("f32x4.convert_i32x4_s", x),
  "float32 bool": (x, zero, one) => instruction("v128.and", one, instruction("f32x4.ne", x, zero)),
  "int32 bool": (x, zero, one) => instruction("v128.and", one, instruction("i32x4.ne", x, zero)),
};

const kernels = new Map<string, WasmKernel>();

/** The kernel for a pair of types. Arguments: source, destination, count. */
function kernelFor(from: DType, to: DType): WasmKernel {
  const name = `${from} ${to}`;
  const known = kernels.get(name);
  if (known) return known;
  const convertFour: Conversion = conversions[name] ?? ((x) => x);
  const kernel = defineKernel(`convert ${name}`, (body) => {
    const { code } = body;
    const [source, destination, count] = body.arguments(3);
    const zero = code.local("v128", splatF32x4(0)), one = code.local("v128", splatF32x4(1));
    const read = body.variable(0), write = body.variable(0), first = body.variable(0);
    const left = body.variable(0);
    body.forItems((item) => {
      code.set(first, multiply(item, CHUNK));
      code.set(left, subtract(count, first));
      code.set(read, add(source, multiply(first, 4)));
      code.set(write, add(destination, multiply(first, 4)));
      body.forWords(
        minimum(left, constantI32(CHUNK)),
        [read, write],
        () => code.store("v128.store", write, 0, convertFour(load("v128.load", read), zero, one)),
        () => code.storeLanes(write, 0, 1, convertFour(loadLanes(read, 0, 1), zero, one)),
      );
    });
  });
  kernels.set(name, kernel);
  return kernel;
}

/** Converts `count` elements: toward zero into int32; what is not zero, NaN included, is 1 as bool. */
export const convert: WasmRunner<"convert"> = (executor, { count }, [source], [destination]) => {
  const items = Math.ceil(count / CHUNK);
  executor.launch(
    kernelFor(source.dtype, destination.dtype),
    [source.address, destination.address, count],
    items,
    splitWork(items, CHUNK * 0.15),
  );
};
