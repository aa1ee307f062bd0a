// What an operation is: its options, and the row that tells its output shapes and the kernels it lowers to.

import type { Expression } from "../kernels/expression/expression.ts";
import type { Binding, DType, KernelName, KernelParameters } from "../kernels/kernel.ts";
import type { Shape } from "./shape.ts";

/** What a row knows of a tensor: its shape and type, never its data. */
export interface Descriptor {
  /** Lengths of the axes, outermost first. */
  readonly shape: Shape;
  /** Type of the elements. */
  readonly dtype: DType;
}

/** How an index tensor addresses an axis: each element its own index, or one list for all. */
export type IndexMode = "along" | "select";

/** The options of every primitive operation; the comment names inputs -> outputs. */
export interface OperationOptions {
  /** inputs, broadcast together -> the expression of them. `dtype` overrides the promoted type. */
  readonly pointwise: { readonly expression: Expression; readonly dtype?: DType };
  /** inputs of equal shape -> reduction of `map` (of input 0 where absent) over axes `first` to `last`, which disappear. */
  readonly reduce: {
    readonly kind: "sum" | "max" | "min";
    readonly first: number;
    readonly last: number;
    readonly map?: Expression;
  };
  /** x -> int32 index of the first extremum along `axis`, which disappears. */
  readonly argReduce: { readonly kind: "max" | "min"; readonly axis: number };
  /** x -> running sums along `axis`. */
  readonly cumulativeSum: { readonly axis: number; readonly reverse: boolean };
  /** x -> int32 order of indices that sorts along `axis`. */
  readonly sort: { readonly axis: number; readonly descending: boolean };
  /** a [..., rows, depth], b [..., depth, columns], bias? [columns] -> [..., rows, columns]. */
  readonly matmul: {
    readonly transposeA: boolean;
    readonly transposeB: boolean;
    readonly activation?: Expression;
  };
  /** x -> softmax (or its logarithm) over the last axis. */
  readonly softmax: { readonly logarithm: boolean };
  /** y, gradient of y -> gradient of x. */
  readonly softmaxBackward: { readonly logarithm: boolean };
  /** x, scale, bias -> normalized over the last axis. */
  readonly layerNorm: { readonly epsilon: number };
  /** x, scale, gradient of y -> gradients of x, scale, bias. */
  readonly layerNormBackward: { readonly epsilon: number };
  /** queryKeyValue [batch, tokens, 3 * heads * headWidth] -> y [batch, tokens, heads * headWidth], logSumExp [batch, heads, tokens]. */
  readonly attention: { readonly heads: number; readonly scale: number; readonly causal: boolean };
  /** queryKeyValue, y, logSumExp, gradient of y -> gradient of queryKeyValue. */
  readonly attentionBackward: {
    readonly heads: number;
    readonly scale: number;
    readonly causal: boolean;
  };
  /** x -> the same elements in another shape; shares x's memory. */
  readonly reshape: { readonly shape: Shape };
  /** x -> axes reordered: output axis i is input axis axes[i]. */
  readonly permute: { readonly axes: readonly number[] };
  /** x -> sizes[i] elements of axis i from starts[i] in steps of steps[i] (never 0). */
  readonly slice: {
    readonly starts: readonly number[];
    readonly sizes: readonly number[];
    readonly steps: readonly number[];
  };
  /** x -> zeros of `shape` with x where `slice` would read it: the adjoint of `slice`. */
  readonly placeSlice: {
    readonly shape: Shape;
    readonly starts: readonly number[];
    readonly steps: readonly number[];
  };
  /** inputs -> joined along `axis`. */
  readonly concat: { readonly axis: number };
  /** x -> repeated to a broadcast-compatible shape. */
  readonly expand: { readonly shape: Shape };
  /** x, int32 index -> elements of x along `axis` (see IndexMode). */
  readonly gather: { readonly axis: number; readonly mode: IndexMode };
  /** values, int32 index -> zeros of `length` along `axis`, plus values at their indices: the adjoint of `gather`. */
  readonly scatterAdd: {
    readonly axis: number;
    readonly mode: IndexMode;
    readonly length: number;
  };
  /** x [batch, channels, height, width] -> windows as columns [batch, channels * kernel area, windows]. */
  readonly unfold: WindowOptions & { readonly fill: number };
  /** columns -> [batch, channels, height, width]: the adjoint of `unfold` with fill 0. */
  readonly fold: WindowOptions & { readonly height: number; readonly width: number };
  /** x -> the same values in another type. */
  readonly convert: { readonly dtype: DType };
  /** x -> int32 [1]: index of the first NaN or infinity, or -1. */
  readonly findNonFinite: Record<never, never>;
}

/** The geometry of sliding windows. Pairs are [vertical, horizontal]; padding is [top, left, bottom, right]. */
export interface WindowOptions {
  /** Elements of a window. */
  readonly kernel: readonly [number, number];
  /** Step between windows. */
  readonly stride: readonly [number, number];
  /** Distance between a window's elements. */
  readonly dilation: readonly [number, number];
  /** Elements added around the image. */
  readonly padding: readonly [number, number, number, number];
}

/** The names of the primitive operations. Everything else is composed of these. */
export type OperationName = keyof OperationOptions;

/** A tensor's memory as a row sees it while lowering to kernels. */
export interface Operand extends Descriptor {
  /** The memory. */
  readonly binding: Binding;
}

/** Runs one kernel on the executor that holds the operands. */
export type RunKernel = <Name extends KernelName>(
  name: Name,
  parameters: KernelParameters[Name],
  inputs: readonly Operand[],
  outputs: readonly Operand[],
) => void;

/** One primitive operation: what comes out, and by which kernels. */
export interface OperationRow<Name extends OperationName> {
  /**
   * Output descriptors; throws a typed error where the inputs do not fit. `float` is the device's own float
   * type, for results whose type the inputs leave open.
   */
  infer(
    inputs: readonly Descriptor[],
    options: OperationOptions[Name],
    float: "float32" | "float64",
  ): Descriptor[];
  /** Lowers the operation to kernels. */
  run(
    kernel: RunKernel,
    inputs: readonly Operand[],
    outputs: readonly Operand[],
    options: OperationOptions[Name],
  ): void;
}
