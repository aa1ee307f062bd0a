// What a tensor is: a shape, a type, memory on a device, and the operation that made it.

import { ReleasedError, ShapeError } from "../errors.ts";
import {
  type Binding,
  bytesPerElement,
  type DType,
  type Executor,
  type TypedArray,
} from "../kernels/kernel.ts";
import type { Device } from "./device.ts";
import type { Operand, OperationName, OperationOptions } from "./operation.ts";
import type * as operations from "./operations/mod.ts";
import { printTensor } from "./print.ts";
import { currentScope, type Scope } from "./scope.ts";
import { type Shape, showShape, sizeOf } from "./shape.ts";
import { Storage } from "./storage.ts";
import { note } from "./tape.ts";

/** The rule of an operation made by `customGradient`: output gradient -> input gradients. */
export type CustomRule = (outputGradient: Tensor) => readonly (Tensor | undefined)[];

/** A primitive operation that made a tensor. */
export interface PrimitiveOrigin<Name extends OperationName = OperationName> {
  /** The operation. */
  readonly name: Name;
  /** What it was applied to. */
  readonly inputs: readonly Tensor[];
  /** How. */
  readonly options: OperationOptions[Name];
  /** All outputs; the first is the tensor that remembers. */
  readonly outputs: readonly Tensor[];
}

/** A function with its own gradient rule that made a tensor. */
export interface CustomOrigin {
  /** Tells it from the primitive operations. */
  readonly name: "custom";
  /** What the result depends on. */
  readonly inputs: readonly Tensor[];
  /** The gradient rule. */
  readonly rule: CustomRule;
  /** Computes the result again with all its operations recorded, where the function is one that can be seen through. */
  readonly again?: () => Tensor;
}

/** What made a tensor, as far as it was recorded. */
export type Origin = PrimitiveOrigin | CustomOrigin;

/** A number, or a tensor that broadcasts. */
export type Operable = Tensor | number;

let table: typeof operations | undefined;

/** Gives the chainable methods the operations they call; called once, where both are known. */
export function installOperations(all: typeof operations): void {
  table = all;
}

function chain(): typeof operations {
  if (!table) throw new ReleasedError("import tensors from the tensor room's mod.ts");
  return table;
}

// Tensors made outside of every scope go back to the pool when the collector finds them.
const collected = new FinalizationRegistry<Storage>((storage) => storage.release());

/**
 * An immutable n-dimensional array on a device, contiguous in row-major order.
 *
 * Made by {@linkcode tensor}, {@linkcode zeros} and the other creators, and by operations. A tensor made while
 * recording is on remembers the operation and the inputs that made it; `gradients` walks that memory.
 *
 * @example
 * ```ts
 * import { tensor } from "@corit/corit";
 * import { assertEquals } from "@std/assert";
 *
 * const x = tensor([[1, 2], [3, 4]]);
 * assertEquals(x.matmul(x).add(1).toArray(), [[8, 11], [16, 23]]);
 * ```
 */
export class Tensor implements Operand {
  #storage: Storage | undefined;
  #origin: Origin | undefined;
  #scope: Scope | undefined;
  #releasedAt = "";

  private constructor(
    storage: Storage,
    /** Bytes from the start of the storage. */
    readonly byteOffset: number,
    /** Lengths of the axes, outermost first. */
    readonly shape: Shape,
    /** Type of the elements. */
    readonly dtype: DType,
  ) {
    this.#storage = storage;
    this.#scope = currentScope();
    if (this.#scope) this.#scope.adopt(this);
    else collected.register(this, storage, this);
  }

  /** A tensor over fresh memory with undefined content. */
  static allocate(executor: Executor, shape: Shape, dtype: DType): Tensor {
    const bytes = sizeOf(shape) * bytesPerElement[dtype];
    return new Tensor(Storage.allocate(executor, bytes), 0, shape, dtype);
  }

  /** A tensor over a part of this one's memory: `shape` from element `offset` on. */
  view(shape: Shape, offset = 0): Tensor {
    if (offset + sizeOf(shape) > this.size) {
      throw new ShapeError(
        `view: ${showShape(shape)} from element ${offset} does not fit into ${this.size} elements`,
      );
    }
    const byteOffset = this.byteOffset + offset * bytesPerElement[this.dtype];
    return new Tensor(this.storage.retain(), byteOffset, shape, this.dtype);
  }

  /** The memory. Throws ReleasedError, naming where, when it was given back. */
  get storage(): Storage {
    if (!this.#storage) {
      throw new ReleasedError(
        `a tensor of shape ${showShape(this.shape)} was used after its release` +
          `${this.#releasedAt}; return it from its scope, or keep() it`,
      );
    }
    return this.#storage;
  }

  /** What a kernel needs to read or write it. */
  get binding(): Binding {
    return { buffer: this.storage.buffer, byteOffset: this.byteOffset, dtype: this.dtype };
  }

  /** The device it lives on. */
  get device(): Device {
    return this.storage.executor.name;
  }

  /** The number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** The number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Whether its memory went back to the pool. */
  get released(): boolean {
    return this.#storage === undefined;
  }

  /** The operation that made it, while recorded and not released. */
  get origin(): Origin | undefined {
    return this.#origin;
  }

  /** Remembers the operation that made it. */
  remember(origin: Origin): void {
    this.#origin = origin;
  }

  /** Returns its memory to the pool now. Releasing twice does nothing. */
  release(): void {
    if (!this.#storage) return;
    if (this.#scope) this.#scope.forget(this);
    else collected.unregister(this);
    this.#storage.release();
    this.#storage = undefined;
    this.#origin = undefined;
    this.#scope = undefined;
    if (Tensor.traceReleases) this.#releasedAt = ` at\n${new Error().stack ?? ""}\n`;
  }

  /** Records a stack trace at each release, so that use after release says where it happened. Slow. */
  static traceReleases = false;

  /** Returns its memory at the end of a block: `using x = ...`. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Makes it belong to another scope, or to none. */
  moveTo(scope: Scope | undefined): void {
    if (this.#scope) this.#scope.forget(this);
    else collected.unregister(this);
    this.#scope = scope;
    if (scope) scope.adopt(this);
    else collected.register(this, this.storage, this);
  }

  /** The elements, copied, in row-major order; returns when the device has computed them. */
  dataSync(): TypedArray {
    this.#noteReading();
    return this.storage.executor.read(this.binding, this.size);
  }

  /** The elements, copied, in row-major order. */
  data(): Promise<TypedArray> {
    const { executor } = this.storage;
    if (!executor.readLater) return Promise.resolve(this.dataSync());
    this.#noteReading();
    return executor.readLater(this.binding, this.size);
  }

  #noteReading(): void {
    const { storage, byteOffset, shape, dtype } = this;
    note({ kind: "read", input: { storage, byteOffset, shape, dtype } });
  }

  /** The only element, as a number. Throws ShapeError where there is not exactly one. */
  item(): number {
    if (this.size !== 1) {
      throw new ShapeError(`item: expected one element, but found shape ${showShape(this.shape)}`);
    }
    return this.dataSync()[0];
  }

  /** The elements as nested arrays; a scalar as a number. */
  toArray(): NestedArray {
    const data = this.dataSync();
    let at = 0;
    const build = (axis: number): NestedArray =>
      axis === this.rank
        ? data[at++]
        : Array.from({ length: this.shape[axis] }, () => build(axis + 1));
    return build(0);
  }

  /** A readable picture of shape, type and elements. */
  toString(): string {
    return printTensor(this.shape, this.dtype, this.device, this.dataSync());
  }

  /** What the console prints. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.released ? `Tensor ${showShape(this.shape)} (released)` : this.toString();
  }

  /** What a Deno notebook shows. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return { "text/plain": this.toString() };
  }

  /** this + other. */
  add(other: Operable): Tensor {
    return chain().add(this, other);
  }

  /** this - other. */
  sub(other: Operable): Tensor {
    return chain().sub(this, other);
  }

  /** this * other. */
  mul(other: Operable): Tensor {
    return chain().mul(this, other);
  }

  /** this / other. */
  div(other: Operable): Tensor {
    return chain().div(this, other);
  }

  /** this to a power. */
  pow(exponent: Operable): Tensor {
    return chain().pow(this, exponent);
  }

  /** -this. */
  neg(): Tensor {
    return chain().neg(this);
  }

  /** Absolute value. */
  abs(): Tensor {
    return chain().abs(this);
  }

  /** e to this. */
  exp(): Tensor {
    return chain().exp(this);
  }

  /** Natural logarithm. */
  log(): Tensor {
    return chain().log(this);
  }

  /** Square root. */
  sqrt(): Tensor {
    return chain().sqrt(this);
  }

  /** Hyperbolic tangent. */
  tanh(): Tensor {
    return chain().tanh(this);
  }

  /** 1 / (1 + exp(-this)). */
  sigmoid(): Tensor {
    return chain().sigmoid(this);
  }

  /** max(this, 0). */
  relu(): Tensor {
    return chain().relu(this);
  }

  /** Exact GELU. */
  gelu(): Tensor {
    return chain().gelu(this);
  }

  /** this * sigmoid(this). */
  silu(): Tensor {
    return chain().silu(this);
  }

  /** this * this. */
  square(): Tensor {
    return chain().square(this);
  }

  /** Whether this > other, as bool. */
  greater(other: Operable): Tensor {
    return chain().greater(this, other);
  }

  /** Whether this < other, as bool. */
  less(other: Operable): Tensor {
    return chain().less(this, other);
  }

  /** Whether this = other, as bool. */
  equal(other: Operable): Tensor {
    return chain().equal(this, other);
  }

  /** Sum over axes, all by default. */
  sum(axes?: number | readonly number[], options?: { keepAxes?: boolean }): Tensor {
    return chain().sum(this, axes, options);
  }

  /** Mean over axes, all by default. */
  mean(axes?: number | readonly number[], options?: { keepAxes?: boolean }): Tensor {
    return chain().mean(this, axes, options);
  }

  /** Maximum over axes, all by default. */
  max(axes?: number | readonly number[], options?: { keepAxes?: boolean }): Tensor {
    return chain().max(this, axes, options);
  }

  /** Minimum over axes, all by default. */
  min(axes?: number | readonly number[], options?: { keepAxes?: boolean }): Tensor {
    return chain().min(this, axes, options);
  }

  /** int32 index of the first maximum along an axis, the last by default. */
  argmax(axis?: number): Tensor {
    return chain().argmax(this, axis);
  }

  /** Softmax along an axis, the last by default. */
  softmax(axis?: number): Tensor {
    return chain().softmax(this, axis);
  }

  /** Logarithm of softmax along an axis, the last by default. */
  logSoftmax(axis?: number): Tensor {
    return chain().logSoftmax(this, axis);
  }

  /** Matrix product, batched over leading axes. */
  matmul(other: Tensor, options?: operations.MatmulOptions): Tensor {
    return chain().matmul(this, other, options);
  }

  /** The same elements in another shape; one length may be -1. */
  reshape(shape: Shape): Tensor {
    return chain().reshape(this, shape);
  }

  /** The same elements on one axis. */
  flatten(): Tensor {
    return chain().flatten(this);
  }

  /** Axes in another order. */
  permute(axes: readonly number[]): Tensor {
    return chain().permute(this, axes);
  }

  /** The last two axes swapped. */
  transpose(): Tensor {
    return chain().transpose(this);
  }

  /** A part of each axis. */
  slice(...ranges: operations.SliceRange[]): Tensor {
    return chain().slice(this, ...ranges);
  }

  /** Repeated to a broadcast-compatible shape. */
  expand(shape: Shape): Tensor {
    return chain().expand(this, shape);
  }

  /** Without one axis, or all axes, of length 1. */
  squeeze(axis?: number): Tensor {
    return chain().squeeze(this, axis);
  }

  /** With a new axis of length 1. */
  unsqueeze(axis: number): Tensor {
    return chain().unsqueeze(this, axis);
  }

  /** The same values in another type. */
  to(dtype: DType): Tensor {
    return chain().to(this, dtype);
  }

  /** The same values on another device (not differentiable). */
  on(device: Device): Tensor {
    return chain().on(this, device);
  }

  /** The same values without their history. */
  detach(): Tensor {
    return chain().detach(this);
  }
}

/** A number, or arrays of the same nested to any depth. */
export type NestedArray = number | NestedArray[];

/** Lets a tensor outlive its scope: it is released by `release()` or the collector only. */
export function keep<Kept extends Tensor>(tensor: Kept): Kept {
  tensor.moveTo(undefined);
  return tensor;
}
