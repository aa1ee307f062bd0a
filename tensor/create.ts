// Making tensors from numbers.

import { ShapeError, ValueError } from "../errors.ts";
import type { DType, TypedArray } from "../kernels/kernel.ts";
import { defaultDevice, type Device, executorOf } from "./device.ts";
import type { RandomStream } from "./random.ts";
import { runEntry, viewOf } from "./run_entry.ts";
import { checkShape, type Shape, showShape, sizeOf } from "./shape.ts";
import { note } from "./tape.ts";
import { type NestedArray, Tensor } from "./tensor.ts";

/** Where and as what a new tensor is made. */
export interface CreateOptions {
  /** Type of the elements; by default the device's own float type. */
  readonly dtype?: DType;
  /** Device; by default {@linkcode defaultDevice}. */
  readonly device?: Device;
}

/** Options of {@linkcode tensor}. */
export interface TensorOptions extends CreateOptions {
  /** Lengths of the axes; by default those of the nested arrays, or one axis for a typed array. */
  readonly shape?: Shape;
}

function settle({ dtype, device = defaultDevice() }: CreateOptions) {
  const executor = executorOf(device);
  return { executor, dtype: dtype ?? executor.defaultDType };
}

/** The array that can be written to a tensor of a type. */
function typed(values: ArrayLike<number>, dtype: DType): TypedArray {
  if (dtype === "float64") return Float64Array.from(values);
  if (dtype === "int32") {
    return values instanceof Int32Array ? values : Int32Array.from(values);
  }
  if (dtype === "bool") return Float32Array.from(values, (value) => value ? 1 : 0);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function shapeOfNested(values: NestedArray): number[] {
  const shape: number[] = [];
  for (let level = values; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  return shape;
}

function flatten(values: NestedArray, shape: Shape, axis: number, into: number[]): void {
  if (!Array.isArray(values)) {
    if (axis !== shape.length) throw ragged(shape);
    into.push(values);
    return;
  }
  if (values.length !== shape[axis]) throw ragged(shape);
  for (const value of values) flatten(value, shape, axis + 1, into);
}

function ragged(shape: Shape): ShapeError {
  return new ShapeError(
    `tensor: nested arrays must be regular; the first entries suggest ${showShape(shape)}, ` +
      "but others have other lengths",
  );
}

/**
 * A tensor from numbers.
 *
 * @param values A number, nested arrays, or a typed array (copied). Int32Array makes int32 by default.
 * @param options Shape, type and device.
 * @throws {ShapeError} Nested arrays are ragged, or the shape does not hold as many elements.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tensor([[1, 2, 3], [4, 5, 6]]).shape, [2, 3]);
 * assertEquals(tensor(new Float32Array(6), { shape: [3, 2] }).shape, [3, 2]);
 * ```
 */
export function tensor(values: NestedArray | TypedArray, options: TensorOptions = {}): Tensor {
  const { executor, dtype } = settle({
    ...options,
    dtype: options.dtype ?? (values instanceof Int32Array ? "int32" : undefined),
  });
  let flat: ArrayLike<number>;
  let shape: Shape;
  if (ArrayBuffer.isView(values)) {
    flat = values;
    shape = [values.length];
  } else {
    shape = shapeOfNested(values);
    const list: number[] = [];
    flatten(values, shape, 0, list);
    flat = list;
  }
  if (options.shape) {
    checkShape("tensor", options.shape);
    if (sizeOf(options.shape) !== flat.length) {
      throw new ShapeError(
        `tensor: shape ${showShape(options.shape)} holds ${sizeOf(options.shape)} elements, ` +
          `but ${flat.length} were given`,
      );
    }
    shape = options.shape;
  }
  const made = Tensor.allocate(executor, shape, dtype);
  const data = typed(flat, dtype);
  executor.write(made.binding, data);
  note({ kind: "values", output: viewOf(made), data });
  return made;
}

/** A tensor of one repeated value. */
export function full(shape: Shape, value: number, options: CreateOptions = {}): Tensor {
  checkShape("full", shape);
  const { executor, dtype } = settle(options);
  const made = Tensor.allocate(executor, shape, dtype);
  runEntry(
    executor,
    "fill",
    { value },
    [],
    [made],
    false,
    (kernel, _, [output]) => kernel("fill", { count: sizeOf(output.shape), value }, [], [output]),
  );
  return made;
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options?: CreateOptions): Tensor {
  return full(shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: Shape, options?: CreateOptions): Tensor {
  return full(shape, 1, options);
}

/** Zeros with the shape, type and device of another tensor. */
export function zerosLike(like: Tensor): Tensor {
  return full(like.shape, 0, like);
}

/** Ones with the shape, type and device of another tensor. */
export function onesLike(like: Tensor): Tensor {
  return full(like.shape, 1, like);
}

/**
 * start, start + step, ... up to but not including `end`; `arange(end)` starts at 0.
 *
 * @throws {ValueError} The step is 0 or not finite.
 */
export function arange(
  start: number,
  end?: number,
  step = 1,
  options: CreateOptions = {},
): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  const count = Math.ceil((to - from) / step);
  if (!Number.isFinite(count)) {
    throw new ValueError(`arange: the step must be finite and not 0, but is ${step}`);
  }
  const values = Float64Array.from({ length: Math.max(0, count) }, (_, i) => from + i * step);
  return tensor(values, { dtype: settle(options).dtype, device: options.device });
}

/** The identity matrix, `rows` x `columns`. */
export function eye(rows: number, columns: number = rows, options: CreateOptions = {}): Tensor {
  const values = new Float64Array(rows * columns);
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
  return tensor(values, { ...options, dtype: settle(options).dtype, shape: [rows, columns] });
}

/** Options of the random creators. */
export interface RandomOptions extends CreateOptions {
  /** The stream to draw from; the same stream state gives the same numbers on every device. */
  readonly random: RandomStream;
}

function drawn(
  shape: Shape,
  options: RandomOptions,
  fill: (values: Float32Array) => void,
): Tensor {
  checkShape("random", shape);
  const { executor, dtype } = settle(options);
  const draw = (): TypedArray => {
    const values = new Float32Array(sizeOf(shape));
    fill(values);
    return typed(values, dtype);
  };
  const made = Tensor.allocate(executor, shape, dtype);
  executor.write(made.binding, draw());
  note({ kind: "draw", output: viewOf(made), draw });
  return made;
}

/** Uniform numbers in [low, high). */
export function randomUniform(
  shape: Shape,
  options: RandomOptions & { readonly low?: number; readonly high?: number },
): Tensor {
  const { random, low = 0, high = 1 } = options;
  return drawn(shape, options, (values) => random.fillUniform(values, low, high));
}

/** Normal numbers. */
export function randomNormal(
  shape: Shape,
  options: RandomOptions & { readonly mean?: number; readonly deviation?: number },
): Tensor {
  const { random, mean = 0, deviation = 1 } = options;
  return drawn(shape, options, (values) => random.fillNormal(values, mean, deviation));
}

/** Normal numbers, drawn again until within `low` to `high` (absolute bounds, -2 and 2 by default, as in timm). */
export function randomTruncatedNormal(
  shape: Shape,
  options: RandomOptions & {
    readonly mean?: number;
    readonly deviation?: number;
    readonly low?: number;
    readonly high?: number;
  },
): Tensor {
  const { random, mean = 0, deviation = 1, low = -2, high = 2 } = options;
  return drawn(
    shape,
    options,
    (values) => random.fillTruncatedNormal(values, mean, deviation, low, high),
  );
}

/** 1 with a probability, else 0. */
export function randomBernoulli(
  shape: Shape,
  options: RandomOptions & { readonly probability: number },
): Tensor {
  const { random, probability } = options;
  return drawn(shape, options, (values) => random.fillBernoulli(values, probability));
}

/** The numbers 0 to count - 1 in random order, int32. */
export function randomPermutation(count: number, options: RandomOptions): Tensor {
  const order = Int32Array.from(options.random.permutation(count));
  return tensor(order, { device: options.device });
}
