// Elements of any type as four float32 lanes, and back: what the kernels with expressions share.

import type { ConstantPool } from "../expression/to_wasm.ts";
import type { DType } from "../kernel.ts";
import {
  add,
  constantI32,
  instruction,
  load,
  loadLane,
  type Local,
  multiply,
  type Value,
} from "./assembler.ts";
import type { KernelBody } from "./emit.ts";

/** Elements in memory, at equal distances. */
export interface Run {
  /** The address of the first one. */
  readonly pointer: Local<"i32">;
  /** Bytes from one to the next; a number where it is known when the code is made. */
  readonly stride: Value<"i32"> | number;
}

/** The address of the element `index` places on. */
function placeOf({ pointer, stride }: Run, index: number): Value<"i32"> {
  if (typeof stride === "number") return add(pointer, stride * index);
  return index === 0 ? pointer : add(pointer, multiply(stride, index));
}

/** The lanes as float32 numbers. */
export function toFloat(lanes: Value<"v128">, dtype: DType): Value<"v128"> {
  return dtype === "int32" ? instruction("f32x4.convert_i32x4_s", lanes) : lanes;
}

/** Four elements, `first` places on. */
export function readFour(run: Run, first = 0): Value<"v128"> {
  if (run.stride === 4) return load("v128.load", placeOf(run, first));
  let lanes = load("v128.load32_zero", placeOf(run, first));
  for (let lane = 1; lane < 4; lane++) {
    lanes = loadLane(lanes, lane, placeOf(run, first + lane));
  }
  return lanes;
}

/** The first `count` elements, 1 to 3 as found at run time; no byte beyond them is touched. */
export function readSome(body: KernelBody, run: Run, count: Local<"i32">): Local<"v128"> {
  const lanes = body.code.local("v128", load("v128.load32_zero", run.pointer));
  for (const lane of [1, 2]) {
    body.code.if(instruction("i32.gt_u", count, constantI32(lane)), () => {
      body.code.set(lanes, loadLane(lanes, lane, placeOf(run, lane)));
    });
  }
  return lanes;
}

/** Float32 numbers as an output stores them: toward zero for int32, 0 or 1 for bool. */
export function toStored(
  numbers: Value<"v128">,
  dtype: DType,
  constants: ConstantPool,
): Value<"v128"> {
  if (dtype === "int32") return instruction("i32x4.trunc_sat_f32x4_s", numbers);
  if (dtype !== "bool") return numbers;
  const isTrue = instruction("f32x4.ne", numbers, constants.float(0));
  return instruction("v128.and", isTrue, constants.float(1));
}

/** Writes the first `count` lanes, 1 to 3 as found at run time; no byte beyond them is touched. */
export function writeSome(
  body: KernelBody,
  pointer: Local<"i32">,
  lanes: Local<"v128">,
  count: Local<"i32">,
): void {
  body.code.storeLane(pointer, 0, lanes, 0);
  for (const lane of [1, 2]) {
    body.code.if(instruction("i32.gt_u", count, constantI32(lane)), () => {
      body.code.storeLane(add(pointer, 4 * lane), 0, lanes, lane);
    });
  }
}
