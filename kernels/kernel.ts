// The contract between operations and executors: what a kernel is asked to do, as plain data.
//
// An operation lowers to kernel calls; an executor (`reference`, `wasm`, `webgpu`) carries them out. A
// kernel's parameters hold shapes and options only, never data, so that a call can be recorded, cached by
// key and replayed. Every tensor a kernel sees is contiguous in row-major order unless strides say otherwise.

import type { Expression } from "./expression/expression.ts";

/**
 * The type of a tensor's elements.
 *
 * `float32` computes; `float64` exists on the reference executor only; `int32` holds indices; `bool` holds
 * masks, stored as float32 0 or 1 so that kernels read masks and numbers alike.
 */
export type DType = "float32" | "float64" | "int32" | "bool";

/** Bytes that one element of each type occupies. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  int32: 4,
  bool: 4,
};

/** The array type that holds elements of a tensor on the JavaScript side (`bool` reads as 0 and 1). */
export type TypedArray = Float32Array | Float64Array | Int32Array;

/** The names of the executors. */
export type ExecutorName = "reference" | "wasm" | "webgpu";

/** A block of memory owned by one executor. Its content is read and written through the executor only. */
export interface DeviceBuffer {
  /** Usable bytes, at least as many as were asked for. */
  readonly byteLength: number;
}

/** One operand of a kernel: elements of one type from a byte offset in a buffer onwards. */
export interface Binding {
  /** Where the elements are. */
  readonly buffer: DeviceBuffer;
  /** Where they begin in it. */
  readonly byteOffset: number;
  /** Their type. */
  readonly dtype: DType;
}

/** A tensor seen as `[outer, length, inner]`, the kernel working along `length`. */
export interface AxisLayout {
  /** The product of the axes before it. */
  readonly outer: number;
  /** Elements along the axis. */
  readonly length: number;
  /** The product of the axes behind it. */
  readonly inner: number;
}

/** Rows of equal length: `[rows, length]`. */
export interface RowLayout {
  /** How many rows. */
  readonly rows: number;
  /** Elements of each. */
  readonly length: number;
}

/** The geometry of sliding windows over `[batch, channels, height, width]`. Pairs are [vertical, horizontal]. */
export interface WindowLayout {
  /** Images. */
  readonly batch: number;
  /** Planes of each image. */
  readonly channels: number;
  /** Rows of each plane, without padding. */
  readonly height: number;
  /** Columns of each plane, without padding. */
  readonly width: number;
  /** Elements of a window. */
  readonly kernel: readonly [number, number];
  /** Elements from window to window. */
  readonly stride: readonly [number, number];
  /** Elements from one element of a window to the next. */
  readonly dilation: readonly [number, number];
  /** Elements added on each side: [top, left, bottom, right]; they read as `fill` and are dropped by `fold`. */
  readonly padding: readonly [number, number, number, number];
  /** Windows from top to bottom. */
  readonly outputHeight: number;
  /** Windows from left to right. */
  readonly outputWidth: number;
}

/** Packed attention: query, key and value side by side in one `[batch, tokens, 3, heads, headWidth]` tensor. */
export interface AttentionLayout {
  /** Sequences. */
  readonly batch: number;
  /** Tokens of each sequence. */
  readonly tokens: number;
  /** Attention heads. */
  readonly heads: number;
  /** Elements of a head's query, key or value. */
  readonly headWidth: number;
  /** Multiplies query . key before the softmax. */
  readonly scale: number;
  /** Token i attends to tokens 0..i only. */
  readonly causal: boolean;
}

/** What each kernel is asked to do. The comment names its inputs -> outputs, in binding order. */
export interface KernelParameters {
  /**
   * n inputs -> one output for each expression, all of shape `shape`. Expression input i is input i, read with
   * element strides `inputStrides[i]` (0 repeats it along that axis). Inputs of any type are read as numbers;
   * outputs are rounded toward zero for int32. An output may be the same memory as an input that has its shape.
   */
  readonly pointwise: {
    readonly expressions: readonly Expression[];
    readonly shape: readonly number[];
    readonly inputStrides: readonly (readonly number[])[];
  };
  /**
   * source -> destination (same type). Element (i, j, ...) of `shape` goes from sourceOffset + i * sourceStrides[0] + ...
   * to destinationOffset + i * destinationStrides[0] + ...; other elements of the destination stay. Strides may be negative or 0.
   */
  readonly copy: {
    readonly shape: readonly number[];
    readonly sourceOffset: number;
    readonly sourceStrides: readonly number[];
    readonly destinationOffset: number;
    readonly destinationStrides: readonly number[];
  };
  /** -> destination: `count` elements become `value`. */
  readonly fill: { readonly count: number; readonly value: number };
  /** source -> destination: converts `count` elements between types (toward zero into int32; nonzero, NaN included, is 1 as bool). */
  readonly convert: { readonly count: number };
  /**
   * n inputs, all [outer, length, inner] -> [outer, inner]: sum, maximum or minimum along `length` of `map`
   * applied to the inputs (of input 0 where there is no map). An empty sum is 0, an empty maximum -Infinity. NaN wins a maximum or minimum.
   */
  readonly reduce: AxisLayout & {
    readonly kind: "sum" | "max" | "min";
    readonly map?: Expression;
  };
  /** [outer, length, inner] -> int32 [outer, inner]: index of the first largest or smallest element along `length`. */
  readonly argReduce: AxisLayout & { readonly kind: "max" | "min" };
  /** [outer, length, inner] -> same shape: running sums along `length`, from the end where `reverse`. */
  readonly cumulativeSum: AxisLayout & { readonly reverse: boolean };
  /** [outer, length, inner] -> int32 of the same shape: the stable order of indices that sorts along `length`; NaN last. */
  readonly sort: AxisLayout & { readonly descending: boolean };
  /**
   * a, b, then bias [columns] where `bias`, then n more of the results' shape -> one output [...batch, rows, columns]
   * for each expression of the epilogue (for none, a b + bias).
   * a is [rows, depth] ([depth, rows] where transposeA), b is [depth, columns] ([columns, depth] where transposeB);
   * the matrices of a batch entry start at the batch strides (in elements, 0 repeats).
   * Input 0 of the epilogue's expressions is a b + bias, the others are the n more inputs. No output is in the memory
   * of an input.
   */
  readonly matmul: {
    readonly batch: readonly number[];
    readonly batchStridesA: readonly number[];
    readonly batchStridesB: readonly number[];
    readonly rows: number;
    readonly columns: number;
    readonly depth: number;
    readonly transposeA: boolean;
    readonly transposeB: boolean;
    readonly bias: boolean;
    readonly epilogue?: readonly Expression[];
  };
  /**
   * left [units, rows, height], right [units, rows, width] -> sum over units of left_u' right_u [height, width], sum over
   * units of its elementwise squares [height, width]: the gradient of a linear layer's weight, and its second moment.
   */
  readonly productMoments: {
    readonly units: number;
    readonly rows: number;
    readonly height: number;
    readonly width: number;
  };
  /** x -> softmax along each row, or its logarithm. */
  readonly softmax: RowLayout & { readonly logarithm: boolean };
  /** y (what `softmax` made), gradient of y -> gradient of x. */
  readonly softmaxBackward: RowLayout & { readonly logarithm: boolean };
  /** x, scale [length], bias [length] -> y: each row to mean 0 and variance 1 (biased, plus epsilon), then scale and bias. */
  readonly layerNorm: RowLayout & { readonly epsilon: number };
  /**
   * x, scale, gradient of y, then where `residual` what is added to the gradient of x -> gradients of x [rows, length],
   * scale [length], bias [length].
   */
  readonly layerNormBackward: RowLayout & {
    readonly epsilon: number;
    readonly residual?: boolean;
  };
  /** queryKeyValue -> y [batch, tokens, heads, headWidth], float log-sum-exp of each score row [batch, heads, tokens]. */
  readonly attention: AttentionLayout;
  /** queryKeyValue, y, log-sum-exp, gradient of y -> gradient of queryKeyValue. */
  readonly attentionBackward: AttentionLayout;
  /**
   * source [outer, length, inner], int32 index -> [outer, count, inner]. The index of output element (o, c, i) is read at
   * o * indexStrides[0] + c * indexStrides[1] + i * indexStrides[2]. Indices lie in 0..length-1 (the caller has checked).
   */
  readonly gather: AxisLayout & {
    readonly count: number;
    readonly indexStrides: readonly [number, number, number];
  };
  /** values [outer, count, inner], int32 index (as in `gather`) -> [outer, length, inner]: zero, plus every value at its index, in order. */
  readonly scatterAdd: AxisLayout & {
    readonly count: number;
    readonly indexStrides: readonly [number, number, number];
  };
  /** [batch, channels, height, width] -> [batch, channels * kernel area, windows]: every window as a column. */
  readonly unfold: WindowLayout & { readonly fill: number };
  /** [batch, channels * kernel area, windows] -> [batch, channels, height, width]: the adjoint of `unfold`; overlaps add. */
  readonly fold: WindowLayout;
  /** x of `count` elements -> int32 [1]: index of the first NaN or infinity, or -1. Tests bit patterns. */
  readonly findNonFinite: { readonly count: number };
}

/** The names of the kernels. */
export type KernelName = keyof KernelParameters;

/** How an executor carries out one kernel. */
export type KernelRunner<Name extends KernelName> = (
  parameters: KernelParameters[Name],
  inputs: readonly Binding[],
  outputs: readonly Binding[],
) => void;

/** One kernel with its operands, ready to run. */
export interface KernelCall<Name extends KernelName = KernelName> {
  /** The kernel. */
  readonly name: Name;
  /** What it is asked to do. */
  readonly parameters: KernelParameters[Name];
  /** What it reads. */
  readonly inputs: readonly Binding[];
  /** What it writes. */
  readonly outputs: readonly Binding[];
}

/** Kernel calls prepared once to be run many times, on the same memory. */
export interface Program {
  /** What one run hands to the device, in its own unit: kernel launches, dispatches. */
  readonly launches: number;
  /** Runs all calls in order. */
  run(): void;
  /**
   * Runs all calls in order, telling how long each took. Absent where the device does not compute while the caller
   * waits, so that no time could be told.
   */
  runTimed?(told: (call: number, milliseconds: number) => void): void;
  /** Gives back what the preparation holds. */
  release(): void;
}

/** Memory that an executor holds now. */
export interface MemoryLevel {
  /** Buffers handed out and not released. */
  readonly buffers: number;
  /** Their bytes as asked for. */
  readonly bytes: number;
  /** Bytes taken from the system, free or not. */
  readonly reserved: number;
}

/** A device that holds buffers and runs kernels. Calls take effect in order. */
export interface Executor {
  /** Its name among the executors. */
  readonly name: ExecutorName;
  /** The type in which it computes unless told otherwise. */
  readonly defaultDType: "float32" | "float64";
  /** Whether a launch works best on operands in different buffers; it does not matter unless told. */
  readonly separatesBuffers?: boolean;
  /** Reserves `byteLength` bytes with undefined content. Throws DeviceError when memory is exhausted. */
  allocate(byteLength: number): DeviceBuffer;
  /** Gives a buffer back; its content must not be used again. */
  release(buffer: DeviceBuffer): void;
  /** Copies elements into a buffer. */
  write(destination: Binding, data: TypedArray): void;
  /** Copies `count` elements out of a buffer. */
  read(source: Binding, count: number): TypedArray;
  /** As `read`, on executors that cannot always hand data out in the same turn. */
  readLater?(source: Binding, count: number): Promise<TypedArray>;
  /** Runs one kernel. Throws UnsupportedError naming kernel and executor where it is missing. */
  run<Name extends KernelName>(
    name: Name,
    parameters: KernelParameters[Name],
    inputs: readonly Binding[],
    outputs: readonly Binding[],
  ): void;
  /** Prepares calls, whose buffers must stay allocated, to be run many times without any work on shapes. */
  prepare(calls: readonly KernelCall[]): Program;
  /** Hands work to the device that waits for more, on executors where it does. */
  flush?(): void;
  /** Memory in use now. */
  memory(): MemoryLevel;
}
