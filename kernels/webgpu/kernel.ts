// What a WebGPU kernel is, and what one asks of its executor.

import type { DType, KernelName, KernelParameters } from "../kernel.ts";
import type { PooledBuffer } from "./buffers.ts";
import type { ChoiceTable } from "./choices.ts";

/**
 * One compute shader, made on demand.
 *
 * The source is complete WGSL with the entry point `main`. Its bindings are all in group 0: 0 to n - 1 are the storage
 * buffers in the order of the launch, n is the uniform block `parameters` where the kernel has words
 * ({@linkcode wgslBindings} declares them all). It must be valid for every compiler: barriers stand in uniform control
 * flow only, constants are finite, no function takes a pointer to workgroup or storage memory.
 */
export interface WgslKernel {
  /** Names the kernel and everything its source depends on. Equal keys mean equal sources. */
  readonly key: string;
  /** Prints the shader. Called at most once for each key and device. */
  source(): string;
  /** Words of the uniform block; 0 where there is none. */
  readonly uniforms: number;
}

/** Whether a kernel writes what a binding shows. */
export type Access = "read" | "read_write";

/**
 * One operand of a kernel. Storage bindings begin at multiples of 256 bytes: the kernel sees the buffer from
 * `byteOffset` on, and its operand begins `first` elements (of four bytes) behind that.
 *
 * `first` is 0 but for views into the middle of a buffer; a kernel adds it to its indices, as a word. The visible part
 * may be longer than the operand: lengths are words too, never `arrayLength`. bool is stored as float32 0 or 1.
 */
export interface WebGpuBinding {
  /** The device memory. */
  readonly buffer: PooledBuffer;
  /** Where the binding begins, a multiple of 256. */
  readonly byteOffset: number;
  /** Elements between there and the operand's first. */
  readonly first: number;
  /** The type of the elements. */
  readonly dtype: DType;
}

/** One storage buffer of a launch. */
export interface BoundBuffer {
  /** What is bound. */
  readonly binding: WebGpuBinding;
  /** Must be what the source declares. */
  readonly access: Access;
  /**
   * Elements that the kernel may touch, from the operand's first; all the rest of the buffer unless told. Tell it where
   * one launch may read and write different parts of one buffer: the launcher then binds them without overlap.
   */
  readonly elements?: number;
}

/** What a runner may ask of the executor that it runs on. */
export interface WebGpuLauncher {
  /** The device's limits: all that the adapter has was asked for. */
  readonly limits: GPUSupportedLimits;
  /** Whether the adapter computes on the CPU, where register tiles win and workgroup memory does not help. */
  readonly software: boolean;
  /** Which of several kernels to take. */
  readonly choices: ChoiceTable;
  /** Invocations of a workgroup that is one subgroup, whose lanes read each other's registers; absent where it has none. */
  readonly lanes?: number;
  /** Whether factors of products are rounded to float16; sums are float32 all the same. */
  readonly halfProducts: boolean;
  /**
   * Starts `workgroups` workgroups of a kernel; launches take effect in order. Words are stored as u32: negative
   * numbers keep their bits, a float32 goes through {@linkcode floatWord}. A grid with a 0 does nothing.
   * Two bindings that show the same operand, one of them written, must be one `read_write` binding. Different operands
   * in one buffer are allowed: bindings declared `read` then become `read_write` in a variant of the source.
   * Throws DeviceError naming the kernel where a limit of the device is exceeded.
   */
  launch(
    kernel: WgslKernel,
    buffers: readonly BoundBuffer[],
    words: readonly number[],
    workgroups: readonly [x: number, y: number, z: number],
  ): void;
  /** Float32 memory of `byteLength` bytes and undefined content, the call's own until it ends. */
  temporary(byteLength: number): WebGpuBinding;
}

/** How this executor carries out one kernel: it chooses shaders, lays out the words and launches. */
export type WebGpuRunner<Name extends KernelName> = (
  executor: WebGpuLauncher,
  parameters: KernelParameters[Name],
  inputs: readonly WebGpuBinding[],
  outputs: readonly WebGpuBinding[],
) => void;

const floatView = new Float32Array(1);
const wordView = new Uint32Array(floatView.buffer);

/** The bits of a number rounded to float32, as a uniform word. */
export function floatWord(value: number): number {
  floatView[0] = value;
  return wordView[0];
}

/** The number types of shaders. */
export type WgslScalar = "f32" | "i32" | "u32";

/** A storage buffer as a shader declares it. */
export interface BufferDeclaration {
  /** Its name in the source. */
  readonly name: string;
  /** The type of its elements. */
  readonly type: WgslScalar | `vec2<${WgslScalar}>` | `vec4<${WgslScalar}>` | "atomic<u32>";
  /** Whether it is written. */
  readonly access: Access;
}

/**
 * Declares storage buffers as bindings 0 to n - 1 and, where there are fields, the uniform block `parameters` as
 * binding n. Fields are texts such as `"count: u32"`, of type u32, i32 or f32, one word each and in the order of the
 * launch's words.
 */
export function wgslBindings(
  buffers: readonly BufferDeclaration[],
  fields: readonly string[],
): string {
  const lines = buffers.map(({ name, type, access }, index) =>
    `@group(0) @binding(${index}) var<storage, ${access}> ${name}: array<${type}>;\n`
  );
  if (fields.length > 0) {
    lines.push(
      `struct Parameters {\n${fields.map((field) => `  ${field},\n`).join("")}}\n`,
      `@group(0) @binding(${buffers.length}) var<uniform> parameters: Parameters;\n`,
    );
  }
  return lines.join("");
}

/** The number type with which a shader reads a buffer of `dtype`: bool is stored as float32. */
export function wgslType(dtype: DType): "f32" | "i32" {
  return dtype === "int32" ? "i32" : "f32";
}

/** Workgroups that every device allows along one axis of a grid. */
const GRID_AXIS = 65535;

/**
 * A grid of at least `count` workgroups, folded into two axes where one is too short. The shader numbers them
 * `workgroup.y * grid.x + workgroup.x` ({@linkcode wgslWorkgroupIndex}) and returns where that is too large.
 */
export function gridOf(count: number): [x: number, y: number, z: number] {
  if (count <= GRID_AXIS) return [count, 1, 1];
  const y = Math.ceil(count / GRID_AXIS);
  return [Math.ceil(count / y), y, 1];
}

/** The parameters of an entry point that uses {@linkcode wgslWorkgroupIndex} and {@linkcode wgslInvocationIndex}. */
export const wgslEntryParameters: string =
  "@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>, " +
  "@builtin(local_invocation_index) local: u32";

/** The number of the workgroup in a grid from {@linkcode gridOf}. */
export const wgslWorkgroupIndex: string = "(workgroup.y * grid.x + workgroup.x)";

/** The number of the invocation in such a grid, for workgroups of `size` invocations. */
export function wgslInvocationIndex(size: number): string {
  return `(${wgslWorkgroupIndex} * ${size}u + local)`;
}
